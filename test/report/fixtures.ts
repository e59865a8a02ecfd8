/** A made-up run of four rounds; its figures fall and wobble as real ones do. */
import type { ExampleAnswer, ExampleImage, ReportExamples } from "../../functions/report/examples.ts";
import { randomFrom } from "../../shared/random.ts";
import { RunConfig } from "../../shared/schemas/config.ts";
import { type Estimate, FIGURES, type Figures, type MetricSet, type Metrics } from "../../shared/schemas/metrics.ts";
import { Report, type RoundReport, type TrainingReport } from "../../shared/schemas/report.ts";
import type { Verdict } from "../../shared/schemas/sample.ts";

const engine = { engine: "embedded" as const, model: "scenes-base" };

export function estimate(value: number | null, half = 0.02, n = 900): Estimate {
  if (value === null) return { value: null, ci: null, n: 0 };
  return { value, ci: [Math.max(0, value - half), value + half], n };
}

const NOTHING = Object.fromEntries(FIGURES.map((name) => [name, estimate(null)])) as Figures;

export function metricSet(response: number, words: number): MetricSet {
  return {
    ...NOTHING,
    response_hallucination: estimate(response, 0.035, 898),
    response_hallucination_all: estimate(response, 0.035),
    mention_hallucination: estimate(response * 0.27, 0.011, 3100),
    recall: estimate(0.903 + (0.44 - response) * 0.03, 0.012, 3600),
    words: estimate(words, 0.6),
    sentences: estimate(words / 4.6, 0.2),
    malformed: estimate(0.012, 0.004, 4500),
    duplicates: estimate(0.009, 0.003, 4500),
    claims: estimate(words / 4.6, 0.2),
    true_claims: estimate(3.6 + (0.44 - response), 0.1),
    claim_error: estimate(response * 0.38, 0.015, 4500),
    labeler_agreement: estimate(0.957, 0.008, 4400),
    samples: 300,
    images: 300,
    answers: 900,
    missing_answers: 0,
  };
}

const metrics = (response: number, words: number): Metrics => ({
  ...metricSet(response, words),
  greedy: metricSet(response * 0.66, words + 0.4),
});

function training(round: number): TrainingReport {
  const random = randomFrom(round);
  const curve = Array.from({ length: 64 }, (_, at) => {
    const margin = (1.6 * at) / 64 + 0.5 * (random() - 0.5);
    return {
      step: at + 1,
      epoch: (at + 1) / 32,
      loss: Math.log(1 + Math.exp(-margin)),
      margin,
      accuracy: Math.min(1, 0.55 + (0.4 * at) / 64 + 0.15 * (random() - 0.5)),
      chosen_reward: margin / 3,
      rejected_reward: (-2 * margin) / 3,
      learning_rate: 2e-4,
    };
  });
  const end = { loss: 0.31, reward_margin: 1.42, reward_accuracy: 0.914 };
  return {
    outcome: "trained",
    steps: 64,
    pairs_used: 508,
    pairs_dropped: { outside_vocabulary: 2 },
    ...end,
    curve,
    seconds: 2.7,
  };
}

const RESPONSES = [0.441, 0.287, 0.192, 0.148, 0.092] as const;
const WORDS = [22.4, 22.1, 22.6, 22.9, 23.1] as const;

function round(number: 1 | 2 | 3 | 4): RoundReport {
  const id = `rlaifv-demo-r${number}-s64`;
  const considered = [
    {
      checkpoint: id,
      step: 64,
      passed: true,
      reason: "recall, words and form hold",
      response_hallucination: estimate(RESPONSES[number]),
      recall: estimate(0.91),
      words: estimate(WORDS[number], 0.5),
    },
  ];
  return {
    round: number,
    pairs: 496 + 7 * number,
    pairing: {
      samples: 214,
      chosen_words: 22.3,
      rejected_words: 22.5,
      dropped: { identical_text: 12, small_gap: 840, over_sample_cap: 96 },
    },
    funnel: { paired: 214, unpaired: 24, parked: 2 },
    candidates: 2400,
    claims: 11_200 + 40 * number,
    losses: { repeated_claim: 96, abstained: 140 + number, no_claims: number === 2 ? 1 : 0 },
    training: training(number),
    selection: { outcome: "selected", checkpoint: id, reason: "lowest response hallucination (0.12) of 2", considered },
    checkpoint: { id, key: `checkpoints/${id}.safetensors`, sha256: "0f".repeat(32), step: 64, epoch: 2 },
    metrics: metrics(RESPONSES[number], WORDS[number]),
    gate: null,
    stages: (["generate", "divide", "question", "score", "train", "select", "evaluate"] as const).map((stage, at) => ({
      stage,
      seconds: [4.1, 0.2, 0.2, 0.7, 2.8, 1.4, 2.1][at]!,
      requests: [240, 2400, 2400, 3900, 0, 600, 900][at]!,
      cached_replies: at === 3 ? 7300 : 0,
      prompt_tokens: at === 4 ? null : 24_000,
      completion_tokens: at === 4 ? null : 67_000,
      cost_usd: 0.0004,
    })),
    cost_usd: 0.0028,
    seconds: 11.6,
  };
}

