/** Run control over the loop in the cloud, for the API. */
import type { RunConfig } from "../../../shared/schemas/config.ts";
import type { Admission } from "../../api/admission/admission.ts";
import type { Refused, RunControl } from "../../api/deps.ts";
import { ProblemError } from "../../api/problem.ts";
import { webhookNotifier } from "../../webhooks/notifier.ts";
import { runControl } from "../run-control.ts";
import { runMoney } from "../run-money.ts";
import { ownerOf } from "../run-owner.ts";
import { type RunTelling, runTelling } from "../run-telling.ts";
import type { Cloud } from "./cloud.ts";
import { cloudWork } from "./run-work.ts";

/** What is told of runs in the cloud. */
export function cloudTelling(cloud: Cloud, admission: Pick<Admission, "allotRun" | "settleRun">): RunTelling {
  const { store, clock, blobs, telemetry, sinks } = cloud;
  return runTelling({
    world: cloud,
    money: runMoney(cloud, admission),
    sinkOf: (runId) => sinks.of(runId),
    notify: webhookNotifier({
      store: store.service.webhooks,
      clock,
      ownerOf: async (runId) => (await ownerOf(runId, blobs))?.id,
    }),
    onFault: ({ runId, error }) => telemetry.error("telling failed", error, { runId }),
  });
}

export function cloudRunControl(cloud: Cloud, admission: Admission): RunControl {
  const telling = cloudTelling(cloud, admission);
  const { takeUp: _bySweep, ...control } = runControl({
    world: cloud,
    admission,
    servers: [],
    money: runMoney(cloud, admission),
    life: telling,
    work: cloudWork(cloud, telling),
    demo: () => Promise.reject(noDemo()),
    forget: () => Promise.resolve(), // every start is a new execution
    estimate: async (config) => {
      const onGpu = [config.policy, config.divider, config.questioner, ...config.labelers].filter(
        (model) => cloud.gpu.placement.ofModel(model) !== undefined,
      );
      return {
        outcome: "refused",
        code: "estimate.on_gpu",
        field: "config",
        value: onGpu[0]?.model ?? config.policy.model,
        detail: "A pilot would have to wait for GPUs, and this service makes none.",
        fix: 'Run "rlaifv run CONFIG --dry-run", which reckons cost and time by the price of GPUs, or a run of 10 samples (examples/smoke-10.json).',
      };
    },
  });
  return {
    ...control,
    create: async (config, owner) => refuseTraining(config, cloud) ?? (await control.create(config, owner)),
  };
}

/** Before anything is paid: a trainer that is not here would be missed after the first round's answers. */
function refuseTraining({ train }: RunConfig, { gpu }: Cloud): Refused | undefined {
  if (train === undefined || gpu.placement.ofTraining(train) !== undefined) return undefined;
  return {
    outcome: "refused",
    code: "train.not_here",
    field: "config.train.trainer",
    value: train.trainer,
    detail: `This service has no trainer "${train.trainer}".`,
    fix: 'Use trainer "modal", or leave "train" out: the run then ends with the dataset.',
  };
}

const noDemo = (): ProblemError =>
  new ProblemError({
    status: 422,
    code: "demo.not_here",
    field: "body",
    detail: "The embedded demo computes on the machine of its service, and this service has none.",
    fix: 'Run "npm run demo" on your machine, or examples/smoke-10.json here.',
  });
