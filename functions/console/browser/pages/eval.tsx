import { useState } from "preact/hooks";
import type { EvaluationResult } from "../../../../shared/schemas/evaluation.ts";
import { count, DASH, spaced, withInterval } from "../../../report/format.ts";
import { cancelOn, doingOf, isMoving, subjectText } from "../../model/evaluation.ts";
import { hrefOf } from "../../model/route.ts";
import { dateTime } from "../../model/time.ts";
import { useResource } from "../hooks.ts";
import { ActionButton } from "../parts/action-button.tsx";
import { Bar, MoneyMeter } from "../parts/meter.tsx";
import { ProblemNote } from "../parts/problem.tsx";
import { ReportLink } from "../parts/report-link.tsx";
import { StateBadge } from "../parts/state-badge.tsx";
import { asServiceError, type EvaluationDetail, evaluations, type ServiceError } from "../service.ts";

const REFRESH_MS = 1000;

export function EvalPage({ id }: { id: string }) {
  const [moving, setMoving] = useState(true);
  const { value, error, reload } = useResource(
    `eval ${id}`,
    async (signal) => {
      const evaluation = await evaluations.get(id, signal);
      setMoving(isMoving(evaluation.state));
      return evaluation;
    },
    moving ? REFRESH_MS : undefined,
  );
  if (value === undefined)
    return error === undefined ? <p class="fine waiting">Reading the evaluation …</p> : <ProblemNote error={error} />;
  return (
    <>
      <Heading evaluation={value} />
      <ProblemNote error={error} />
      <Progress evaluation={value} reload={reload} />
      <Gate gate={value.gate} />
      {value.state === "finished" && <Figures id={id} />}
    </>
  );
}

function Heading({ evaluation }: { evaluation: EvaluationDetail }) {
  const { id, bench, state, created_at, subject } = evaluation;
  const run = subject?.run;
  return (
    <>
      <p class="kicker">
        <a href={hrefOf(["evals"])}>Evaluations</a>
        <span>{id}</span>
        <span>{dateTime(created_at)}</span>
      </p>
      <div class="heading">
        <h1>
          {bench} <StateBadge state={state} />
        </h1>
        {state === "finished" && <ReportLink address={evaluations.reportAddress(id)} />}
      </div>
      <p>
        Of {run == null ? subjectText(evaluation) : <a href={hrefOf(["runs", run.id])}>{subjectText(evaluation)}</a>}
      </p>
    </>
  );
}

function Progress({ evaluation, reload }: { evaluation: EvaluationDetail; reload: () => void }) {
  const { id, state, reason, progress, budget, items } = evaluation;
  const [refusal, setRefusal] = useState<ServiceError>();
  const cancel = () => evaluations.cancel(id).then(reload, (cause) => setRefusal(asServiceError(cause)));
  const share = progress === null || progress.total === 0 ? 0 : progress.done / progress.total;
  return (
    <>
      <ProblemNote error={refusal} />
      {reason !== null && (
        <p class="warning" role="status">
          <b>{state}.</b> {reason}
        </p>
      )}
      <div class="status">
        <p aria-live="polite" class="doing">
          {doingOf(evaluation)}
        </p>
        <p>
          <span class="fine">items</span> <b class="number">{count(items)}</b>
        </p>
      </div>
      {progress !== null && <Bar label={doingOf(evaluation)} parts={[{ share, tone: "full" }]} />}
      <MoneyMeter budget={budget} />
      <fieldset class="buttons">
        <legend class="hidden">Control the evaluation</legend>
        <ActionButton label="Cancel" tone="danger" possible={cancelOn(state)} act={cancel} />
      </fieldset>
    </>
  );
}

function Gate({ gate }: { gate: EvaluationDetail["gate"] }) {
  if (gate === null) return null;
  return (
    <section>
      <h2>Gate: {gate.outcome}</h2>
      <ul>
        {gate.checks.map(({ text, value, holds }) => (
          <li key={text}>
            {holds ? "✓" : "✗"} <code>{text}</code>: {value === null ? "not measured" : Number(value.toFixed(4))},{" "}
            {holds ? "holds" : "does not hold"}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Figures({ id }: { id: string }) {
  const { value, error } = useResource(`eval result ${id}`, (signal) => evaluations.result(id, signal));
  if (value === undefined) return <ProblemNote error={error} />;
  const { answers, missing, notes, judge } = value;
  return (
    <section>
      <h2>Figures</h2>
      <p class="note">
        Brackets are confidence intervals by bootstrap over images. Answers: {answers.source}
        {answers.model === null ? "" : `, ${answers.model}`}; {count(missing)} of {count(value.items)} items are missing
        and in no figure.
        {judge !== null && ` Judge: ${judge.model}, ${judge.repetitions} times each.`}
      </p>
      <FigureTable result={value} />
      {notes.length > 0 && (
        <details class="folded">
          <summary>How the figures are made</summary>
          <ul>
            {notes.map((note) => (
              <li key={note}>{note}</li>
            ))}
          </ul>
        </details>
      )}
    </section>
  );
}

function FigureTable({ result }: { result: EvaluationResult }) {
  return (
    <div class="card scroll">
      <table class="figures">
        <thead>
          <tr>
            <th scope="col">figure</th>
            <th scope="col">value</th>
            <th scope="col">of</th>
            <th scope="col" class="text">
              meaning
            </th>
          </tr>
        </thead>
        <tbody>
          {result.infos.map(({ name, kind, meaning }) => {
            const figure = result.figures[name];
            return (
              <tr key={name}>
                <th scope="row">{spaced(name)}</th>
                <td>{figure === undefined ? DASH : withInterval(figure, kind === "share" ? "percent" : "number")}</td>
                <td>{figure === undefined ? DASH : count(figure.n)}</td>
                <td class="text">{meaning}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
