import type { Clock } from "../../../shared/ports/clock.ts";

/** Turns of the event loop without news after which time jumps to the next sleeper. */
const QUIET_TURNS = 8;

/** Time that stands still while anything happens, and jumps to the next sleeper when nothing does. */
export class VirtualClock implements Clock {
  #now = Date.parse("2026-11-23T00:00:00Z");
  #sleepers: { at: number; wake: () => void }[] = [];
  #ticking = false;
  /** Sleepers that were woken by time, for tests that count them. */
  woken = 0;

  now(): number {
    return this.#now;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const sleeper = { at: this.#now + ms, wake: () => resolve() };
      this.#sleepers.push(sleeper);
      signal?.addEventListener("abort", () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        reject(signal.reason);
      });
      void this.#tick();
    });
  }

  async #tick(): Promise<void> {
    if (this.#ticking) return;
    this.#ticking = true;
    while (this.#sleepers.length > 0) {
      const before = this.#sleepers.length;
      for (let turn = 0; turn < QUIET_TURNS; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      if (this.#sleepers.length !== before) continue;
      this.#wakeNext();
    }
    this.#ticking = false;
  }

  #wakeNext(): void {
    const at = Math.min(...this.#sleepers.map((sleeper) => sleeper.at));
    this.#now = Math.max(this.#now, at);
    const due = this.#sleepers.filter((sleeper) => sleeper.at <= this.#now);
    this.#sleepers = this.#sleepers.filter((sleeper) => sleeper.at > this.#now);
    this.woken += due.length;
    for (const { wake } of due) wake();
  }
}
