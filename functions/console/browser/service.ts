/** The API as the console calls it. The key lies in the tab's session storage and nowhere else. */
import type { z } from "@hono/zod-openapi";
import type { EvaluationResult } from "../../../shared/schemas/evaluation.ts";
import type { ExportFormat } from "../../../shared/schemas/lineage.ts";
import type { Report } from "../../../shared/schemas/report.ts";
import type { EvaluationDetail, EvaluationView } from "../../api/contract/evals.ts";
import type { PilotView, RunDetail, RunView } from "../../api/contract/runs.ts";
import type { SampleItem, SampleView } from "../../api/contract/samples.ts";
import type { ManifestView, UsageView } from "../../api/contract/service.ts";
import { connect, jsonOf, ServiceError } from "../../client/client.ts";
import { serviceError } from "../../client/problem.ts";
import type { RunInput } from "../model/new-run.ts";

export type Estimate = PilotView;
export type Usage = z.infer<typeof UsageView>;
export type Manifest = z.infer<typeof ManifestView>;
export type { EvaluationDetail, EvaluationView, RunDetail, RunView, SampleItem, SampleView };
export { ServiceError };

const KEY = "rlaifv-key";
export const storedKey = (): string | null => sessionStorage.getItem(KEY);
export function storeKey(key: string | null): void {
  if (key === null) sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, key);
}

/** Told of every answer that says: no key, or a wrong one. */
let onRefusedKey: (problem: ServiceError) => void = () => {};
export function whenKeyRefused(listener: (problem: ServiceError) => void): void {
  onRefusedKey = listener;
}

/** As `fetch`; a network that is gone is told like a refusal, and a missing key opens the panel for it. */
async function watchedFetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  const response = await fetch(input, init).catch((cause: unknown) => {
    if (init?.signal?.aborted) throw cause;
    throw unexpected(
      "network",
      "The service does not answer.",
      "Is it still running? Running pages try again by themselves.",
    );
  });
  if (response.status === 401) onRefusedKey(await serviceError(response.clone()));
  return response;
}

const unexpected = (code: string, detail: string, fix: string): ServiceError =>
  new ServiceError({ status: 0, code, detail, fix });

export function asServiceError(cause: unknown): ServiceError {
  if (cause instanceof ServiceError) return cause;
  return unexpected("console", cause instanceof Error ? cause.message : String(cause), "Load the page again.");
}

const options = { apiKey: storedKey() ?? undefined, fetch: watchedFetch };
const client = connect("", options);
const { v1 } = client.api;
const one = v1.runs[":id"];

/** Anything of this origin, with the key; what is no yes is thrown as a ServiceError. */
export async function call(address: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  if (options.apiKey !== undefined) headers.set("authorization", `Bearer ${options.apiKey}`);
  const response = await watchedFetch(address, { ...init, headers });
  if (!response.ok) throw await chatError(response);
  return response;
}

/** Chat answers with errors in OpenAI's shape, the rest with problem details. */
async function chatError(response: Response): Promise<ServiceError> {
  const body = await response
    .clone()
    .json()
    .catch(() => undefined);
  if (typeof body?.error?.message !== "string") return serviceError(response);
  const { message, code, type } = body.error;
  return new ServiceError({ status: response.status, code: code ?? type ?? "chat", detail: message, fix: "" });
}

/** Query values as they travel; what is not chosen is left out. */
type Query = Record<string, string | number | undefined>;
const asText = (query: Query): Record<string, string> =>
  Object.fromEntries(
    Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, `${value}`]])),
  );

/** Every press of a button is one deed, however often its request has to be sent. */
const once = () => ({ "idempotency-key": crypto.randomUUID() });
const during = (signal: AbortSignal | undefined) => ({ init: signal === undefined ? {} : { signal } });

const addressOf = (path: string, query: Query): string => `${path}?${new URLSearchParams(asText(query))}`;
const runPath = (id: string, rest: string) => `/v1/runs/${encodeURIComponent(id)}/${rest}`;

