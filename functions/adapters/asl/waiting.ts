/** Waiting that a restart, a stop or a deadline can end. */

import type { Clock } from "../../../shared/ports/clock.ts";
import type { TaskReport } from "../../../shared/ports/orchestrator.ts";
import { Interrupted, StatesError } from "./errors.ts";

/** Longest a Node timer can wait; longer sleeps go in steps. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Sleeps to a moment (ms since 1970). @throws Interrupted when the signal ends it */
export async function sleepUntil(clock: Clock, at: number, signal: AbortSignal): Promise<void> {
  for (let left = at - clock.now(); left > 0; left = at - clock.now()) {
    try {
      await clock.sleep(Math.min(left, MAX_TIMER_MS), signal);
    } catch (error) {
      throw signal.aborted ? new Interrupted() : error;
    }
  }
  if (signal.aborted) throw new Interrupted();
}

/** Rejects with Interrupted when the signal fires. `release` must be called in the end. */
export function interruption(signal: AbortSignal): { promise: Promise<never>; release: () => void } {
  const { promise, reject } = Promise.withResolvers<never>();
  const fire = () => reject(new Interrupted());
  if (signal.aborted) fire();
  signal.addEventListener("abort", fire, { once: true });
  promise.catch(() => undefined); // whoever races with it hears of it; nobody else needs to
  return { promise, release: () => signal.removeEventListener("abort", fire) };
}

/** Who waits for which token in this process. */
export class TokenDesk {
  readonly #waiting = new Map<string, { report: (report: TaskReport) => void; beats: number }>();

  wait(token: string): Promise<TaskReport> {
    const { promise, resolve } = Promise.withResolvers<TaskReport>();
    this.#waiting.set(token, { report: resolve, beats: 0 });
    return promise;
  }

  leave(token: string): void {
    this.#waiting.delete(token);
  }

  report(token: string, report: TaskReport): void {
    this.#waiting.get(token)?.report(report);
  }

  beat(token: string): void {
    const place = this.#waiting.get(token);
    if (place !== undefined) place.beats += 1;
  }

  beats(token: string): number {
    return this.#waiting.get(token)?.beats ?? 0;
  }
}

/** The limits of one attempt of a task, in seconds; `beats` counts the heartbeats so far. */
export type Deadlines = { timeout: number | undefined; heartbeat: number | undefined; beats: () => number };

async function timeoutAfter(seconds: number, clock: Clock, signal: AbortSignal): Promise<never> {
  await sleepUntil(clock, clock.now() + seconds * 1000, signal);
  throw new StatesError("States.Timeout", `the task ran longer than TimeoutSeconds = ${seconds}`);
}

async function missedHeartbeat(
  { heartbeat, beats }: Deadlines & { heartbeat: number },
  clock: Clock,
  signal: AbortSignal,
): Promise<never> {
  for (;;) {
    const before = beats();
    await sleepUntil(clock, clock.now() + heartbeat * 1000, signal);
    if (beats() !== before) continue;
    throw new StatesError("States.HeartbeatTimeout", `no heartbeat for longer than HeartbeatSeconds = ${heartbeat}`);
  }
}

/**
 * Does the work unless the signal or a deadline comes first; the signal the work gets fires in every case, so that it
 * can clean up. @throws Interrupted, or StatesError States.Timeout or States.HeartbeatTimeout
 */
export async function withDeadlines<T>(
  work: (signal: AbortSignal) => Promise<T>,
  deadlines: Deadlines,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<T> {
  const ended = new AbortController();
  const inner = AbortSignal.any([signal, ended.signal]);
  const interrupted = interruption(signal);
  const { timeout, heartbeat } = deadlines;
  const racers: Promise<T>[] = [interrupted.promise, work(inner)];
  if (timeout !== undefined) racers.push(timeoutAfter(timeout, clock, inner));
  if (heartbeat !== undefined) racers.push(missedHeartbeat({ ...deadlines, heartbeat }, clock, inner));
  try {
    return await Promise.race(racers);
  } finally {
    interrupted.release();
    ended.abort();
  }
}
