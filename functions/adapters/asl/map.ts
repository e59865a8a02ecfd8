/** The Map state: INLINE iterations inside the execution, or DISTRIBUTED child executions of their own. */
import { randomUUID } from "node:crypto";
import type { Json } from "../../../shared/ports/orchestrator.ts";
import type { Branch, Move } from "./branch.ts";
import { runChildren } from "./children.ts";
import type { MapState } from "./definition.ts";
import { StatesError } from "./errors.ts";
import { fillNumber, fillText } from "./expressions.ts";
import { MAX_DISTRIBUTED_CONCURRENCY, MAX_INLINE_CONCURRENCY, withinPayload } from "./limits.ts";
import { type Unit, unitsOf } from "./map-items.ts";
import type { FrameEnd } from "./store.ts";

async function concurrencyOf(branch: Branch, state: MapState, most: number): Promise<number> {
  const asked = state.MaxConcurrency === undefined ? 0 : await fillNumber(state.MaxConcurrency, branch.scope(), 0);
  return asked === 0 ? most : Math.min(asked, most);
}

async function performInline(branch: Branch, state: MapState, units: readonly Unit[]): Promise<Json> {
  const outputs: Json[] = [];
  let failure: (FrameEnd & { ok: false }) | undefined;
  await runChildren(branch, {
    count: units.length,
    concurrency: await concurrencyOf(branch, state, MAX_INLINE_CONCURRENCY),
    start: async (number) => {
      const input = await units[number]!.input();
      branch.record([{ type: "MapIterationStarted", details: { index: number } }]);
      return { machine: state.ItemProcessor, input, distributed: false, item: { Index: number, Value: input } };
    },
    ended: (number, end) => {
      branch.record([{ type: end.ok ? "MapIterationSucceeded" : "MapIterationFailed", details: { index: number } }]);
      if (end.ok) outputs[number] = end.output;
      else failure ??= end;
      return end.ok ? "go on" : "stop";
    },
  });
  if (failure !== undefined) throw new StatesError(failure.error, failure.cause);
  return outputs;
}

/** Whether so many failed items are too many. Without a threshold one is. */
async function tolerance(branch: Branch, state: MapState, total: number): Promise<(failed: number) => boolean> {
  const scope = branch.scope();
  const { ToleratedFailureCount, ToleratedFailurePercentage } = state;
  const count = ToleratedFailureCount === undefined ? undefined : await fillNumber(ToleratedFailureCount, scope, 0);
  const percent =
    ToleratedFailurePercentage === undefined ? undefined : await fillNumber(ToleratedFailurePercentage, scope, 0);
  if (count === undefined && percent === undefined) return (failed) => failed > 0;
  return (failed) => failed > (count ?? total) || (100 * failed) / total > (percent ?? 100);
}

type Failed = { Status: "FAILED"; Error: string; Cause: string };
const failedResult = ({ error, cause }: FrameEnd & { ok: false }): Failed => ({
  Status: "FAILED",
  Error: error,
  Cause: cause,
});

/** The files of a result writer: succeeded outputs and failures as JSONL, and a manifest that names them. */
async function writeResults(
  branch: Branch,
  writer: NonNullable<MapState["ResultWriter"]>,
  ends: readonly FrameEnd[],
): Promise<Json> {
  const scope = branch.scope();
  const bucket = await fillText(writer.Arguments.Bucket, scope);
  const folder = `${await fillText(writer.Arguments.Prefix, scope)}/${randomUUID()}`;
  const MapRunArn = `${(branch.context()["Execution"] as { Id: string }).Id}/${branch.frame.state}`;
  const outputs = {
    SUCCEEDED: ends.filter((end) => end.ok).map((end) => end.output),
    FAILED: ends.filter((end) => !end.ok).map(failedResult),
  };
  const ResultFiles: { [status: string]: Json } = { PENDING: [] };
  const { writeObject } = branch.runtime.objects;
  try {
    for (const [status, results] of Object.entries(outputs)) {
      const content = results.map((result) => `${JSON.stringify(result)}\n`).join("");
      const key = `${folder}/${status}_0.jsonl`;
      if (results.length > 0) await writeObject({ bucket, key }, content);
      ResultFiles[status] = results.length > 0 ? [{ Key: key, Size: Buffer.byteLength(content) }] : [];
    }
    await writeObject(
      { bucket, key: `${folder}/manifest.json` },
      JSON.stringify({ DestinationBucket: bucket, MapRunArn, ResultFiles }),
    );
  } catch (error) {
    throw new StatesError("States.ResultWriterFailed", `${bucket}/${folder}: ${(error as Error).message}`);
  }
  return { MapRunArn, ResultWriterDetails: { Bucket: bucket, Key: `${folder}/manifest.json` } };
}

async function performDistributed(branch: Branch, state: MapState, units: readonly Unit[]): Promise<Json> {
  const total = units.reduce((sum, { items }) => sum + items, 0);
  const tooMany = await tolerance(branch, state, total);
  const ends: FrameEnd[] = [];
  let failedItems = 0;
  let cause = "";
  branch.record([{ type: "MapRunStarted" }]);
  await runChildren(branch, {
    count: units.length,
    concurrency: await concurrencyOf(branch, state, MAX_DISTRIBUTED_CONCURRENCY),
    start: async (number) => ({ machine: state.ItemProcessor, input: await units[number]!.input(), distributed: true }),
    ended: (number, end) => {
      ends[number] = end;
      if (end.ok) return "go on";
      failedItems += units[number]!.items;
      cause ||= `${end.error}: ${end.cause}`;
      return tooMany(failedItems) ? "stop" : "go on";
    },
  });
  if (tooMany(failedItems)) {
    branch.record([{ type: "MapRunFailed" }]);
    const threshold = `${failedItems} of ${total} items failed, more than tolerated; the first: ${cause}`;
    throw new StatesError("States.ExceedToleratedFailureThreshold", threshold);
  }
  const result = state.ResultWriter === undefined ? undefined : await writeResults(branch, state.ResultWriter, ends);
  branch.record([{ type: "MapRunSucceeded" }]);
  return result ?? ends.map((end) => (end.ok ? end.output : failedResult(end)));
}

export async function performMap(branch: Branch, state: MapState): Promise<Move> {
  const units = await unitsOf(branch, state);
  branch.record([{ type: "MapStateStarted", details: { items: units.length } }]);
  const distributed = state.ItemProcessor.ProcessorConfig.Mode === "DISTRIBUTED";
  const result = await (distributed ? performDistributed : performInline)(branch, state, units);
  return branch.finish(state, withinPayload(result, `the result of "${branch.frame.state}"`));
}
