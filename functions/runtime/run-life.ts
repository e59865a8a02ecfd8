/** What happens around a run's work in this process: events, webhooks, money given back, and a machine that breaks under it. */
import type { RunEvent } from "../../shared/schemas/events.ts";
import { carryOut } from "./carry-out.ts";
import type { Local } from "./local.ts";
import { type RunTelling, runTelling, type TellingParts } from "./run-telling.ts";

export type RunLifeParts = Omit<TellingParts, "world"> & { local: Local };

export type RunLife = Pick<RunTelling, "become"> & {
  /** Works on the run until it ends or `signal` aborts. Never rejects. */
  work(runId: string, signal: AbortSignal): Promise<void>;
};

export function runLife({ local, ...parts }: RunLifeParts): RunLife {
  const { sinkOf, onFault } = parts;
  const { become, afterwards, tell } = runTelling({ ...parts, world: local });

  async function tellStart(runId: string): Promise<void> {
    const run = await local.store.runs.get(runId);
    if (run?.state === "running") await tell(run);
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