export const runs = {
  list: (query: Query, signal?: AbortSignal) => jsonOf(v1.runs.$get({ query: asText(query) }, during(signal))),
  get: (id: string, signal?: AbortSignal) => jsonOf(one.$get({ param: { id } }, during(signal))),
  async report(id: string, signal?: AbortSignal): Promise<Report> {
    return (await call(runPath(id, "report?format=json"), signal === undefined ? {} : { signal })).json();
  },
  estimate: (json: RunInput, signal?: AbortSignal) =>
    jsonOf(v1.runs.estimate.$post({ json, header: once() }, during(signal))),
  create: (json: RunInput) => jsonOf(v1.runs.$post({ json, header: once() })),
  act: (id: string, action: "pause" | "resume" | "cancel" | "retry-parked") =>
    jsonOf(one[action].$post({ param: { id }, header: once() })),
  setBudget: (id: string, budget_usd: number) => jsonOf(one.$patch({ param: { id }, json: { budget_usd } })),
  samples: (id: string, query: Query, signal?: AbortSignal) =>
    jsonOf(one.samples.$get({ param: { id }, query: asText(query) }, during(signal))),
  sample: (id: string, sampleId: string, query: Query, signal?: AbortSignal) =>
    jsonOf(one.samples[":sampleId"].$get({ param: { id, sampleId }, query: asText(query) }, during(signal))),
  pairs: (id: string, query: Query, signal?: AbortSignal) =>
    jsonOf(one.pairs.$get({ param: { id }, query: asText(query) }, during(signal))),
  datasetAddress: (id: string, round: number, format: ExportFormat) =>
    addressOf(runPath(id, "dataset"), { round, format }),
  reportAddress: (id: string) => runPath(id, "report?format=html"),
  /** `onConnection` tells when the connection is lost and when it is there again. */
  events(id: string, { after, signal, onConnection }: Following) {
    const fetching = async (input: RequestInfo | URL, init?: RequestInit) => {
      const response = await watchedFetch(input, init).catch((cause: unknown) => {
        onConnection("broken");
        throw cause;
      });
      onConnection(response.ok ? "open" : "broken");
      return response;
    };
    return connect("", { ...options, fetch: fetching }).events(id, { after, signal });
  },
};

const evaluation = v1.evals[":id"];

export const evaluations = {
  list: (query: Query, signal?: AbortSignal) => jsonOf(v1.evals.$get({ query: asText(query) }, during(signal))),
  get: (id: string, signal?: AbortSignal) => jsonOf(evaluation.$get({ param: { id } }, during(signal))),
  create: (body: object): Promise<EvaluationView> =>
    call("/v1/evals", {
      ...{ method: "POST", body: JSON.stringify(body) },
      headers: { "content-type": "application/json", ...once() },
    }).then((response) => response.json()),
  cancel: (id: string) => jsonOf(evaluation.cancel.$post({ param: { id }, header: once() })),
  async result(id: string, signal?: AbortSignal): Promise<EvaluationResult> {
    return (await call(`/v1/evals/${encodeURIComponent(id)}/report`, signal === undefined ? {} : { signal })).json();
  },
  reportAddress: (id: string) => `/v1/evals/${encodeURIComponent(id)}/report?format=html`,
};

export type Connection = "open" | "broken";
type Following = { after: number; signal: AbortSignal; onConnection: (connection: Connection) => void };

export const usage = (signal?: AbortSignal) => jsonOf(v1.usage.$get({}, during(signal)));
export async function models(signal?: AbortSignal): Promise<{ data: { id: string; created: number }[] }> {
  return (await call("/v1/models", signal === undefined ? {} : { signal })).json();
}

/** NDJSON as it is; the file is sent without being read into the page. */
export const uploadManifest = (file: Blob, question: string): Promise<Manifest> =>
  client.uploadManifest(file, { idempotencyKey: crypto.randomUUID(), ...(question === "" ? {} : { question }) });

/** How a question about a picture names it. */
export const imageReference = (file: Blob): Promise<string> => client.imageReference(file);

export const imageAddress = (sha256: string, size: "full" | "thumbnail" = "full"): string =>
  addressOf(`/v1/images/${sha256}`, { size });

/** Bytes that need a key become a file of the user's: fetched with the key and handed over. */
export async function download(address: string, name: string): Promise<void> {
  const url = URL.createObjectURL(await (await call(address)).blob());
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // the browser has long begun to copy it
}