/** A whole run: training, evaluation, controls. */
export function fullReport(): Report {
  const data = { path: "scenes/report", question: "What is in the picture?" };
  return Report.parse({
    format: "rlaifv-report/1",
    run: {
      id: "run_20261123_k3x9",
      name: "demo",
      state: "finished",
      reason: null,
      seed: 1,
      created_at: "2026-11-23T07:00:00Z",
      code_version: "0.1.0",
    },
    config: RunConfig.parse({
      name: "demo",
      rounds: 4,
      data,
      policy: engine,
      divider: engine,
      questioner: engine,
      labelers: [{ ...engine, model: "scenes-labeler" }],
      train: { trainer: "embedded" },
      evaluate: { bench: "scenes", data },
    }),
    base: metrics(RESPONSES[0], WORDS[0]),
    rounds: [round(1), round(2), round(3), round(4)],
    best_of_n: { n: 8, base: metricSet(0.213, 21.4), aligned: metricSet(0.034, 22.6) },
    controls: { truncated_base: metricSet(0.408, 21.9), sft_only: metricSet(0.352, 23.4) },
    comparison: {
      response_hallucination: { value: -0.349, ci: [-0.391, -0.306], p: 0.002 },
      mention_hallucination: { value: -0.094, ci: [-0.11, -0.08], p: 0.002 },
      recall: { value: 0.0105, ci: [-0.004, 0.025], p: 0.16 },
      words: { value: 0.7, ci: [0.1, 1.3], p: 0.03 },
      malformed: { value: 0, ci: [-0.005, 0.005], p: 1 },
      duplicates: { value: 0, ci: [-0.004, 0.004], p: 1 },
    },
    cost_usd: 0.0142,
    seconds: 58.2,
    warnings: [],
  });
}

/** A run on photographs that ends with its dataset. */
export function datasetReport(): Report {
  const full = fullReport();
  const { evaluate: _evaluate, train: _train, ...config } = full.config;
  const first = full.rounds[0]!;
  return Report.parse({
    ...full,
    config: { ...config, rounds: 1 },
    base: null,
    rounds: [{ ...first, training: null, selection: null, checkpoint: null, metrics: null }],
    best_of_n: null,
    controls: { truncated_base: null, sft_only: null },
    comparison: null,
    warnings: ["12 pictures are larger than the labeler reads; they were scaled down."],
  });
}

/** A run that was stopped before anything was made. */
export function emptyReport(): Report {
  const report = datasetReport();
  return Report.parse({
    ...report,
    run: { ...report.run, state: "paused", reason: "budget: $10 is spent" },
    rounds: [],
    warnings: [],
  });
}

// one grey pixel
const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==";
export const image: ExampleImage = { url: `data:image/png;base64,${PIXEL}`, width: 96, height: 96 };

type Said = readonly [text: string, verdict: Verdict, pYes: number, truth: boolean | null];

export function exampleAnswer(...said: readonly Said[]): ExampleAnswer {
  const claims = said.map(([text, verdict, pYes, truth]) => ({
    text,
    question: `Is it so: ${text}`,
    pYes,
    verdict,
    truth,
  }));
  return { text: claims.map(({ text }) => text).join(" "), claims };
}

export function examples(amount = 12, picture: ExampleImage = image): ReportExamples {
  const base = exampleAnswer(
    ["There is a dog.", "accepted", 0.98, true],
    ["A ball is on the left.", "accepted", 0.93, true],
    ["There is a kite.", "rejected", 0.04, false],
    ["There are two trees.", "abstained", 0.52, false],
  );
  const aligned = exampleAnswer(
    ["There is a dog.", "accepted", 0.99, true],
    ["A ball is on the left.", "accepted", 0.97, true],
    ["A ball is left of a tree.", "accepted", 0.91, true],
  );
  const question = "What is in the picture?";
  const heldOut = Array.from({ length: amount }, (_, at) => ({
    sampleId: `smp_${at}`,
    question,
    image: picture,
    objects: ["dog", "ball", "tree"],
    base,
    aligned,
  }));
  const pair = { pairId: "pr_1", round: 1, question, image: picture, chosen: aligned, rejected: base };
  return { heldOut, pairs: amount === 0 ? [] : [pair, { ...pair, pairId: "pr_2", round: 2 }] };
}

const HOSTILE = [
  `<script>alert(1)</script>`,
  `"><img src=x onerror=alert(1)>`,
  `</style></svg></title><iframe src="https://example.org">`,
  `' onmouseover='alert(1)`,
  `\u0000\u001b[31m\ud800`,
  "&lt;b&gt; &amp;amp;",
];

/** A report in which every free text, also the addresses of pictures, tries to break out. */
export function hostilePage(): { report: Report; examples: ReportExamples; text: string } {
  const text = HOSTILE.join(" ");
  const answer = exampleAnswer([text, "rejected", 0.1, false]);
  const unplaced = { ...answer, text: "x".repeat(500) };
  const url = `https://example.org/x.png" onload="alert(1)`;
  const full = fullReport();
  const report = {
    ...full,
    run: { ...full.run, name: text, id: text, reason: text, state: "failed" as const, code_version: text },
    config: { ...full.config, policy: { ...full.config.policy, model: text } },
    rounds: full.rounds.map((one) => ({
      ...one,
      losses: { [text]: 3 },
      checkpoint: { ...one.checkpoint!, id: text, sha256: text },
      selection: { ...one.selection!, reason: text },
    })),
    warnings: [text],
  };
  const hostileImage = { ...image, url };
  const held = {
    sampleId: text,
    question: text,
    image: hostileImage,
    objects: [text],
    base: answer,
    aligned: unplaced,
  };
  const pair = { pairId: text, round: 1, question: text, image: hostileImage, chosen: answer, rejected: unplaced };
  return { report, examples: { heldOut: [held], pairs: [pair] }, text };
}
