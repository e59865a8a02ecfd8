/** Waiting that a restart, a stop or a deadline can end. */

import type { Clock } from "../../../shared/ports/clock.ts";
import type { TaskReport } from "../../../shared/ports/orchestrator.ts";
import { INTERRUPTED, StatesError } from "./errors.ts";

/** Longest a Node timer can wait; longer sleeps go in steps. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Sleeps to a moment (ms since 1970). @throws Interrupted when the signal ends it */
export async function sleepUntil(clock: Clock, at: number, signal: AbortSignal): Promise<void> {
  for (let left = at - clock.now(); left > 0; left = at - clock.now()) {
    try {
      await clock.sleep(Math.min(left, MAX_TIMER_MS), signal);
    } catch (error) {
      throw signal.aborted ? INTERRUPTED : error;
    }
  }
  if (signal.aborted) throw INTERRUPTED;
}

/** Rejects with Interrupted when the signal fires. `release` must be called in the end. */
function interruption(signal: AbortSignal): { promise: Promise<never>; release: () => void } {
  const { promise, reject } = Promise.withResolvers<never>();
  const fire = () => reject(INTERRUPTED);
  if (signal.aborted) fire();
  signal.addEventListener("abort", fire, { once: true });
  promise.catch(() => undefined); // whoever races with it hears of it; nobody else needs to
  return { promise, release: () => signal.removeEventListener("abort", fire) };
}

/** Who waits for which token in this process. */
export class TokenDesk {
  readonly #waiting = new Map<string, { report: (report: TaskReport) => void; lastBeat: number }>();

  wait(token: string): Promise<TaskReport> {
    const { promise, resolve } = Promise.withResolvers<TaskReport>();
    this.#waiting.set(token, { report: resolve, lastBeat: 0 });
    return promise;
  }

  leave(token: string): void {
    this.#waiting.delete(token);
  }

  report(token: string, report: TaskReport): void {
    this.#waiting.get(token)?.report(report);
  }

  beat(token: string, at: number): void {
    const place = this.#waiting.get(token);
    if (place !== undefined) place.lastBeat = at;
  }

  lastBeat(token: string): number {
    return this.#waiting.get(token)?.lastBeat ?? 0;
  }
}

/** The limits of one attempt of a task, in seconds; `lastBeat` is the moment of the newest heartbeat, 0 before the first. */
export type Deadlines = { timeout: number | undefined; heartbeat: number | undefined; lastBeat: () => number };

/** Fails at the first deadline that passes; one timer watches both. */
async function deadlinePassed(
  { timeout, heartbeat, lastBeat }: Deadlines,
  clock: Clock,
  signal: AbortSignal,
): Promise<never> {
  const began = clock.now();
  const end = timeout === undefined ? Number.POSITIVE_INFINITY : began + timeout * 1000;
  for (;;) {
    const silence = heartbeat === undefined ? Number.POSITIVE_INFINITY : Math.max(began, lastBeat()) + heartbeat * 1000;
    if (clock.now() >= end)
      throw new StatesError("States.Timeout", `the task ran longer than TimeoutSeconds = ${timeout}`);
    if (clock.now() >= silence)
      throw new StatesError("States.HeartbeatTimeout", `no heartbeat for HeartbeatSeconds = ${heartbeat}`);
    await sleepUntil(clock, Math.min(end, silence), signal);
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
  const racers: Promise<T>[] = [interrupted.promise, work(inner)];
  if (deadlines.timeout !== undefined || deadlines.heartbeat !== undefined)
    racers.push(deadlinePassed(deadlines, clock, inner));
  try {
    return await Promise.race(racers);
  } finally {
    interrupted.release();
    ended.abort(INTERRUPTED);
  }
}
