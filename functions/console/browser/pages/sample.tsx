import { plural, spaced } from "../../../report/format.ts";
import { claimOfView, countsText, countVerdicts } from "../../model/claims.ts";
import { passName } from "../../model/passes.ts";
import { hrefOf } from "../../model/route.ts";
import { useResource } from "../hooks.ts";
import { AnswerText, ClaimLegend } from "../parts/answer.tsx";
import { Picture } from "../parts/picture.tsx";
import { ProblemNote } from "../parts/problem.tsx";
import { QuestionTable } from "../parts/question-table.tsx";
import { runs, type SampleView } from "../service.ts";

type Props = { runId: string; sampleId: string; query: Record<string, string> };
type Answer = SampleView["answers"][number];

export function SamplePage({ runId, sampleId, query }: Props) {
  const { pass } = query;
  const { value, error } = useResource(`sample ${runId} ${sampleId} ${pass}`, (signal) =>
    runs.sample(runId, sampleId, { pass }, signal),
  );
  return (
    <>
      <p class="kicker">
        <a href={hrefOf([])}>Runs</a>
        <a href={hrefOf(["runs", runId])}>{runId}</a>
        <a href={hrefOf(["runs", runId, "samples"], { pass })}>Samples</a>
        <span>{sampleId}</span>
      </p>
      <ProblemNote error={error} />
      {value === undefined ? (
        error === undefined && <p class="fine waiting">Reading the sample …</p>
      ) : (
        <OpenSample sample={value} />
      )}
    </>
  );
}

function OpenSample({ sample }: { sample: SampleView }) {
  const { image, question, reference, state, reason, pass_id, answers, why, pairs, metadata } = sample;
  return (
    <>
      <h1>{question}</h1>
      <div class="sample">
        <aside class="stack">
          <Picture sha256={image.sha256} alt="The picture asked about" width={image.width} height={image.height} />
          <dl class="card">
            <dt>State</dt>
            <dd>
              {state}
              {reason !== null && `: ${spaced(reason)}`}
            </dd>
            <dt>Pass</dt>
            <dd>{passName(pass_id)}</dd>
            {reference !== null && <dt>Reference</dt>}
            {reference !== null && <dd>{reference}</dd>}
            <dt>Why</dt>
            <dd>{why}</dd>
          </dl>
          <a class="button" href={hrefOf(["chat"], { image: image.sha256, question })}>
            Ask about this picture
          </a>
          {Object.keys(metadata).length > 0 && (
            <details>
              <summary>Metadata</summary>
              <pre>{JSON.stringify(metadata, null, 2)}</pre>
            </details>
          )}
        </aside>
        <div class="answers">
          <ClaimLegend />
          {pairs.length > 0 && <PairList pairs={pairs} answers={answers} />}
          {answers.map((answer) => (
            <AnswerCard key={answer.id} answer={answer} role={roleOf(answer, pairs)} />
          ))}
        </div>
      </div>
    </>
  );
}

type Role = "chosen" | "rejected" | undefined;

function roleOf({ id }: Answer, pairs: SampleView["pairs"]): Role {
  if (pairs.some(({ chosen }) => chosen === id)) return "chosen";
  return pairs.some(({ rejected }) => rejected === id) ? "rejected" : undefined;
}

function AnswerCard({ answer, role }: { answer: Answer; role: Role }) {
  const { index, text, score, unusable, claims, finish_reason } = answer;
  const shown = claims.map(claimOfView);
  return (
    <article class={`card answer side ${role ?? ""}`} id={answer.id}>
      <h3>
        <span>
          Answer {index + 1}
          {role !== undefined && <b class={`role ${role}`}> {role}</b>}
        </span>
        <span class="fine">
          {unusable === null ? countsText(countVerdicts(claims)) : `not used: ${spaced(unusable)}`}
          {score !== null && `, score ${score === 0 ? "0" : `−${-score}`}`}
          {finish_reason === "length" && ", cut at the limit"}
        </span>
      </h3>
      <AnswerText text={text} claims={shown} />
      {shown.length > 0 && <QuestionTable claims={shown} />}
    </article>
  );
}

function PairList({ pairs, answers }: Pick<SampleView, "pairs" | "answers">) {
  const number = (id: string) => `answer ${(answers.find((answer) => answer.id === id)?.index ?? -1) + 1}`;
  return (
    <div class="card">
      <h3>{plural(pairs.length, "pair")}</h3>
      <ul class="pair-list">
        {pairs.map(({ pair_id, chosen, rejected, why }) => (
          <li key={pair_id}>
            <b class="role chosen">{number(chosen)}</b> over <b class="role rejected">{number(rejected)}</b>
            <span class="fine"> {why}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
