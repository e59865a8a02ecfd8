/** Carries a run to its end before the user's eyes: progress, the closing table, the path of the report. */
import { join } from "node:path";
import { Drain } from "../../shared/drain.ts";
import { reportKey } from "../../shared/keys.ts";
import { runSizes } from "../../shared/run-sizes.ts";
import type { RunConfig } from "../../shared/schemas/config.ts";
import type { RunPlan } from "../../shared/schemas/plan.ts";
import type { RunRow, RunState } from "../../shared/schemas/rows.ts";
import { resultTable } from "../report/table.ts";
import { carryOut } from "../runtime/carry-out.ts";
import type { Local } from "../runtime/local.ts";
import { EXIT, type ExitCode } from "./errors.ts";
import type { Output } from "./output.ts";
import { showProgress } from "./progress.ts";

export const EXIT_OF: Record<RunState, ExitCode> = {
  finished: EXIT.ok,
  paused: EXIT.paused,
  stopped: EXIT.interrupted,
  failed: EXIT.failed,
  running: EXIT.failed,
  queued: EXIT.failed,
};

const TABLE_WIDTH = 120; // without a terminal

export async function executeRun(
  plan: RunPlan,
  config: RunConfig,
  { local, output }: { local: Local; output: Output },
): Promise<ExitCode> {
  const { runId } = plan;
  const stop = new AbortController();
  const onSignal = () => {
    if (stop.signal.aborted) process.exit(EXIT.interrupted); // impatient: as good as a kill, and nothing is lost by one
    output.note("stopping: what servers have been asked is let finish; Ctrl-C again cuts it off");
    stop.abort(new Drain("stopped by hand"));
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  const sizes = runSizes(plan, config);
  const progress = showProgress(runId, sizes, process.stderr);
  try {
    const { run, report } = await carryOut(runId, local, { emit: progress.emit, signal: stop.signal });
    progress.stop();
    if (report === undefined) {
      output.result(
        { run: runId, state: run.state },
        `Stopped; everything finished is kept. To go on: rlaifv resume ${runId}${dataFlag(local)}`,
      );
      return EXIT.interrupted;
    }
    const path = join(local.dataDir, reportKey(runId, "html"));
    const ending = endingOf(run);
    const text = [
      resultTable(report, process.stdout.columns ?? TABLE_WIDTH),
      ...report.warnings.map((warning) => `note: ${warning}`),
      ...ending,
      path,
    ].join("\n");
    output.result(
      { run: runId, state: run.state, report: path, reportJson: join(local.dataDir, reportKey(runId, "json")) },
      text,
    );
    return EXIT_OF[run.state];
  } finally {
    progress.stop();
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
}

const TOLD = { finished: "ended early", paused: "paused" } as const;

/** A run that finished with its last round needs no word. */
function endingOf({ state, reason }: RunRow): string[] {
  if (state === "finished" && reason === undefined) return [];
  return [`The run ${TOLD[state as keyof typeof TOLD] ?? "failed"}: ${reason}`];
}

/** ` --data DIR`, unless it is the default. */
export function dataFlag({ dataDir }: Pick<Local, "dataDir">): string {
  return dataDir === DEFAULT_DATA_DIR ? "" : ` --data ${dataDir}`;
}

export const DEFAULT_DATA_DIR = ".rlaifv";
