/** Finds runs and passes by what a request names, or says that there is none. */
import type { StateStore } from "../../shared/ports/state-store.ts";
import type { PassId, RunRow } from "../../shared/schemas/rows.ts";
import { ProblemError } from "./problem.ts";
import { PROBLEM_CODES } from "./problem-codes.ts";
import { notFound } from "./refusals.ts";

/** The run, or a ProblemError 404. */
export async function runOf(id: string, { store }: { store: Pick<StateStore, "runs"> }): Promise<RunRow> {
  const run = await store.runs.get(id);
  if (run === undefined) throw notFound("run.not_found", { field: "path.id", value: id, what: `run "${id}"` });
  return run;
}

/** The training pass of the newest round that has samples; `undefined` before the first. */
export async function newestTrainingPass(
  { runId, rounds }: Pick<RunRow, "runId" | "rounds">,
  store: Pick<StateStore, "samples">,
): Promise<{ passId: PassId; round: number } | undefined> {
  for (let round = rounds; round >= 1; round--) {
    const passId: PassId = `${round}.train`;
    const { items } = await store.samples.query({ runId, passId, limit: 1 });
    if (items.length > 0) return { passId, round };
  }
  return undefined;
}

/** What a store says of a cursor that is none of its own becomes a ProblemError 400. */
export async function withCursor<T>(cursor: string | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (cursor === undefined || !(error instanceof RangeError)) throw error;
    throw badCursor(cursor);
  }
}

export function badCursor(cursor: string): ProblemError {
  const { status, meaning, fix } = PROBLEM_CODES["page.cursor"];
  return new ProblemError({ status, code: "page.cursor", field: "query.cursor", value: cursor, detail: meaning, fix });
}
