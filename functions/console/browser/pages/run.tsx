import { useState } from "preact/hooks";
import { count, DASH, decimal, dollars, duration } from "../../../report/format.ts";
import { figuresOf } from "../../model/figures.ts";
import { statusLine } from "../../model/funnel.ts";
import { type LiveRun, workedSeconds } from "../../model/live-run.ts";
import { hrefOf } from "../../model/route.ts";
import { dateTime } from "../../model/time.ts";
import { useLiveRun, type Watched } from "../live/use-live-run.ts";
import { DatasetExports } from "../parts/dataset-exports.tsx";
import { ChartFigure } from "../parts/figure.tsx";
import { FunnelTable } from "../parts/funnel.tsx";
import { Measure } from "../parts/measure.tsx";
import { MoneyMeter } from "../parts/meter.tsx";
import { ParkedSamples } from "../parts/parked.tsx";
import { ProblemNote } from "../parts/problem.tsx";
import { RunActions } from "../parts/run-actions.tsx";
import { RunFacts } from "../parts/run-facts.tsx";
import { RunTabs } from "../parts/run-tabs.tsx";
import { StateBadge } from "../parts/state-badge.tsx";
import type { RunDetail, ServiceError } from "../service.ts";

export function RunPage({ runId }: { runId: string }) {
  const watched = useLiveRun(runId);
  const { live, error } = watched;
  if (live === undefined)
    return error === undefined ? <p class="fine waiting">Reading the run …</p> : <ProblemNote error={error} />;
  return <OpenRun watched={watched} live={live} />;
}

function OpenRun({ watched, live }: { watched: Watched; live: LiveRun }) {
  const { run } = live;
  const [refusal, setRefusal] = useState<ServiceError>();
  const take = (changed: RunDetail) => {
    setRefusal(undefined);
    watched.replace(changed);
  };
  const outcome = { onChange: take, onRefusal: setRefusal };
  return (
    <>
      <Heading run={run} />
      <RunTabs runId={run.id} at="run" />
      <ProblemNote error={refusal} />
      {watched.connection === "broken" && (
        <p class="warning" role="status">
          <b>The connection is broken.</b> The page tries again by itself; the run goes on without it.
        </p>
      )}
      <Status live={live} />
      <RunActions run={run} {...outcome} />
      <Cards live={live} />
      <section>
        <h2>Stages</h2>
        <FunnelTable live={live} report={watched.report} />
      </section>
      <ParkedSamples run={run} {...outcome} />
      <Figures watched={watched} live={live} />
      <Measure run={run} report={watched.report} />
      <DatasetExports run={run} report={watched.report} pairs={live.pairs} />
      <RunFacts run={run} />
    </>
  );
}

function Heading({ run }: { run: RunDetail }) {
  return (
    <>
      <p class="kicker">
        <a href={hrefOf([])}>Runs</a>
        <span>{run.id}</span>
        <span>{dateTime(run.created_at)}</span>
      </p>
      <div class="heading">
        <h1>
          {run.name} <StateBadge state={run.state} />
        </h1>
      </div>
    </>
  );
}

/** Read out politely, and only what it does: the time left changes by the second. */
function Status({ live }: { live: LiveRun }) {
  const { doing, left } = statusLine(live, Date.now());
  return (
    <div class="status">
      <p aria-live="polite" class="doing">
        {doing}
      </p>
      {live.run.state === "running" && (
        <p>
          <span class="fine">time left</span> <b class="number">{left}</b>
        </p>
      )}
    </div>
  );
}

function Cards({ live }: { live: LiveRun }) {
  const { run } = live;
  const { samples, budget, samples_per_second: speed, round, rounds, served_as } = run;
  return (
    <div class="grid cards">
      <div class="card">
        <div class="figure-name">Round</div>
        <div class="big">
          {round}
          <span class="was"> of {rounds}</span>
        </div>
        <span class="fine">{duration(workedSeconds(run, Date.now()))} of work</span>
      </div>
      <div class="card">
        <div class="figure-name">Samples</div>
        <div class="big">{count(samples.data)}</div>
        <span class="fine">
          + {count(samples.selection)} to choose checkpoints, {count(samples.evaluation)} held out
        </span>
      </div>
      <div class="card">
        <div class="figure-name">Speed</div>
        <div class="big">{speed === null ? DASH : decimal(speed)}</div>
        <span class="fine">samples a second through a stage</span>
      </div>
      <div class="card money">
        <div class="figure-name">Money</div>
        <MoneyMeter budget={budget} />
        <span class="fine">estimated before the start: {dollars(run.estimate_usd)}</span>
      </div>
      <div class="card">
        <div class="figure-name">Served as</div>
        <div class="served">
          {served_as === null ? (
            "the base model, so far"
          ) : (
            <a href={hrefOf(["chat"], { model: served_as })}>{served_as}</a>
          )}
        </div>
        <span class="fine">in chat</span>
      </div>
    </div>
  );
}

function Figures({ watched, live }: { watched: Watched; live: LiveRun }) {
  const figures = figuresOf(watched.report, live.steps);
  if (figures.length === 0) return null;
  return (
    <section>
      <h2>Over the rounds</h2>
      <p class="note">
        Bands are confidence intervals by bootstrap over images. “base” is the model before any training.
      </p>
      <div class="grid charts">
        {figures.map((figure) => (
          <ChartFigure key={figure.id} figure={figure} />
        ))}
      </div>
    </section>
  );
}
