/** A run whose answers and verdicts are made up, walked through the real shards, states and pairing. */
import { pair } from "../../functions/workers/pair.ts";
import { plan } from "../../functions/workers/plan.ts";
import { candidateIdOf, claimIdOf, sampleIdOf } from "../../shared/ids.ts";
import { encodeLines, readLines } from "../../shared/jsonl.ts";
import { shardKey } from "../../shared/keys.ts";
import { STAGE_ORDER } from "../../shared/pipeline.ts";
import type { BlobStore } from "../../shared/ports/blob-store.ts";
import type { Clock } from "../../shared/ports/clock.ts";
import type { StateStore } from "../../shared/ports/state-store.ts";
import { RunConfig, type RunConfigInput } from "../../shared/schemas/config.ts";
import type { RunRow, SampleState } from "../../shared/schemas/rows.ts";
import { type Scored, type ScoredCandidate, Submitted } from "../../shared/schemas/sample.ts";
import { picture } from "../intake/support.ts";
import { createRecorded } from "./api-runs.ts";

type World = { store: StateStore; blobs: BlobStore; clock: Clock };

const MODEL = { engine: "embedded" as const, model: "embedded/policy" };

export function testConfig(more: Partial<RunConfigInput> = {}): RunConfig {
  const roles = { policy: MODEL, divider: MODEL, questioner: MODEL, labelers: [MODEL] };
  return RunConfig.parse({
    ...{ name: "tested", data: { manifest: "man_0123456789abcdef" }, shardSamples: 7, ...roles },
    ...{ pair: { balance: false } },
    ...more,
  });
}

/** How many claims of each of a sample's answers are rejected, and how it ends. */
export type Fate = { rejected: number[]; parked?: string; unusable?: boolean };

/** By its place: pairs, all the same, too few usable, parked. */
export function fateOf(index: number): Fate {
  const kinds: Fate[] = [
    { rejected: [0, 2, 1, 0] },
    { rejected: [1, 1, 1, 1] },
    { rejected: [0, 3, 0, 2] },
    { rejected: [1, 2], unusable: true },
    { rejected: [0, 1], parked: "the labeler gave no reply" },
  ];
  return kinds[index % kinds.length]!;
}

/** The run with `samples` samples in one round, finished; three images between them. */
export async function finishedRun(samples: number, world: World, config = testConfig()): Promise<RunRow> {
  const images = await Promise.all(([1, 2, 3] as const).map((seed) => picture("png", seed, 8)));
  const hashes = await Promise.all(images.map((bytes) => world.blobs.writeContent(bytes)));
  const submitted = Array.from({ length: samples }, (_, index): Submitted => {
    const sha256 = hashes[index % hashes.length]!;
    const question = `What is in picture ${index}?`;
    const image = { sha256, path: `${index % hashes.length}.png`, width: 8, height: 8 };
    return { sampleId: sampleIdOf({ imageSha256: sha256, question }), image, question, metadata: { index } };
  });
  const { run } = await createRecorded(config, submitted, world);
  await walkTrainingPass(run, world);
  const [running] = [await world.store.runs.update({ ...run, state: "finished", round: 1, workedMs: 4000 })];
  if (running.outcome === "conflict") throw new Error("somebody else moved the run");
  return running.run;
}

async function walkTrainingPass({ runId }: RunRow, { store, blobs }: World): Promise<void> {
  const passId = "1.train";
  const emit = () => {};
  await plan({ runId, round: 1, passId, stage: "generate" }, { store, blobs, emit });
  for (const { shardId } of await store.shards.list({ runId, passId, stage: "generate" })) {
    const lines: Scored[] = [];
    for await (const line of readLines(blobs, shardKey({ runId, passId, shardId }, "submitted"))) {
      lines.push(scored(Submitted.parse(line)));
    }
    const kept = lines.filter((line) => fateIn(line).parked === undefined);
    const { bytes, pointers } = encodeLines(shardKey({ runId, passId, shardId }, "score"), kept);
    await blobs.write(shardKey({ runId, passId, shardId }, "score"), bytes);
    await moveAlong(
      { runId, passId, store },
      lines,
      new Map(kept.map(({ sampleId }, at) => [sampleId, pointers[at]!])),
    );
    const parked = lines.length - kept.length;
    for (const stage of STAGE_ORDER) {
      const counters = { requests: 4 * lines.length, cachedReplies: 0, usdMicros: 10, seconds: 1, losses: {} };
      const row = { runId, passId, stage, shardId, state: "done" as const, attempt: 0, samples: lines.length, parked };
      await store.shards.put({
        ...row,
        ...counters,
        usage: { prompt_tokens: 9, completion_tokens: 5, total_tokens: 14 },
      });
    }
  }
  await pair({ runId, round: 1, passId }, { store, blobs, emit });
}

type Pass = { runId: string; passId: string; store: StateStore };
type Pointers = Map<string, { key: string; offset: number; length: number }>;

async function moveAlong({ runId, passId, store }: Pass, lines: readonly Scored[], pointers: Pointers): Promise<void> {
  const states: SampleState[] = ["submitted", "generated", "divided", "questioned", "scored"];
  const parked = lines.filter(({ sampleId }) => !pointers.has(sampleId));
  const moves = parked.map((line) => ({
    sampleId: line.sampleId,
    from: "submitted" as const,
    attempt: 0,
    to: "parked" as const,
    reason: fateIn(line).parked!,
  }));
  await store.samples.move(runId, passId, moves);
  for (const [at, to] of states.slice(1).entries()) {
    const steps = [...pointers].map(([sampleId, pointer]) => ({
      sampleId,
      from: states[at]!,
      attempt: 0,
      to,
      pointer,
    }));
    await store.samples.move(runId, passId, steps);
  }
}

const fateIn = ({ metadata }: Submitted): Fate => fateOf(Number(metadata["index"]));

function scored(sample: Submitted): Scored {
  const { rejected, unusable } = fateIn(sample);
  const candidates = rejected.map((count, index) => candidate(sample, { index, rejected: count }));
  if (unusable === true) candidates[0] = { ...candidates[0]!, claims: [], score: null, unusable: "no_claims" };
  return { ...sample, candidates };
}

function candidate({ sampleId }: Submitted, { index, rejected }: { index: number; rejected: number }): ScoredCandidate {
  const candidateId = candidateIdOf({ sampleId, index, model: "policy", seed: 1 });
  const claims = Array.from({ length: 4 }, (_, at) => ({
    claimId: claimIdOf(candidateId, at),
    text: `Claim ${at} of answer ${index}.`,
    question: `Is claim ${at} of answer ${index} true?`,
    labels: [at < rejected ? { pYes: 0.1, pNo: 0.9 } : { pYes: 0.8, pNo: 0.2 }],
    verdict: at < rejected ? ("rejected" as const) : ("accepted" as const),
    repeated: false,
  }));
  const text = `Answer ${index} about it, with ${rejected} inventions.`;
  return {
    candidateId,
    index,
    text,
    finishReason: "stop",
    completionTokens: 9,
    claims,
    score: rejected === 0 ? 0 : -rejected,
  };
}
