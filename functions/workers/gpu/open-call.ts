/** One call for one piece of work: the one that is open, or a new one after those that failed. */
import { runPrefix } from "../../../shared/keys.ts";
import type { CallRow, CallWork } from "../../../shared/schemas/calls.ts";
import { isOpen } from "../../../shared/schemas/calls.ts";
import type { GpuConfig } from "../../../shared/schemas/config.ts";
import { type BatchJob, GPU_CONTRACT, type GpuTrainJob } from "../../../shared/schemas/gpu.ts";
import { writeJson } from "../files.ts";
import { changeCall } from "./change.ts";
import { versionOf } from "./deployment.ts";
import { HEARTBEAT_SECONDS, microsPerSecond, placeOf, type WorkerDepsOnGpu } from "./deps.ts";
import type { JobFile } from "./job-file.ts";
import { launch } from "./launch.ts";

/** The job without what every job has. */
export type Wanted = {
  runId: string;
  name: string;
  work: CallWork;
  token: string;
  gpu: GpuConfig;
  resultKey: string;
} & {
  job: Omit<BatchJob, Common> | Omit<GpuTrainJob, Common>;
};
type Common = "contract" | "call" | "callbackUrl" | "heartbeatSeconds" | "deadlineSeconds";

/** Under which key the job of a call (`<runId>/…#<try>`) lies. */
const jobKeyOf = (runId: string, call: string): string =>
  `${runPrefix(runId)}/calls/${call.slice(runId.length + 1).replace("#", "/")}.json`;

/**
 * Sees to it that somebody works: adopts the open call (its report then goes to the newest task's token), or begins the
 * next try. The same work asked for twice at once is one call.
 */
export async function openCall(wanted: Wanted, deps: WorkerDepsOnGpu): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const call = `${wanted.runId}/${wanted.name}#${attempt}`;
    const known = await deps.gpu.calls.get(call);
    if (known === undefined) {
      const created = await createCall(call, wanted, deps);
      return launch(created, deps);
    }
    if (isOpen(known) && !hasFailed(known)) return adopt(known, wanted, deps);
  }
}

/** Its end is told and not acted on yet: for new work it is as good as closed. */
const hasFailed = ({ state, error }: CallRow): boolean => state === "ended" && error !== undefined;

async function adopt(known: CallRow, { token, work }: Wanted, deps: WorkerDepsOnGpu): Promise<void> {
  const isNew = known.token !== token || known.work.attempt !== work.attempt;
  const changed = isNew ? await changeCall(known.call, deps.gpu.calls, (row) => ({ ...row, token, work })) : undefined;
  await launch(changed?.row ?? known, deps);
}

async function createCall(call: string, wanted: Wanted, deps: WorkerDepsOnGpu): Promise<CallRow> {
  const { runId, work, token, gpu, resultKey } = wanted;
  const deadlineSeconds = gpu.timeoutSeconds;
  const version = await versionOf(runId, { blobs: deps.blobs, provider: deps.gpu.provider });
  const common = {
    contract: GPU_CONTRACT,
    call,
    callbackUrl: deps.gpu.callbackUrl,
    heartbeatSeconds: HEARTBEAT_SECONDS,
    deadlineSeconds,
  };
  const { version: _version, ...place } = placeOf(gpu, version);
  const file: JobFile = { job: { ...wanted.job, ...common }, place: { ...place, version: version ?? null } };
  const jobKey = jobKeyOf(runId, call);
  await writeJson(deps.blobs, jobKey, file);
  const now = deps.clock.now();
  const row: CallRow = {
    call,
    runId,
    work,
    state: "queued",
    version: 0,
    token,
    jobKey,
    resultKey,
    microsPerSecond: microsPerSecond(gpu),
    deadlineSeconds,
    createdAt: now,
    seenAt: now,
    gpuSeconds: 0,
  };
  const { outcome } = await deps.gpu.calls.create(row);
  return outcome === "written" ? row : ((await deps.gpu.calls.get(call)) ?? row);
}
