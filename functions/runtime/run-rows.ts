/** Changes of a run's row. */
import type { Clock } from "../../shared/ports/clock.ts";
import type { StateStore } from "../../shared/ports/state-store.ts";
import type { RunRow } from "../../shared/schemas/rows.ts";
import { mayRunMove } from "../../shared/states/run.ts";
import type { Ending } from "./endings.ts";

/** Throws where shared/states/run.ts has no such move. `workedMs`: of work since the last change, 0 when left out. */
export async function moveRun(
  runId: string,
  { state, reason, workedMs = 0 }: Ending & { workedMs?: number },
  { store, clock }: { store: Pick<StateStore, "runs">; clock: Clock },
): Promise<RunRow> {
  for (;;) {
    const row = await store.runs.get(runId);
    if (row === undefined) throw new Error(`there is no run ${runId}`);
    if (row.state !== state && !mayRunMove(row.state, state)) {
      throw new Error(`run ${runId} is ${row.state} and cannot become ${state}`);
    }
    const { reason: _old, ...kept } = row;
    const told = reason === undefined ? {} : { reason };
    const next = { ...kept, ...told, state, updatedAt: clock.now(), workedMs: row.workedMs + workedMs };
    const written = await store.runs.update(next);
    if (written.outcome === "written") return written.run;
  }
}

/** Every run, newest first. */
export async function* allRuns({ runs }: Pick<StateStore, "runs">): AsyncGenerator<RunRow> {
  for (let cursor: string | undefined; ; ) {
    const page = await runs.list({ limit: 1000, ...(cursor === undefined ? {} : { cursor }) });
    yield* page.items;
    if (page.cursor === undefined) return;
    cursor = page.cursor;
  }
}
