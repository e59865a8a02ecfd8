/** The service of one machine: API, chat and console over one data folder. The only place that puts them together. */
import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Hono } from "hono";
import { randomFrom } from "../../shared/random.ts";
import type { RunConfig } from "../../shared/schemas/config.ts";
import { removeOlder } from "../adapters/files/remove-older.ts";
import { openAdmission } from "../api/admission/admission.ts";
import { createApi } from "../api/app.ts";
import { openCatalog } from "../api/chat/catalog.ts";
import type { ApiDeps } from "../api/deps.ts";
import { ownDoor } from "../api/uploads/own-door.ts";
import { UPLOAD_KEPT_MS } from "../api/uploads/uploads.ts";
import { bundleConsole } from "../console/bundle.ts";
import { consoleRoutes } from "../console/routes.ts";
import { fetchedFiles } from "../evals/fetch/defaults.ts";
import { checkWebhookUrl, safePost, type WebRules } from "../intake/safe-fetch.ts";
import { serviceImages } from "../intake/service-images.ts";
import { webhookNotifier } from "../webhooks/notifier.ts";
import { webhookSender } from "../webhooks/sender.ts";
import { openDatasets } from "./datasets.ts";
import { embeddedConfig } from "./embedded-models.ts";
import { openEvaluationControl } from "./evaluation-control.ts";
import { openEventSinks } from "./event-sink.ts";
import { currentReport, currentReportPage } from "./finish.ts";
import { identifyLocally } from "./identify.ts";
import { type Local, openLocal } from "./local.ts";
import { type OpenRunControl, openRunControl } from "./local-run-control.ts";
import { codeVersion } from "./plan-run.ts";
import type { AllowedServer } from "./run-checks.ts";
import { ownerOf } from "./run-owner.ts";
import { asUrlProblem } from "./url-problem.ts";

export type ServiceOptions = {
  dataDir: string;
  env: NodeJS.ProcessEnv;
  /** Whether the user of this machine needs no key. */
  ownerWithoutKey: boolean;
  /** Whether people without a key may chat. */
  anonymousChat: boolean;
  trustProxy: boolean;
  /** Their policies are served beside the embedded one, and keys may use their servers. */
  configs: readonly RunConfig[];
  /** What may be called for images and webhooks; `{}`: the public internet by https. */
  web: WebRules;
  maxActiveRuns?: number;
  /** Told what broke without anybody waiting for it. */
  onFault: (error: unknown, where: string) => void;
};

export type Service = {
  app: Hono;
  /** Takes up what a dead process left. Call as the only process that writes in the folder. */
  start(): Promise<void>;
  /** Stops working; the next start goes on. */
  close(): Promise<void>;
};

/** `fetch` of the app answers from the first moment; runs go on with `start`. */
export async function openService(options: ServiceOptions): Promise<Service> {
  const local = await openLocal({ ...options, compute: "threads" });
  const ended = new AbortController();
  const admission = openAdmission({ ledger: local.store.ledger, clock: local.clock });
  const runs = runControl(local, admission, options);
  const models = openCatalog({
    ...{ store: local.store, blobs: local.blobs, clock: local.clock, bind: local.models.bind },
    base: servedModels(options.configs),
  });
  const evals = openEvaluationControl({
    ...{ local, admission, models, onFault: options.onFault },
    judges: options.configs.flatMap(modelsOf),
    files: (bench) => fetchedFiles(bench, options.env),
  });
  const deps = await apiDeps(local, { admission, runs, evals, models }, options);
  const app = new Hono();
  app.route("/", consoleRoutes(await bundleConsole()));
  app.route(
    "/",
    createApi(deps, (error, requestId) => options.onFault(error, requestId)),
  );
  let sender = Promise.resolve();
  let sweeper = Promise.resolve();
  return {
    app,
    async start() {
      sender = sendWebhooks(local, options, ended.signal);
      sweeper = sweepHourly(local, options, ended.signal);
      await runs.start();
      await evals.start();
    },
    async close() {
      await Promise.all([runs.close(), evals.close()]);
      ended.abort();
      await Promise.all([sender, sweeper]);
      await local.close();
    },
  };
}

