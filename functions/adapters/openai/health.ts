/** Which models are given up for now, so that one wrong key does not cause forty thousand calls. */
import type { Clock } from "../../../shared/ports/clock.ts";
import type { RequestFailure } from "../../../shared/schemas/chat.ts";
import { EngineFailure, type Verdict } from "./failure.ts";
import { bearable } from "./retry.ts";

const STOP_MS = 60_000; // our choice: after a minute one request may try again

export type Health = {
  /** Why requests to this model are not sent now. */
  stopped(model: string): RequestFailure | undefined;
  /** Aborts with an EngineFailure when the model is stopped. */
  signal(model: string): AbortSignal;
  answered(model: string): void;
  /** Judges what the end of one request means for all others. `since`: when that request was first sent. */
  gaveUp(model: string, verdict: Verdict, since: number): void;
};

type Record = {
  stop: AbortController;
  until: number;
  failure: RequestFailure | undefined;
  lastAnswer: number | undefined;
};

export function modelHealth(clock: Clock): Health {
  const records = new Map<string, Record>();

  function recordOf(model: string): Record {
    const known = records.get(model);
    const over = known?.failure !== undefined && clock.now() >= known.until;
    if (known !== undefined && !over) return known;
    const fresh = { stop: new AbortController(), until: 0, failure: undefined, lastAnswer: known?.lastAnswer };
    records.set(model, fresh);
    return fresh;
  }

  return {
    stopped: (model) => recordOf(model).failure,
    signal: (model) => recordOf(model).stop.signal,
    answered(model) {
      const record = recordOf(model);
      record.lastAnswer = clock.now();
      if (record.failure !== undefined)
        records.set(model, { ...record, stop: new AbortController(), failure: undefined });
    },
    gaveUp(model, verdict, since) {
      const record = recordOf(model);
      if (record.failure !== undefined || !concernsAll(verdict, record.lastAnswer, since)) return;
      record.failure = verdict.failure;
      record.until = clock.now() + STOP_MS;
      record.stop.abort(new EngineFailure(verdict.failure));
    },
  };
}

function concernsAll(verdict: Verdict, lastAnswer: number | undefined, since: number): boolean {
  // A gateway that has answered before may forbid one prompt (moderation) without forbidding the key.
  if (verdict.failure.code === "forbidden") return lastAnswer === undefined;
  if (verdict.kind === "fatal") return true;
  if (verdict.kind === "overload") return !bearable(verdict);
  return verdict.kind === "unreachable" && (lastAnswer ?? -1) < since;
}
