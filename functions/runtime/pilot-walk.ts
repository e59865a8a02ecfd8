/** Walks a pilot's samples through the stages as round 1 will, and notes what each took. */
import type { Meter } from "../../shared/answer.ts";
import { costMicros } from "../../shared/budget/cost.ts";
import type { StageUse } from "../../shared/budget/pilot.ts";
import { COMPUTE_PRICES, MICROS_PER_USD } from "../../shared/budget/prices.ts";
import { modelStage, STAGE_ORDER } from "../../shared/pipeline.ts";
import type { Clock } from "../../shared/ports/clock.ts";
import type { ReplyCache } from "../../shared/ports/state-store.ts";
import { runStage } from "../../shared/run-stage.ts";
import type { ChatReply, ChatRequest, Target } from "../../shared/schemas/chat.ts";
import type { StageName } from "../../shared/schemas/rows.ts";
import { Scored, type Submitted } from "../../shared/schemas/sample.ts";
import type { ModelStage } from "../../shared/stages/stage.ts";
import type { BoundPass } from "../workers/bind.ts";

export type WalkDeps = {
  bound: BoundPass;
  cache: ReplyCache;
  clock: Clock;
  signal: AbortSignal;
  meter: Meter;
};

export type Walked = {
  samples: { sampleId: string; parked: string | null; stages: Record<StageName, StageUse> }[];
  scored: Scored[];
  seconds: number;
  /** Stages whose replies all came from the cache: nobody knows how long they take. */
  untimed: StageName[];
};

export async function walkSamples(samples: readonly Submitted[], deps: WalkDeps): Promise<Walked> {
  const started = deps.clock.now();
  const untimed: StageName[] = [];
  const walked = new Map(
    samples.map(({ sampleId }) => [sampleId, { sampleId, parked: null, stages: noUse() }] as const),
  );
  const parked = new Map<string, string>();
  let current: readonly Submitted[] = samples;
  for (const name of STAGE_ORDER) {
    const { uses, timed, results } = await walkStage(name, current, deps);
    if (!timed) untimed.push(name);
    for (const [sampleId, use] of uses) walked.get(sampleId)!.stages[name] = use;
    for (const { sampleId, result } of results) if (result.outcome === "parked") parked.set(sampleId, result.reason);
    current = results.flatMap(({ result }) => (result.outcome === "done" ? [result.sample] : []));
  }
  return {
    samples: [...walked.values()].map((sample) => ({ ...sample, parked: parked.get(sample.sampleId) ?? null })),
    scored: current.map((sample) => Scored.parse(sample)),
    seconds: (deps.clock.now() - started) / 1000,
    untimed,
  };
}

const noUse = (): Record<StageName, StageUse> => {
  const none = { requests: 0, usdMicros: 0, seconds: 0 };
  return { generate: none, divide: none, question: none, score: none };
};

async function walkStage(name: StageName, samples: readonly Submitted[], { bound, clock, ...deps }: WalkDeps) {
  const notes = stageNotes(bound.refs, deps.meter);
  const started = clock.now();
  const outcome = await runStage(notes.watch(modelStage(name)), samples, {
    ...deps,
    meter: notes.meter,
    context: bound.context,
    models: bound.models,
    lastAttempt: true,
    onReplies: () => {},
  });
  if (outcome.outcome === "try_again") throw new Error(outcome.message);
  return { ...notes.uses((clock.now() - started) / 1000), results: outcome.results };
}

type Noted = { requests: number; tokens: number; paidMicros: number; computes: boolean };

/**
 * Who asked what, and what it cost. A stage's time is dealt to its samples by their tokens; replies of the cache took
 * none, and count as if they had been made at the speed of the others.
 */
function stageNotes(refs: BoundPass["refs"], meter: Meter) {
  const bySample = new Map<string, Noted>();
  const targets = new Map<string, Target>();
  let freshTokens = 0;

  function note(sampleId: string, requests: readonly ChatRequest[]): void {
    const noted = bySample.get(sampleId) ?? { requests: 0, tokens: 0, paidMicros: 0, computes: false };
    noted.requests += requests.length;
    bySample.set(sampleId, noted);
    for (const { custom_id, target } of requests) targets.set(custom_id, target);
  }

  function charge(sampleId: string, replies: ReadonlyMap<string, ChatReply>): void {
    const noted = bySample.get(sampleId)!;
    for (const [customId, reply] of replies) {
      const ref = refs(targets.get(customId)!);
      noted.tokens += tokensOf(reply);
      if (ref.engine === "embedded") noted.computes = true;
      else if (reply.outcome === "completed" && reply.completion.usage)
        noted.paidMicros += costMicros(ref, { usage: reply.completion.usage, seconds: 0 });
    }
  }

  const watch = (stage: ModelStage<Submitted, Submitted>): ModelStage<Submitted, Submitted> => ({
    ...stage,
    ask(sample, context) {
      const requests = stage.ask(sample, context);
      note(sample.sampleId, requests);
      return requests;
    },
    absorb(sample, replies, context) {
      const result = stage.absorb(sample, replies, context);
      if (result.outcome === "more") note(sample.sampleId, result.requests);
      else charge(sample.sampleId, replies);
      return result;
    },
  });

  const counting: Meter = {
    ...meter,
    count(target, reply) {
      freshTokens += tokensOf(reply);
      meter.count(target, reply);
    },
  };

  function uses(seconds: number): { uses: Map<string, StageUse>; timed: boolean } {
    const rate = freshTokens === 0 ? 0 : seconds / freshTokens;
    const used = [...bySample].map(([sampleId, noted]) => [sampleId, useOf(noted, rate)] as const);
    return { uses: new Map(used), timed: freshTokens > 0 || targets.size === 0 };
  }

  return { watch, meter: counting, uses };
}

function useOf({ requests, tokens, paidMicros, computes }: Noted, secondsPerToken: number): StageUse {
  const seconds = tokens * secondsPerToken;
  const computed = computes ? seconds * COMPUTE_PRICES["cpu-core"] * MICROS_PER_USD : 0;
  return { requests, usdMicros: paidMicros + computed, seconds };
}

/** A reply without a count weighs as little as one can. */
const tokensOf = (reply: ChatReply): number =>
  reply.outcome === "completed" ? Math.max(1, reply.completion.usage?.total_tokens ?? 1) : 1;
