/** What is told about a run whose state changes: events, webhooks, and the money that goes back. */
import type { RunRow } from "../../shared/schemas/rows.ts";
import type { WebhookEvent } from "../../shared/schemas/service.ts";
import type { Ending } from "./endings.ts";
import type { RunSink } from "./event-sink.ts";
import { oneByOne } from "./one-by-one.ts";
import type { RunMoney } from "./run-money.ts";
import { moveRun } from "./run-rows.ts";
import type { World } from "./world.ts";

export type TellingParts = {
  world: Pick<World, "store" | "clock">;
  money: Pick<RunMoney, "giveBack">;
  /** Where the run's events go (event-sink.ts). */
  sinkOf: (runId: string) => RunSink;
  /** Told when a run starts to work, pauses, stops or fails, and when a finished one's report and datasets are there. */
  notify: (event: WebhookEvent, run: RunRow) => Promise<void>;
  /** What broke without anybody waiting for it. */
  onFault: (fault: { runId: string; error: unknown }) => void;
};

export type RunTelling = {
  /** Moves a run nobody works on, and tells it. `workedMs`: of work since the last change. */
  become(runId: string, ending: Ending & { workedMs?: number }): Promise<RunRow>;
  /** A run that ended gives back what it did not spend; a paused one keeps its money; a queued one is not told. */
  afterwards(run: RunRow): Promise<void>;
  /** In the order of the events, and without keeping the work waiting. */
  tell(run: RunRow): Promise<void>;
};

const WEBHOOK_OF: Record<RunRow["state"], WebhookEvent | undefined> = {
  queued: undefined,
  running: "run.started",
  paused: "run.paused",
  stopped: "run.stopped",
  finished: "run.finished",
  failed: "run.failed",
};

export function runTelling({ world, money, sinkOf, notify, onFault }: TellingParts): RunTelling {
  const inTurn = oneByOne();

  function tell(run: RunRow): Promise<void> {
    const event = WEBHOOK_OF[run.state];
    if (event === undefined) return Promise.resolve();
    return inTurn(run.runId, () => notify(event, run)).catch((error: unknown) => onFault({ runId: run.runId, error }));
  }

  async function afterwards(run: RunRow): Promise<void> {
    if (["finished", "stopped", "failed"].includes(run.state)) await money.giveBack(run.runId);
    await tell(run);
  }

  async function become(runId: string, ending: Ending & { workedMs?: number }): Promise<RunRow> {
    const run = await moveRun(runId, ending, world);
    const sink = sinkOf(runId);
    const { state, reason } = run;
    sink.emit({ kind: "run", runId, state, ...(reason === undefined ? {} : { reason }) });
    await sink.flush();
    await afterwards(run);
    return run;
  }

  return { become, afterwards, tell };
}
