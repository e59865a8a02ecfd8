/** Lets requests to one server through in the order they came, as many at once as the window allows. */
import type { Clock } from "../../../shared/ports/clock.ts";
import { afterOverload, afterSuccess, firstWindow, type Window } from "./window.ts";

type Waiter = { admit(): void };

export class Gate {
  readonly #clock: Clock;
  #window: Window;
  #nextAttempt = 0;
  #inFlight = 0;
  #resting = 0;
  #pausedUntil = 0;
  #alarm: AbortController | undefined;
  readonly #retries: Waiter[] = [];
  readonly #beginners: Waiter[] = [];

  constructor(ceiling: number, clock: Clock) {
    this.#window = firstWindow(ceiling);
    this.#clock = clock;
  }

  /** The next pass, first come first served. Rejects with the signal's reason. */
  async begin(signal: AbortSignal): Promise<Pass> {
    await this.#wait(this.#beginners, signal);
    return new Pass(this, this.#nextAttempt++);
  }

  succeeded(): void {
    this.#window = afterSuccess(this.#window, this.#inFlight);
  }

  overloaded(attempt: number, pauseMs: number): void {
    this.#window = afterOverload(this.#window, attempt, this.#nextAttempt);
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#clock.now() + pauseMs);
  }

  rest(): void {
    this.#inFlight--;
    this.#resting++;
    this.#admit();
  }

  /** Comes before all requests that have not begun; returns the number of the new attempt. */
  async resume(signal: AbortSignal): Promise<number> {
    await this.#wait(this.#retries, signal);
    this.#resting--;
    return this.#nextAttempt++;
  }

  leave(from: "in flight" | "resting"): void {
    if (from === "in flight") this.#inFlight--;
    else this.#resting--;
    this.#admit();
  }

  #wait(queue: Waiter[], signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const giveUp = () => {
        queue.splice(queue.indexOf(waiter), 1);
        reject(signal.reason);
        this.#admit();
      };
      const waiter = {
        admit() {
          signal.removeEventListener("abort", giveUp);
          resolve();
        },
      };
      signal.addEventListener("abort", giveUp, { once: true });
      queue.push(waiter);
      this.#admit();
    });
  }

  #admit(): void {
    if (this.#clock.now() < this.#pausedUntil) {
      this.#waitOutPause();
      return;
    }
    const limit = Math.floor(this.#window.limit);
    while (this.#inFlight < limit) {
      // Requests that rest still count against newcomers: a flood of refusals must not pull the whole backlog in.
      const newcomers = this.#inFlight + this.#resting < limit;
      const waiter = this.#retries.shift() ?? (newcomers ? this.#beginners.shift() : undefined);
      if (waiter === undefined) return;
      this.#inFlight++;
      waiter.admit();
    }
  }

  /** Sleeps only while somebody waits, so that an idle gate keeps no process alive. */
  #waitOutPause(): void {
    if (this.#retries.length + this.#beginners.length === 0) {
      this.#alarm?.abort();
      this.#alarm = undefined;
    } else if (this.#alarm === undefined) {
      const mine = new AbortController();
      this.#alarm = mine;
      const wake = () => {
        if (this.#alarm === mine) this.#alarm = undefined;
        this.#admit();
      };
      this.#clock.sleep(this.#pausedUntil - this.#clock.now(), mine.signal).then(wake, () => undefined);
    }
  }
}

/** The right to one request and its retries. `end` must be called once, whatever happens. */
export class Pass {
  readonly #gate: Gate;
  #attempt: number;
  #state: "in flight" | "resting" = "in flight";

  constructor(gate: Gate, attempt: number) {
    this.#gate = gate;
    this.#attempt = attempt;
  }

  succeeded(): void {
    this.#gate.succeeded();
  }

  /** The server is over its limit; for `pauseMs` nothing more is sent to it. */
  overloaded(pauseMs = 0): void {
    this.#gate.overloaded(this.#attempt, pauseMs);
  }

  /** Gives the place to others until `resume`: a request that waits for its retry is not in flight. */
  rest(): void {
    this.#state = "resting";
    this.#gate.rest();
  }

  async resume(signal: AbortSignal): Promise<void> {
    this.#attempt = await this.#gate.resume(signal);
    this.#state = "in flight";
  }

  end(): void {
    this.#gate.leave(this.#state);
  }
}
