/** The batches of one shard: asked for as the stage asks, found again when they are answered. */
import type { Elsewhere } from "../../../shared/answer.ts";
import type { ShardJob } from "../../../shared/run-shard.ts";
import type { CallRow } from "../../../shared/schemas/calls.ts";
import type { BatchLine, Target } from "../../../shared/schemas/chat.ts";
import type { GpuConfig, ModelRef } from "../../../shared/schemas/config.ts";
import type { Weights } from "../../../shared/schemas/gpu.ts";
import type { Checkpoint } from "../../../shared/schemas/rows.ts";
import { type Batch, batchOf, isAnswered, repliesOf } from "./batches.ts";
import { spentMicros } from "./call-money.ts";
import type { WorkerDepsOnGpu } from "./deps.ts";
import { openCall } from "./open-call.ts";

type Shard = ShardJob & {
  round: number;
  attempt: number;
  token: string;
  refs: (target: Target) => ModelRef;
  /** Of the policy. */
  checkpoint: Checkpoint | undefined;
  /** How many shards of the run are at work at once: more containers would idle. */
  mostAtOnce: number;
};

export type ShardBatches = Elsewhere & {
  /** What the calls behind the answered batches have cost, failed tries too. */
  spent(): Promise<{ usdMicros: number; gpuSeconds: number }>;
};

export function shardBatches(shard: Shard, deps: WorkerDepsOnGpu): ShardBatches {
  const answered: Batch[] = [];
  const gpuOf = (target: Target): GpuConfig | undefined => {
    const gpu = deps.gpu.placement.ofModel(shard.refs(target));
    return gpu && { ...gpu, maxContainers: Math.min(gpu.maxContainers, shard.mostAtOnce) };
  };
  return {
    serves: (target) => gpuOf(target) !== undefined,
    async replies(target, lines) {
      const batch = batchOf(weightsOf(shard, target), lines);
      if (await isAnswered(batch, deps.blobs)) {
        answered.push(batch);
        return { outcome: "answered", replies: repliesOf(batch, deps.blobs) };
      }
      await ask({ shard, batch, gpu: gpuOf(target)!, canary: needsCanary(lines) }, deps);
      return { outcome: "waiting" };
    },
    async spent() {
      const rows = (await Promise.all(answered.map((batch) => callsOf(shard, batch, deps)))).flat();
      return {
        usdMicros: rows.reduce((sum, row) => sum + spentMicros(row), 0),
        gpuSeconds: rows.reduce((sum, { gpuSeconds }) => sum + gpuSeconds, 0),
      };
    },
  };
}

function weightsOf({ refs, checkpoint }: Shard, target: Target): Weights {
  const { model, revision } = refs(target);
  const own = target.startsWith("policy/") ? checkpoint : undefined;
  return {
    model,
    revision: revision ?? "",
    checkpoint: own === undefined ? null : { key: own.key, sha256: own.sha256 },
  };
}

/** Judgements of pictures: a labeler that does not see them would answer all the same. */
const needsCanary = (lines: readonly BatchLine[]): boolean =>
  lines.some(({ body }) => body.logprobs === true && body.messages.some(hasImage));

const hasImage = ({ content }: BatchLine["body"]["messages"][number]): boolean =>
  typeof content !== "string" && content.some(({ type }) => type === "image_url");

const nameOf = ({ passId, stage, shardId }: ShardJob, { hash }: Batch): string =>
  [passId, stage, shardId, hash].join("/");

type Asked = { shard: Shard; batch: Batch; gpu: GpuConfig; canary: boolean };

async function ask({ shard, batch, gpu, canary }: Asked, deps: WorkerDepsOnGpu): Promise<void> {
  const { runId, passId, stage, shardId, round, attempt, token } = shard;
  const { weights, inputKey, outputKey, lines } = batch;
  await deps.blobs.write(inputKey, batch.text);
  await openCall(
    {
      runId,
      name: nameOf(shard, batch),
      work: { kind: "batch", passId, stage, shardId, round, attempt },
      token,
      gpu,
      resultKey: outputKey,
      job: { kind: "batch", weights, inputKey, outputKey, lines, canary },
    },
    deps,
  );
}

/** Every try of a batch that this shard asked for; none where another shard's answer was found. */
async function callsOf(shard: Shard, batch: Batch, { gpu }: WorkerDepsOnGpu): Promise<CallRow[]> {
  const rows: CallRow[] = [];
  for (let attempt = 0; ; attempt++) {
    const row = await gpu.calls.get(`${shard.runId}/${nameOf(shard, batch)}#${attempt}`);
    if (row === undefined) return rows;
    rows.push(row);
  }
}
