/** The GPU app as the fake Modal runs it: the same contract as functions/gpu, computed by the embedded engine and trainer. */
import { parquetReadObjects } from "hyparquet";
import { z } from "zod";
import type { S3BlobStore } from "../../../functions/adapters/s3/blob-store.ts";
import { openEmbeddedEngine } from "../../../functions/embedded/engine.ts";
import { embeddedTrainer } from "../../../functions/embedded/trainer.ts";
import { BatchLine, type ChatReply } from "../../../shared/schemas/chat.ts";
import { TrainConfig } from "../../../shared/schemas/config.ts";
import {
  BatchJob,
  GPU_CONTRACT,
  type GpuReport,
  GpuTrainJob,
  type GpuTrainResult,
  type GpuVerdict,
} from "../../../shared/schemas/gpu.ts";
import type { Pair } from "../../../shared/schemas/pair.ts";
import type { FakeApp, FakeContext } from "../modal/apps.ts";

export type GpuAppParts = {
  /** The bucket as the GPU side sees it. */
  blobs: S3BlobStore;
  tell: (url: string, report: GpuReport) => Promise<GpuVerdict>;
  /** After every optimiser step, e.g. to take the container away. */
  onStep?: (callId: string, step: number, attempt: number) => void;
};

/** Answers between two heartbeats. */
const LINES_A_BEAT = 40;

export function gpuApp(parts: GpuAppParts): FakeApp {
  const engine = openEmbeddedEngine({ blobs: parts.blobs });

  async function answers(
    job: BatchJob,
    context: FakeContext,
    beat: (done: number) => Promise<void>,
  ): Promise<string[]> {
    const model = job.weights.checkpoint?.key ?? job.weights.model;
    const lines: BatchLine[] = [];
    for (const text of await linesOf(parts.blobs, job.inputKey)) {
      const line = BatchLine.parse(JSON.parse(text));
      lines.push({ ...line, body: { ...line.body, model } });
    }
    const out: string[] = [];
    for await (const reply of engine.run(lines, context.signal)) {
      out.push(JSON.stringify(outputOf(reply)));
      if (out.length % LINES_A_BEAT === 0) await beat(out.length);
    }
    context.signal.throwIfAborted();
    return out;
  }

  async function batch(job: BatchJob, context: FakeContext): Promise<object> {
    return reporting(job, context, parts.tell, async (beat) => {
      if ((await parts.blobs.read(job.outputKey, { offset: 0, length: 1 })) === undefined) {
        const out = await answers(job, context, (done) => beat(done, job.lines));
        await parts.blobs.writeOnce(job.outputKey, out.map((line) => `${line}\n`).join(""));
      }
      return job.outputKey;
    });
  }

  async function train(job: GpuTrainJob, context: FakeContext): Promise<object> {
    return reporting(job, context, parts.tell, async (beat) => {
      const { weights, settings, name, outputPrefix, seed } = job;
      const { method: _method, ...config } = settings;
      const { checkpoint } = weights;
      const outcome = await embeddedTrainer({ blobs: parts.blobs }).train(
        {
          name,
          outputPrefix,
          seed,
          config: TrainConfig.parse({ ...config, trainer: "embedded" }),
          baseModel: weights.model,
          base: checkpoint === null ? undefined : { id: "base", step: 0, epoch: 0, ...checkpoint },
          pairs: await pairsOf(parts.blobs, job.pairsKey),
        },
        {
          signal: context.signal,
          onStep: ({ step }) => parts.onStep?.(context.callId, step, context.attempt),
        },
      );
      await beat(1, 1);
      const result: GpuTrainResult = outcome;
      await parts.blobs.write(job.resultKey, JSON.stringify(result));
      return job.resultKey;
    });
  }

  return {
    Batch: {
      parameters: { model: "string", revision: "string", checkpoint: "string" },
      methods: { run: ([job], _kwargs, context) => batch(BatchJob.parse(job), context) },
    },
    train_dpo: ([job], _kwargs, context) => train(GpuTrainJob.parse(job), context),
    contract: () => ({ contract: GPU_CONTRACT, versions: {} }),
  };
}

/** Reports around the work; a verdict that says stop ends it without a result, as functions/gpu does. */
async function reporting(
  job: BatchJob | GpuTrainJob,
  { callId, container, signal }: FakeContext,
  tell: GpuAppParts["tell"],
  work: (beat: (done: number, total: number) => Promise<void>) => Promise<string>,
): Promise<object> {
  const { call, callbackUrl } = job;
  const began = performance.now();
  const gpuSeconds = () => (performance.now() - began) / 1000;
  const own = { call, providerId: callId };
  const first = await tell(callbackUrl, { type: "started", ...own, container });
  if (!first.goOn) return { outcome: "stopped" };
  try {
    const resultKey = await work(async (done, total) => {
      const verdict = await tell(callbackUrl, {
        type: "heartbeat",
        ...own,
        gpuSeconds: gpuSeconds(),
        progress: { done, total },
      });
      if (!verdict.goOn) throw new Stopped(verdict.reason);
    });
    await tell(callbackUrl, { type: "success", ...own, gpuSeconds: gpuSeconds(), resultKey, usage: null });
    return { outcome: "done" };
  } catch (error) {
    if (error instanceof Stopped) return { outcome: "stopped" };
    if (signal.aborted) throw error; // its container is gone: it tells nothing
    const message = error instanceof Error ? error.message : String(error);
    await tell(callbackUrl, {
      type: "failure",
      ...own,
      gpuSeconds: gpuSeconds(),
      code: "engine_failed",
      message,
      retryable: true,
    });
    return { outcome: "failed" };
  }
}

class Stopped extends Error {}

function outputOf(reply: ChatReply): object {
  const { custom_id } = reply;
  if (reply.outcome === "failed") {
    const { code, message } = reply.failure;
    return { id: custom_id, custom_id, response: null, error: { code, message } };
  }
  return { id: custom_id, custom_id, response: { status_code: 200, body: reply.completion }, error: null };
}

async function linesOf(blobs: S3BlobStore, key: string): Promise<string[]> {
  const bytes = await blobs.read(key);
  if (bytes === undefined) throw new Error(`${key} is not in the bucket`);
  return new TextDecoder()
    .decode(bytes)
    .split("\n")
    .filter((line) => line !== "");
}

const PairRow = z.object({
  pair_id: z.string(),
  sample_id: z.string(),
  image_sha256: z.string(),
  question: z.string(),
  chosen: z.string(),
  rejected: z.string(),
});

/** As much of a pair as a trainer looks at. */
async function pairsOf(blobs: S3BlobStore, key: string): Promise<Pair[]> {
  const bytes = (await blobs.read(key))!;
  const rows = await parquetReadObjects({
    file: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer,
  });
  return rows.map((row) => {
    const { pair_id, sample_id, image_sha256, question, chosen, rejected } = PairRow.parse(row);
    const image = { sha256: image_sha256 };
    return {
      pairId: pair_id,
      sampleId: sample_id,
      image,
      question,
      chosen: { text: chosen },
      rejected: { text: rejected },
    } as Pair;
  });
}
