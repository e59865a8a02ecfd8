import { useState } from "preact/hooks";
import { count, DASH } from "../../../report/format.ts";
import { doingOf, subjectText } from "../../model/evaluation.ts";
import { hrefOf } from "../../model/route.ts";
import { ago, dateTime } from "../../model/time.ts";
import { useResource } from "../hooks.ts";
import { MoneyMeter } from "../parts/meter.tsx";
import { Pager } from "../parts/pager.tsx";
import { ProblemNote } from "../parts/problem.tsx";
import { StateBadge } from "../parts/state-badge.tsx";
import { type EvaluationView, evaluations } from "../service.ts";

const REFRESH_MS = 2000;
const PER_PAGE = 25;

export function EvalsPage() {
  const [cursor, setCursor] = useState<string>();
  const { value, error } = useResource(
    `evals ${cursor}`,
    (signal) => evaluations.list({ limit: PER_PAGE, cursor }, signal),
    REFRESH_MS,
  );
  return (
    <>
      <h1>Evaluations</h1>
      <ProblemNote error={error} />
      {value?.items.length === 0 && (
        <section class="card empty">
          <h2>Nothing was measured yet</h2>
          <p>
            A run's page measures what a round promoted; <code>POST /v1/evals</code> measures any answers and any served
            model.
          </p>
        </section>
      )}
      {value !== undefined && value.items.length > 0 && <EvaluationTable items={value.items} />}
      {value !== undefined && <Pager cursor={cursor} next={value.next_cursor} go={setCursor} what="evaluations" />}
    </>
  );
}

function EvaluationTable({ items }: { items: EvaluationView[] }) {
  return (
    <div class="card scroll">
      <table class="list">
        <thead>
          <tr>
            <th scope="col">benchmark</th>
            <th scope="col" class="text">
              of
            </th>
            <th scope="col" class="text">
              state
            </th>
            <th scope="col" class="text">
              gate
            </th>
            <th scope="col" class="text">
              cost
            </th>
            <th scope="col">items</th>
            <th scope="col">started</th>
          </tr>
        </thead>
        <tbody>
          {items.map((item) => (
            <EvaluationLine key={item.id} item={item} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function EvaluationLine({ item }: { item: EvaluationView }) {
  const { id, bench, state, gate, budget, items, created_at } = item;
  return (
    <tr>
      <th scope="row">
        <a href={hrefOf(["evals", id])}>{bench}</a>
        <span class="fine">{id}</span>
      </th>
      <td class="text" data-label="of">
        {subjectText(item)}
      </td>
      <td class="text" data-label="state">
        <StateBadge state={state} />
        {state === "running" && <span class="fine">{doingOf(item)}</span>}
      </td>
      <td class="text" data-label="gate">
        {gate?.outcome ?? DASH}
      </td>
      <td class="text" data-label="cost">
        <MoneyMeter budget={budget} />
      </td>
      <td data-label="items">{count(items)}</td>
      <td data-label="started">
        <time dateTime={created_at} title={dateTime(created_at)}>
          {ago(created_at, Date.now())}
        </time>
      </td>
    </tr>
  );
}
