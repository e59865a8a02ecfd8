import { useState } from "preact/hooks";
import { count, DASH, decimal } from "../../../report/format.ts";
import { hrefOf } from "../../model/route.ts";
import { ago, dateTime } from "../../model/time.ts";
import { useResource } from "../hooks.ts";
import { Bar, MoneyMeter } from "../parts/meter.tsx";
import { Pager } from "../parts/pager.tsx";
import { ProblemNote } from "../parts/problem.tsx";
import { StateBadge } from "../parts/state-badge.tsx";
import { type RunView, runs } from "../service.ts";

/** A run in progress changes by the second; the list is small. */
const REFRESH_MS = 2000;
const PER_PAGE = 25;

export function RunsPage() {
  const [cursor, setCursor] = useState<string>();
  const { value, error } = useResource(
    `runs ${cursor}`,
    (signal) => runs.list({ limit: PER_PAGE, cursor }, signal),
    REFRESH_MS,
  );
  return (
    <>
      <div class="heading">
        <h1>Runs</h1>
        <a class="button primary" href={hrefOf(["new-run"])}>
          New run
        </a>
      </div>
      <ProblemNote error={error} />
      {value?.items.length === 0 && <Empty />}
      {value !== undefined && value.items.length > 0 && <RunTable items={value.items} />}
      {value !== undefined && <Pager cursor={cursor} next={value.next_cursor} go={setCursor} what="runs" />}
    </>
  );
}

function Empty() {
  return (
    <section class="card empty">
      <h2>No run yet</h2>
      <p>
        A run makes a preference dataset out of images and questions, trains the policy on it, and measures what it
        gained. The demo does all of it on this machine, on a small world of pictures, in about a minute.
      </p>
      <a class="button primary" href={hrefOf(["new-run"])}>
        Start the demo
      </a>
    </section>
  );
}

function RunTable({ items }: { items: RunView[] }) {
  return (
    <div class="card scroll">
      <table class="list">
        <thead>
          <tr>
            <th scope="col">run</th>
            <th scope="col" class="text">
              state
            </th>
            <th scope="col" class="text">
              round
            </th>
            <th scope="col" class="text">
              cost
            </th>
            <th scope="col">samples</th>
            <th scope="col">samples/s</th>
            <th scope="col">started</th>
          </tr>
        </thead>
        <tbody>
          {items.map((run) => (
            <RunLine key={run.id} run={run} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function RunLine({ run }: { run: RunView }) {
  const { id, name, state, round, rounds, samples, budget, samples_per_second, created_at } = run;
  return (
    <tr>
      <th scope="row">
        <a href={hrefOf(["runs", id])}>{name}</a>
        <span class="fine">{id}</span>
      </th>
      <td class="text" data-label="state">
        <StateBadge state={state} />
      </td>
      <td class="text" data-label="round">
        <div class="meter narrow">
          <span>
            {round} of {rounds}
          </span>
          <Bar label={`Round ${round} of ${rounds}`} parts={[{ share: shareOf(run), tone: "full" }]} />
        </div>
      </td>
      <td class="text" data-label="cost">
        <MoneyMeter budget={budget} />
      </td>
      <td data-label="samples">{count(samples.data)}</td>
      <td data-label="samples/s">{samples_per_second === null ? DASH : decimal(samples_per_second)}</td>
      <td data-label="started">
        <time dateTime={created_at} title={dateTime(created_at)}>
          {ago(created_at, Date.now())}
        </time>
      </td>
    </tr>
  );
}

/** Rounds that are over, of all. */
const shareOf = ({ state, round, rounds }: RunView): number =>
  state === "finished" ? 1 : Math.max(0, round - 1) / rounds;
