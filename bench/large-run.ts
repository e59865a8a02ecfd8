/** A run with as many samples as one likes, whose rows share some thousand samples' content, so that it is written in seconds. */

import { EMBEDDED } from "../functions/runtime/embedded-models.ts";
import { writeJson } from "../functions/workers/files.ts";
import { runAccount } from "../shared/budget/accounts.ts";
import { contentHash } from "../shared/ids.ts";
import { encodeLines } from "../shared/jsonl.ts";
import { configKey, planKey, shardKey } from "../shared/keys.ts";
import { STAGE_ORDER } from "../shared/pipeline.ts";
import { RunConfig } from "../shared/schemas/config.ts";
import type { RunPlan } from "../shared/schemas/plan.ts";
import type { Pointer, SampleRow, ShardRow } from "../shared/schemas/rows.ts";
import type { Scored, ScoredCandidate } from "../shared/schemas/sample.ts";
import type { BenchApi } from "./api-service.ts";

type World = Pick<BenchApi, "store" | "blobs" | "clock">;

const SHARD = 40; // the default of a config
const FILES = 50;
const [runId, passId] = ["large-00000000", "1.train"];

/** @returns how many samples have content of their own */
export async function storeLargeRun(world: World, samples: number): Promise<{ runId: string; contents: number }> {
  await storeRun(world, samples);
  const pointers: Pointer[] = [];
  for (let file = 0; file < FILES; file++) {
    const key = shardKey({ runId, passId, shardId: shardIdOf(file) }, "score");
    const lines = Array.from({ length: SHARD }, (_, at) => sampleOf(file * SHARD + at));
    const encoded = encodeLines(key, lines);
    await world.blobs.write(key, encoded.bytes);
    pointers.push(...encoded.pointers);
  }
  const rows = Array.from({ length: samples }, (_, at): SampleRow => {
    const shardId = shardIdOf(Math.floor(at / SHARD));
    const state = at % 3 === 0 ? "unpaired" : "paired";
    return {
      runId,
      passId,
      sampleId: `smp_${contentHash(at)}`,
      shardId,
      state,
      attempt: 0,
      pointer: pointers[at % pointers.length]!,
    };
  });
  await world.store.samples.createMany(rows);
  const shards = Array.from({ length: Math.ceil(samples / SHARD) }, (_, at) =>
    STAGE_ORDER.map((stage) => shardOf(at, stage)),
  );
  await world.store.shards.createMany(shards.flat());
  return { runId, contents: pointers.length };
}

async function storeRun({ store, blobs, clock }: World, samples: number): Promise<void> {
  const config = RunConfig.parse({ name: "large", data: { manifest: "man_0000000000000000" }, ...EMBEDDED });
  const plan: RunPlan = {
    ...{
      runId,
      rounds: 1,
      samples: { data: samples, selection: 0, evaluation: 0 },
      trains: false,
      models: [],
      warnings: [],
    },
    ...{
      badRows: { count: 0, first: [] },
      estimate: { stages: [], usdMicros: 0 },
      codeVersion: "0",
      manifestDigest: "0".repeat(64),
    },
  };
  await writeJson(blobs, configKey(runId), config);
  await writeJson(blobs, planKey(runId), plan);
  await store.ledger.open(runAccount(runId), 1_000_000);
  const times = { createdAt: clock.now(), updatedAt: clock.now(), workedMs: 0 };
  const run = {
    runId,
    name: "large",
    state: "finished" as const,
    version: 0,
    configKey: configKey(runId),
    round: 1,
    rounds: 1,
  };
  await store.runs.create({ ...run, ...times });
}

const shardIdOf = (at: number): string => String(at).padStart(5, "0");

function shardOf(at: number, stage: ShardRow["stage"]): ShardRow {
  const counters = { parked: 0, requests: 400, cachedReplies: 0, usdMicros: 5, seconds: 1, losses: { tie: 1 } };
  const usage = { prompt_tokens: 9000, completion_tokens: 2000, total_tokens: 11_000 };
  return {
    runId,
    passId,
    stage,
    shardId: shardIdOf(at),
    state: "done",
    attempt: 0,
    samples: SHARD,
    usage,
    ...counters,
  };
}

/** Ten answers of seven claims: a line of about 25 KB. */
function sampleOf(at: number): Scored {
  const candidates = Array.from({ length: 10 }, (_, index): ScoredCandidate => {
    const candidateId = `cnd_${contentHash([at, index])}`;
    const claims = Array.from({ length: 7 }, (_, place) => ({
      claimId: `${candidateId}.${place}`,
      text: `The picture shows thing number ${place} standing to the left of another thing.`,
      question: `Does the picture show thing number ${place} standing to the left of another thing?`,
      labels: [{ pYes: 0.8123, pNo: 0.1234 }],
      verdict: (at + index + place) % 5 === 0 ? ("rejected" as const) : ("accepted" as const),
      repeated: false,
    }));
    const text = claims.map((claim) => claim.text).join(" ");
    return { candidateId, index, text, finishReason: "stop", completionTokens: 140, claims, score: -1 };
  });
  const image = { sha256: "0".repeat(64), path: "a.png", width: 640, height: 480 };
  return {
    sampleId: `smp_${contentHash(at)}`,
    image,
    question: "What does the picture show?",
    metadata: {},
    candidates,
  };
}
