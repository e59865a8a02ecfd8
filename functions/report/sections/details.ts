/** What one needs to check or repeat the run: folded, at the end. */
import type { Report, RoundReport } from "../../../shared/schemas/report.ts";
import { percent } from "../format.ts";
import { html, type Markup } from "../markup.ts";
import { confidenceOf } from "./headline.ts";

const METHOD: readonly (readonly [string, string])[] = [
  [
    "Response hallucination",
    "Answers that name an object which is not in the picture, of the answers that name any object (Object HalBench, “Rsp.”; CHAIRs with the refined denominator).",
  ],
  [
    "Mention hallucination",
    "Objects named that are not in the picture, of all objects named; each word once per answer (“Ment.”, CHAIRi).",
  ],
  ["Object recall", "Different objects named that are in the picture, of the objects that are in it."],
  ["Words", "Runs between white space, per answer."],
  ["False claims", "Claims that the ground truth contradicts, of the claims it can judge."],
  [
    "Labeler agreement",
    "Verdicts (accepted, rejected) equal to the truth; abstentions are left out. It tells how far the labels, and so the pairs, can be trusted.",
  ],
  [
    "Reward accuracy",
    "Pairs whose chosen answer has the higher implicit reward, beta × (log p of policy − log p of reference).",
  ],
  [
    "Shortened base",
    "The base model's own answers, each losing last sentences by seed until the mean number of sentences equals the aligned model's.",
  ],
  [
    "Best of N",
    "The answer with the fewest rejected claims of N sampled ones; ties go to the higher mean p(yes) per claim.",
  ],
];

function interval(report: Report): string {
  const resamples = report.config.evaluate?.bootstrapResamples;
  const drawn = resamples === undefined ? "" : ` (${resamples} resamples)`;
  return `${confidenceOf(report)} percentile bootstrap over images${drawn}: all answers to one picture stay together. At 0 % and 100 % the exact binomial bound with images as trials.`;
}

function checkpoint({ round, checkpoint: promoted }: RoundReport): Markup | null {
  if (promoted === null) return null;
  return html`<dt>Round ${round}</dt><dd><code>${promoted.id}</code>, step ${promoted.step}, sha256 <code>${promoted.sha256}</code></dd>`;
}

function models({ config }: Report): Markup {
  const roles = [
    ["policy", config.policy],
    ["divider", config.divider],
    ["questioner", config.questioner],
  ] as const;
  const all = [...roles, ...config.labelers.map((labeler) => ["labeler", labeler] as const)];
  return html`${all.map(([role, model]) => html`<dt>${role}</dt><dd>${model.model} (${model.engine}${model.baseUrl && html`, ${model.baseUrl}`})</dd>`)}`;
}

export function detailsSection(report: Report): Markup {
  const { run, config } = report;
  return html`<section id="details"><h2>How to check it</h2>
    <details class="folded"><summary>What each figure means</summary><dl>${METHOD.map(([name, text]) => html`<dt>${name}</dt><dd>${text}</dd>`)}
      <dt>Intervals</dt><dd>${interval(report)}</dd></dl></details>
    <details class="folded"><summary>Lineage: models, checkpoints, version</summary><dl>${models(report)}${report.rounds.map(checkpoint)}
      <dt>Code</dt><dd>${run.code_version}</dd><dt>Seed</dt><dd>${run.seed}</dd><dt>Tolerated failures</dt><dd>${percent(config.toleratedFailurePercent / 100, 0)} of a stage's shards</dd></dl></details>
    <details class="folded"><summary>Configuration</summary><pre>${JSON.stringify(config, null, 2)}</pre></details>
    <footer>All numbers of this page stand in <code>report.json</code> beside it. The page needs no network and runs no script.</footer></section>`;
}
