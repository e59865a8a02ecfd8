/**
 * The deployment on this machine: the code of functions/runtime/aws.ts over DynamoDB Local, an S3 emulator, Step Functions'
 * protocol before the interpreter, and Modal's SDK before the fake Modal. GPU functions report over HTTP.
 */
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { openOrchestrator } from "../../../functions/adapters/asl/orchestrator.ts";
import { systemClock } from "../../../functions/adapters/clock.ts";
import { openModalClient } from "../../../functions/adapters/modal/client.ts";
import { s3BlobStore } from "../../../functions/adapters/s3/blob-store.ts";
import { openStepFunctionsClient } from "../../../functions/adapters/step-functions/client.ts";
import { openAdmission } from "../../../functions/api/admission/admission.ts";
import { listen } from "../../../functions/api/listen.ts";
import { connect } from "../../../functions/client/client.ts";
import { openEmbeddedEngine } from "../../../functions/embedded/engine.ts";
import { runBench } from "../../../functions/evals/run-bench.ts";
import { openAws } from "../../../functions/runtime/aws.ts";
import type { Secrets } from "../../../functions/runtime/aws-config.ts";
import { cloudApi } from "../../../functions/runtime/cloud/api.ts";
import type { Cloud } from "../../../functions/runtime/cloud/cloud.ts";
import { executionEnded } from "../../../functions/runtime/cloud/ended.ts";
import { cloudTelling } from "../../../functions/runtime/cloud/run-control.ts";
import { runWorker, type Worker, workerDeps } from "../../../functions/runtime/cloud/run-worker.ts";
import { sweep } from "../../../functions/runtime/cloud/sweep.ts";
import { dispatchTask, trainTask } from "../../../functions/runtime/cloud/tasks.ts";
import { evaluate } from "../../../functions/workers/evaluate.ts";
import { gate } from "../../../functions/workers/gate.ts";
import { callback } from "../../../functions/workers/gpu/callback.ts";
import { collect } from "../../../functions/workers/gpu/collect.ts";
import { pair } from "../../../functions/workers/pair.ts";
import { plan } from "../../../functions/workers/plan.ts";
import { prepare } from "../../../functions/workers/prepare.ts";
import { select } from "../../../functions/workers/select.ts";
import { loopDefinition } from "../../../shared/loop.ts";
import type { WorkerName } from "../../../shared/loop-stages.ts";
import type { GpuCalls } from "../../../shared/ports/calls.ts";
import { GpuConfig } from "../../../shared/schemas/config.ts";
import { openLocalDynamo } from "../dynamo-local.ts";
import { startFakeModal } from "../modal/fake-modal.ts";
import { freshBucket, startFaux } from "../s3-emulators.ts";
import { openSfnServer } from "../sfn-server.ts";
import { type GpuAppParts, gpuApp } from "./gpu-app.ts";
import { type ReportFaults, reporter } from "./reports.ts";
import { keptTelemetry } from "./telemetry.ts";

const SECRET = `whsec_${Buffer.from("the callback's secret of a test").toString("base64")}`;
export const OPERATOR_KEY = "an-operators-key-long-enough";
const FOUR_KINDS = GpuConfig.parse({ kind: "L4", maxContainers: 4, timeoutSeconds: 600 });
const SWEEP_EVERY_MS = 400;
const LAMBDA_MS = 900_000;

export type CloudFaults = {
  reports?: ReportFaults;
  /** Throws to kill a worker as it begins, or after it has done everything. */
  worker?: (name: string, when: "before" | "after") => void;
  /** Throws to kill whoever spawns, before Modal hears of it or before anybody notes that it has. */
  spawn?: (when: "before" | "after") => void;
  /** Whether an asynchronous invocation is lost. */
  invocation?: () => boolean;
  onStep?: (modal: Awaited<ReturnType<typeof startFakeModal>>) => GpuAppParts["onStep"];
  /** Before every request to DynamoDB. */
  dynamo?: () => void;
};