type Admission = ReturnType<typeof openAdmission>;

function runControl(local: Local, admission: Admission, options: ServiceOptions): OpenRunControl {
  const { clock, blobs, store } = local;
  const sinks = openEventSinks(store.service.events, clock);
  const principalOf = async (runId: string) => (await ownerOf(runId, blobs))?.id;
  return openRunControl({
    local,
    admission,
    sinkOf: (runId) => sinks.of(runId),
    notify: webhookNotifier({ store: store.service.webhooks, clock, ownerOf: principalOf }),
    onFault: ({ runId, error }) => options.onFault(error, `run ${runId}`),
    servers: options.configs.flatMap(serversOf),
    ...(options.maxActiveRuns === undefined ? {} : { maxActiveRuns: options.maxActiveRuns }),
  });
}

async function apiDeps(
  local: Local,
  { admission, runs, evals, models }: Pick<ApiDeps, "runs" | "evals" | "models"> & { admission: Admission },
  options: ServiceOptions,
): Promise<ApiDeps> {
  const { store, blobs, clock } = local;
  const { service } = store;
  const salt = await saltOf(options.dataDir);
  return {
    store,
    service,
    blobs,
    clock,
    admission,
    identify: identifyLocally({ ...options, keys: service.keys, clock, salt }),
    runs,
    ...(evals === undefined ? {} : { evals }),
    models,
    images: serviceImages({ blobs, clock, web: options.web }),
    uploads: ownDoor(),
    report: (run) => currentReport(run, local),
    reportHtml: (run) => currentReportPage(run, local),
    dataset: openDatasets(local),
    checkWebhookUrl: (url) => checkWebhookUrl(url, options.web).catch(asUrlProblem),
    version: codeVersion(),
  };
}

/** Every server that the operator's configs name, with the variable its key comes from. */
function serversOf(config: RunConfig): AllowedServer[] {
  return modelsOf(config).flatMap(({ baseUrl, apiKeyEnv }) => (baseUrl === undefined ? [] : [{ baseUrl, apiKeyEnv }]));
}

const modelsOf = ({ policy, divider, questioner, labelers }: RunConfig) => [policy, divider, questioner, ...labelers];

/** The embedded policy first: it is there for everybody. */
function servedModels(configs: readonly RunConfig[]): { id: string; config: RunConfig }[] {
  const none = "none"; // no data is read
  const embedded = embeddedConfig({ name: "chat", seed: 1, rounds: 1, data: none, selection: none, evaluation: none });
  const models = new Map<string, RunConfig>();
  for (const config of [embedded, ...configs])
    if (!models.has(config.policy.model)) models.set(config.policy.model, config);
  return [...models].map(([id, config]) => ({ id, config }));
}

async function sendWebhooks(local: Local, { web, onFault }: ServiceOptions, signal: AbortSignal): Promise<void> {
  return webhookSender({
    store: local.store.service.webhooks,
    clock: local.clock,
    post: (url, request) => safePost(url, { ...web, ...request }),
    random: randomFrom(local.clock.now()),
    onFault: (error) => onFault(error, "webhooks"),
    signal,
  });
}

const SWEEP_EVERY_MS = 3_600_000; // our choice: answers to POSTs are kept a day

/** Forgets answers and uploads whose day is over, and closes reservations whose holders are dead. */
async function sweepHourly(
  { store, clock, dataDir }: Local,
  { onFault }: ServiceOptions,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await store.service.idempotency.sweep(clock.now());
      await store.ledger.expire(clock.now());
      await removeOlder(join(dataDir, "uploads"), clock.now() - UPLOAD_KEPT_MS);
    } catch (error) {
      onFault(error, "sweep");
    }
    await clock.sleep(SWEEP_EVERY_MS, signal).catch(() => undefined);
  }
}

/** Made once for the folder: an anonymous client is the same one after a restart. */
async function saltOf(dataDir: string): Promise<string> {
  const path = join(dataDir, "anonymous.salt");
  await mkdir(dataDir, { recursive: true });
  await writeFile(path, randomBytes(32).toString("hex"), { flag: "wx", mode: 0o600 }).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  });
  return readFile(path, "utf8");
}
