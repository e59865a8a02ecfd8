/**
 * The money of one shard. What each wave of requests may cost at most is reserved before it is asked, what its replies did cost is charged
 * while they come, and whatever ends the wave settles it.
 */
import type { Meter } from "../../shared/answer.ts";
import { type ImageSize, requestBound } from "../../shared/budget/bound.ts";
import { addUsage, costMicros, NO_USAGE } from "../../shared/budget/cost.ts";
import { COMPUTE_PRICES, toMicros } from "../../shared/budget/prices.ts";
import { Drain } from "../../shared/drain.ts";
import type { ChatReply, ChatRequest, Target, Usage } from "../../shared/schemas/chat.ts";
import type { ModelRef } from "../../shared/schemas/config.ts";
import type { WorkerDeps } from "./deps.ts";
import { charge, EMBEDDED_SECONDS_BOUND, type Holding, reserve, settle, tellMoney } from "./money.ts";
import { mayBeSpent, microsOf, type OpenRequest, wavesOf } from "./under-way.ts";

/** `cappedMicros` of it went above the bound. */
export type Spent = { usdMicros: number; cappedMicros: number };

export type ShardMeter = Meter & {
  /**
   * Settles the last wave; safe to repeat. `answered`: whatever has no reply now was lost, and counts as fully spent.
   * `cut`: requests may be under way whose replies nobody will see; as many as can be count as fully spent.
   * @returns what all waves have cost
   */
  end(how: "answered" | "cut"): Promise<Spent>;
};

/**
 * Failures after which a server may have done the work and bill it (functions/adapters/openai/failure.ts,
 * functions/fair/fair-engine.ts). They count as one bound, though it may have been asked more than once.
 */
const MAYBE_BILLED = ["timed_out", "connection_lost", "garbled_reply", "no_reply", "engine_failed"];

type Work = { runId: string; what: string };
type Prices = {
  refs: (target: Target) => ModelRef;
  /** Of the shard's images, by the URL they have in requests. */
  sizeOf: (url: string) => ImageSize | undefined;
};
type MeterDeps = Pick<WorkerDeps, "store" | "clock" | "emit" | "signal">;

/** Requests that are being answered, by custom_id. `open`: those without a reply. */
type Wave = {
  holding: Holding;
  started: number;
  bounds: ReadonlyMap<string, Usage>;
  open: Map<string, OpenRequest>;
  usage: Map<Target, Usage>;
};

export function shardMeter(work: Work, { refs, sizeOf }: Prices, deps: MeterDeps): ShardMeter {
  const isPaid = (target: Target) => refs(target).engine !== "embedded";
  const total: Spent = { usdMicros: 0, cappedMicros: 0 };
  let wave: Wave | undefined;
  const run = wavesOf(deps.signal);
  let waves = 0;

  async function begin(requests: readonly ChatRequest[]): Promise<void> {
    await end("answered");
    const paid = requests.filter(({ target }) => isPaid(target));
    const bounds = new Map(paid.map(({ custom_id, body }) => [custom_id, requestBound(body, sizeOf)]));
    const open = new Map(
      paid.map(({ custom_id, target }): [string, OpenRequest] => {
        const ref = refs(target);
        return [custom_id, { target, ref, micros: costMicros(ref, { usage: bounds.get(custom_id)!, seconds: 0 }) }];
      }),
    );
    const seconds = paid.length === requests.length ? 0 : EMBEDDED_SECONDS_BOUND;
    const micros = microsOf(open.values()) + toMicros(seconds * COMPUTE_PRICES["cpu-core"]);
    const atRisk = microsOf(mayBeSpent(open.values()));
    const what = `${work.what}/${waves++}`;
    const holding = await reserve({ runId: work.runId, what }, { micros, atRisk }, deps);
    wave = { holding, started: deps.clock.now(), bounds, open, usage: new Map() };
    run.add(open);
  }

  function count(target: Target, reply: ChatReply): void {
    if (wave === undefined) return;
    wave.open.delete(reply.custom_id);
    const used = usedBy(reply, wave.bounds.get(reply.custom_id) ?? NO_USAGE);
    if (used !== undefined) wave.usage.set(target, addUsage(wave.usage.get(target) ?? NO_USAGE, used));
  }

  /** Servers are paid by the token; the embedded engine once for the wave's time, whichever of its roles answered. */
  function spentMicros({ usage, started }: Wave): number {
    const targets = [...usage.keys()];
    const tokens = targets
      .filter(isPaid)
      .reduce((sum, target) => sum + costMicros(refs(target), { usage: usage.get(target)!, seconds: 0 }), 0);
    if (targets.every(isPaid)) return tokens;
    return tokens + toMicros(((deps.clock.now() - started) / 1000) * COMPUTE_PRICES["cpu-core"]);
  }

  async function flush(): Promise<void> {
    if (wave === undefined) return;
    await charge(wave.holding, spentMicros(wave), deps);
    await tellMoney(work.runId, deps);
  }

  async function end(how: "answered" | "cut"): Promise<Spent> {
    if (wave !== undefined) {
      const ending = wave;
      const unseen = how === "cut" ? cutMicros(ending.open) : microsOf(ending.open.values());
      const usdMicros = spentMicros(ending) + unseen;
      const { cappedMicros } = await settle(ending.holding, usdMicros, deps);
      wave = undefined;
      run.remove(ending.open);
      total.usdMicros += usdMicros;
      total.cappedMicros += cappedMicros;
      await tellMoney(work.runId, deps);
    }
    return { ...total };
  }

  /**
   * A run that is cut off leaves the lines that nobody asked open, in all waves: what is under way is chosen among all of
   * them. After a `Drain` those had a failed reply each, so what is open here was begun, and other waves' lines say nothing.
   */
  function cutMicros(open: Wave["open"]): number {
    const isCutOff = deps.signal.aborted && !(deps.signal.reason instanceof Drain);
    return isCutOff ? run.cutMicros(open) : microsOf(mayBeSpent(open.values()));
  }

  return { begin, count, flush, end };
}

/** A paid server that tells no usage may have used all of the bound. `undefined`: nothing was paid. */
function usedBy(reply: ChatReply, bound: Usage): Usage | undefined {
  if (reply.outcome === "completed") return reply.completion.usage ?? bound;
  return MAYBE_BILLED.includes(reply.failure.code) ? bound : undefined;
}
