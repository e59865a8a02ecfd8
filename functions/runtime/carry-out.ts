import type { EventSink } from "../../shared/schemas/events.ts";
import type { Report } from "../../shared/schemas/report.ts";
import type { RunRow } from "../../shared/schemas/rows.ts";
import { driveRun } from "./drive.ts";
import { finishRun } from "./finish.ts";
import type { Local } from "./local.ts";

/**
 * Drives a run and, unless it was stopped from outside, writes its report and datasets as far as it has come. A finished
 * run gets what a crash kept it from.
 */
export async function carryOut(
  runId: string,
  local: Local,
  options: { emit: EventSink; signal: AbortSignal },
): Promise<{ run: RunRow; report: Report | undefined }> {
  const run = await driveRun(runId, local, options);
  const report = options.signal.aborted && run.state !== "finished" ? undefined : await finishRun(run, local);
  return { run, report };
}