const WORKERS: Record<WorkerName, Worker> = {
  prepare,
  plan,
  pair,
  select,
  evaluate,
  gate,
  dispatch: dispatchTask,
  train: trainTask,
};

const arnOf = (worker: string) => `arn:aws:lambda:us-east-1:123456789012:function:rlaifv-test-${worker}`;

export async function openTestCloud(faults: CloudFaults = {}) {
  const stack = new AsyncDisposableStack();
  const telemetry = keptTelemetry();
  const emulator = await startFaux();
  stack.defer(() => emulator.stop());
  const { client: s3, bucket } = await freshBucket(emulator);
  const gpuBlobs = s3BlobStore({ client: s3, bucket });
  const dynamo = await openLocalDynamo();
  stack.defer(() => dynamo.store.close());
  withFaults(dynamo.client, faults.dynamo);

  const { tell, settled: reportsSettled } = reporter(SECRET, faults.reports ?? (() => undefined));
  const onStep = { now: undefined as GpuAppParts["onStep"] };
  const app = gpuApp({ blobs: gpuBlobs, tell, onStep: (...step) => onStep.now?.(...step) });
  const modal = await startFakeModal({ apps: { rlaifv: app } });
  stack.use(modal);
  onStep.now = faults.onStep?.(modal);

  const definition = loopDefinition({
    functions: Object.fromEntries(Object.keys(WORKERS).map((name) => [name, arnOf(name)])) as Record<
      WorkerName,
      string
    >,
    bucket,
  });
  const invoked = new Set<Promise<unknown>>();
  const run = async (name: string, work: Worker, event: unknown) => {
    faults.worker?.(name, "before");
    const result = await runWorker({ name, work, bench: runBench }, event, { cloud, remainingMs: LAMBDA_MS });
    faults.worker?.(name, "after");
    return result;
  };
  const local = openOrchestrator({
    database: ":memory:",
    definition,
    functions: Object.fromEntries(
      (Object.entries(WORKERS) as [WorkerName, Worker][]).map(([name, work]) => [
        arnOf(name),
        (event: unknown) => run(name, work, event),
      ]),
    ),
    objects: {
      readObject: async ({ key }) => new TextDecoder().decode((await gpuBlobs.read(key))!),
      writeObject: async ({ key }, content) => void (await gpuBlobs.write(key, content)),
    },
    clock: systemClock,
  });
  stack.defer(() => local.close());
  const sfn = await openSfnServer({ orchestrator: local, definition });
  stack.defer(() => sfn.close());
  const credentials = { accessKeyId: "emulated", secretAccessKey: "emulated" };
  const stepFunctions = openStepFunctionsClient({ region: "us-east-1", endpoint: sfn.url, credentials });

  const callbacks = await callbackServer(() => cloud);
  stack.defer(() => callbacks.close());
  const secrets: Secrets = (name) =>
    ({ CallbackSecret: SECRET, OperatorKey: OPERATOR_KEY })[name as "OperatorKey"] ?? "";
  const clients = {
    dynamo: dynamo.client,
    s3,
    stepFunctions,
    modal: () => modalClient,
    async invoke(_name: string, event: unknown) {
      if (faults.invocation?.()) return;
      const work = wait(1).then(() => run("collect", collect as Worker, event));
      invoked.add(work);
      work.catch(() => undefined).finally(() => invoked.delete(work));
    },
  };
  const modalClient = openModalClient({ ...modal.credentials, serverUrl: modal.url });
  const opened = openAws(
    {
      AWS_REGION: "us-east-1",
      RLAIFV_TABLE: dynamo.table,
      RLAIFV_BUCKET: bucket,
      RLAIFV_MACHINE_ARN: sfn.machineArn,
      RLAIFV_COLLECT: "collect",
      RLAIFV_CALLBACK_URL: callbacks.url,
      RLAIFV_MODAL_APP: "rlaifv",
    },
    { clients, secrets, service: "test" },
    {
      telemetry,
      embedded: () => openEmbeddedEngine({ blobs: gpuBlobs }),
      gpu: {
        placement: { ofModel: () => FOUR_KINDS, ofTraining: () => FOUR_KINDS },
        patience: { spawnMs: 1500, collectMs: 1500, reportMs: 4000 },
      },
    },
  );
  const begun: string[] = [];
  const cloud: Cloud = {
    ...opened,
    gpu: { ...opened.gpu, provider: killable(opened.gpu.provider, begun, faults.spawn) },
  };
  const telling = cloudTelling(cloud, openAdmission({ ledger: cloud.store.ledger, clock: cloud.clock }));
  tellEnds(local, (name) => executionEnded(sfn.executionArn(name), cloud, telling), telemetry);

  const stop = new AbortController();
  const sweeping = sweepAgainAndAgain(() => sweep(cloud, telling), stop.signal, telemetry);
  stack.defer(async () => {
    stop.abort();
    await sweeping;
    await reportsSettled();
    await Promise.allSettled(invoked);
  });
  const api = await listen(cloudApi(cloud, { operatorKey: OPERATOR_KEY, served: [] }), { port: 0, host: "127.0.0.1" });
  stack.defer(() => api.close());
  return {
    cloud,
    modal,
    telemetry,
    local,
    /** Names of the calls that were begun on Modal, once each. */
    begun: () => [...new Set(begun)],
    client: connect(api.url, { apiKey: OPERATOR_KEY }),
    bucket: gpuBlobs,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

export type TestCloud = Awaited<ReturnType<typeof openTestCloud>>;

/** Faults before requests of the client. */
function withFaults(client: DynamoDBClient, fault: (() => void) | undefined): void {
  if (fault === undefined) return;
  const options = { step: "finalizeRequest", name: "faults" } as const;
  client.middlewareStack.add(
    (next) => async (request) => {
      fault();
      return next(request);
    },
    options,
  );
}

function killable(provider: GpuCalls, begun: string[], fault: CloudFaults["spawn"]): GpuCalls {
  return {
    ...provider,
    async spawn(job, place) {
      fault?.("before");
      const spawned = await provider.spawn(job, place);
      begun.push(job.call);
      fault?.("after");
      return spawned;
    },
  };
}

/** EventBridge's part: whoever waits for the end of an execution hears of it. */
function tellEnds(
  local: ReturnType<typeof openOrchestrator>,
  ended: (name: string) => Promise<unknown>,
  telemetry: ReturnType<typeof keptTelemetry>,
): void {
  const start = local.start.bind(local);
  local.start = async (run) => {
    const started = await start(run);
    if (started.outcome === "started") {
      void local
        .settled(started.executionId)
        .then(() => ended(run.name))
        .catch((error: unknown) => telemetry.error("an end was not told", error));
    }
    return started;
  };
}

async function sweepAgainAndAgain(
  once: () => Promise<unknown>,
  signal: AbortSignal,
  telemetry: ReturnType<typeof keptTelemetry>,
): Promise<void> {
  while (!signal.aborted) {
    await once().catch((error: unknown) => telemetry.error("the sweeper broke", error));
    await wait(SWEEP_EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** The callback's function URL. */
async function callbackServer(cloudOf: () => Cloud) {
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const piece of request.setEncoding("utf8")) body += piece;
    const deps = workerDeps(cloudOf(), { runId: undefined, signal: new AbortController().signal });
    const headers = request.headers as Record<string, string | undefined>;
    const answer = await callback({ headers, body }, SECRET, deps).catch((error: unknown) => ({
      status: 500,
      body: { error: String(error) },
    }));
    response.writeHead(answer.status, { "content-type": "application/json" }).end(JSON.stringify(answer.body));
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/${randomUUID()}`,
    close: () =>
      new Promise<void>((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}
