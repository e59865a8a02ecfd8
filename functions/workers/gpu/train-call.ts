/** Training on GPUs: the pairs as a file, one call, and its result. */
import { parquetWriteBuffer } from "hyparquet-writer";
import type { GpuConfig, ModelRef, TrainConfig } from "../../../shared/schemas/config.ts";
import { type DpoSettings, GpuTrainResult } from "../../../shared/schemas/gpu.ts";
import type { Pair } from "../../../shared/schemas/pair.ts";
import { Training } from "../../../shared/schemas/rounds.ts";
import { readJson } from "../files.ts";
import type { TrainWork } from "../train.ts";
import type { WorkerDepsOnGpu } from "./deps.ts";
import { openCall } from "./open-call.ts";

type Asked = { work: TrainWork; gpu: GpuConfig; policy: ModelRef };

/** The training once its result is there; before that, it is asked for. */
export async function trainElsewhere(
  { work, gpu, policy }: Asked,
  deps: WorkerDepsOnGpu,
): Promise<Training | "waiting"> {
  const { task, base, name, outputPrefix, seed, config } = work;
  const resultKey = `${outputPrefix}/result.json`;
  const made = await readJson(deps.blobs, resultKey, GpuTrainResult);
  if (made !== undefined) return withSeconds(made, work, deps);
  const pairs = await work.pairs();
  const pairsKey = `${outputPrefix}/pairs.parquet`;
  await deps.blobs.write(pairsKey, pairsParquet(pairs));
  const checkpoint = base === undefined ? null : { key: base.key, sha256: base.sha256 };
  await openCall(
    {
      runId: task.runId,
      name: callName(work),
      work: { kind: "train", passId: task.passId, round: task.round, attempt: task.attempt },
      token: task.token,
      gpu,
      resultKey,
      job: {
        kind: "train",
        weights: { model: policy.model, revision: policy.revision ?? "", checkpoint },
        name,
        pairsKey,
        pairs: pairs.length,
        outputPrefix,
        resultKey,
        seed,
        settings: settingsOf(config),
      },
    },
    deps,
  );
  return "waiting";
}

const callName = ({ task }: TrainWork): string => `${task.passId}/train`;

function settingsOf({ trainer: _trainer, gpu: _gpu, method = "full", ...settings }: TrainConfig): DpoSettings {
  return { method, ...settings };
}

/** One row a pair; images by their SHA-256. */
export function pairsParquet(pairs: readonly Pair[]): Uint8Array {
  const column = (name: string, value: (pair: Pair) => string) => ({
    name,
    data: pairs.map(value),
    type: "STRING" as const,
  });
  return new Uint8Array(
    parquetWriteBuffer({
      columnData: [
        column("pair_id", ({ pairId }) => pairId),
        column("sample_id", ({ sampleId }) => sampleId),
        column("image_sha256", ({ image }) => image.sha256),
        column("question", ({ question }) => question),
        column("chosen", ({ chosen }) => chosen.text),
        column("rejected", ({ rejected }) => rejected.text),
      ],
    }),
  );
}

/** The time of all tries. */
async function withSeconds(made: GpuTrainResult, work: TrainWork, { gpu }: WorkerDepsOnGpu): Promise<Training> {
  if (made.outcome === "too_few_pairs") return made;
  let seconds = 0;
  for (let attempt = 0; ; attempt++) {
    const row = await gpu.calls.get(`${work.task.runId}/${callName(work)}#${attempt}`);
    if (row === undefined) break;
    seconds += row.gpuSeconds;
  }
  return Training.parse({ ...made, seconds });
}
