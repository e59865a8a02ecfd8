/** What happens around a run's work: events, webhooks, money given back, and a machine that breaks under it. */
import type { RunEvent } from "../../shared/schemas/events.ts";
import type { RunRow } from "../../shared/schemas/rows.ts";
import type { WebhookEvent } from "../../shared/schemas/service.ts";
import { carryOut } from "./carry-out.ts";
import type { Ending } from "./endings.ts";
import type { RunSink } from "./event-sink.ts";
import type { Local } from "./local.ts";
import { oneByOne } from "./one-by-one.ts";
import type { RunMoney } from "./run-money.ts";
import { moveRun } from "./run-rows.ts";

export type RunLifeParts = {
  local: Local;
  money: Pick<RunMoney, "giveBack">;
  /** Where the run's events go (event-sink.ts). */
  sinkOf: (runId: string) => RunSink;
  /** Told when a run starts to work, pauses, stops or fails, and when a finished one's report and datasets are there. */
  notify: (event: WebhookEvent, run: RunRow) => Promise<void>;
  /** What broke without anybody waiting for it. */
  onFault: (fault: { runId: string; error: unknown }) => void;
};

export type RunLife = {
  /** Works on the run until it ends or `signal` aborts. Never rejects. */
  work(runId: string, signal: AbortSignal): Promise<void>;
  /** Moves a run nobody works on, and tells it. */
  become(runId: string, ending: Ending): Promise<RunRow>;
};

const WEBHOOK_OF: Record<RunRow["state"], WebhookEvent | undefined> = {
  queued: undefined,
  running: "run.started",
  paused: "run.paused",
  stopped: "run.stopped",
  finished: "run.finished",
  failed: "run.failed",
};

export function runLife({ local, money, sinkOf, notify, onFault }: RunLifeParts): RunLife {
  const inTurn = oneByOne();

  /** In the order of the events, and without keeping the work waiting. */
  function tell(run: RunRow): Promise<void> {
    const event = WEBHOOK_OF[run.state];
    if (event === undefined) return Promise.resolve();
    return inTurn(run.runId, () => notify(event, run)).catch((error: unknown) => onFault({ runId: run.runId, error }));
  }

  async function tellStart(runId: string): Promise<void> {
    const run = await local.store.runs.get(runId);
    if (run?.state === "running") await tell(run);
  }

  /** A run that ended gives back what it did not spend; a paused one keeps its money; a queued one is not told. */
  async function afterwards(run: RunRow): Promise<void> {
    if (["finished", "stopped", "failed"].includes(run.state)) await money.giveBack(run.runId);
    await tell(run);
  }

  async function become(runId: string, ending: Ending): Promise<RunRow> {
    const run = await moveRun(runId, ending, local);
    const sink = sinkOf(runId);
    const { state, reason } = run;
    sink.emit({ kind: "run", runId, state, ...(reason === undefined ? {} : { reason }) });
    await sink.flush();
    await afterwards(run);
    return run;
  }

  async function carry(runId: string, signal: AbortSignal): Promise<void> {
    const sink = sinkOf(runId);
    const emit = (event: RunEvent) => {
      sink.emit(event);
      if (event.kind === "run" && event.state === "running") void tellStart(runId);
    };
    const { run } = await carryOut(runId, local, { emit, signal });
    await sink.flush();
    await afterwards(run);
  }

  /** The machine broke, not the run's work: the run says so and can be resumed. */
  async function fail(runId: string, error: unknown): Promise<void> {
    onFault({ runId, error });
    const run = await local.store.runs.get(runId);
    if (run === undefined || run.state === "finished") return;
    const reason = `something broke: ${error instanceof Error ? error.message : String(error)}`;
    await become(runId, { state: "failed", reason });
  }

  async function work(runId: string, signal: AbortSignal): Promise<void> {
    try {
      await carry(runId, signal).catch((error: unknown) => fail(runId, error));
    } catch (error) {
      onFault({ runId, error });
    }
  }

  return { work, become };
}
