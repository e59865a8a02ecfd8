/** The whole API in this process, over memory or over SQLite and a folder, with keys of every scope. */
import { join } from "node:path";
import { folderBlobStore } from "../../functions/adapters/files/blob-store.ts";
import { memoryBlobStore } from "../../functions/adapters/memory/blob-store.ts";
import { memoryServiceStore } from "../../functions/adapters/memory/service.ts";
import { memoryStateStore } from "../../functions/adapters/memory/state-store.ts";
import { openSqliteStore } from "../../functions/adapters/sqlite/store.ts";
import { openAdmission } from "../../functions/api/admission/admission.ts";
import { createApi } from "../../functions/api/app.ts";
import type { ApiDeps } from "../../functions/api/deps.ts";
import { newKey, secureBytes } from "../../functions/api/keys/new-key.ts";
import { anonymousPrincipal, principalOf, refusalProblem } from "../../functions/api/keys/principal.ts";
import { ProblemError } from "../../functions/api/problem.ts";
import { ownDoor } from "../../functions/api/uploads/own-door.ts";
import { connect } from "../../functions/client/client.ts";
import { checkWebhookUrl } from "../../functions/intake/safe-fetch.ts";
import { serviceImages } from "../../functions/intake/service-images.ts";
import { WebError } from "../../functions/intake/web-error.ts";
import { reportHtml } from "../../functions/report/html.ts";
import { exportRound } from "../../functions/runtime/finish.ts";
import type { Local } from "../../functions/runtime/local.ts";
import { buildReport } from "../../functions/workers/report.ts";
import { roundPrefix } from "../../shared/keys.ts";
import type { BlobStore } from "../../shared/ports/blob-store.ts";
import type { ServiceStore } from "../../shared/ports/service-store.ts";
import type { StateStore } from "../../shared/ports/state-store.ts";
import { KEY_LIMITS, type Limits, type Scope } from "../../shared/schemas/service.ts";
import { recordedRuns } from "./api-runs.ts";
import { tempFolder } from "./temp-folder.ts";
import { type VirtualClock, virtualClock } from "./virtual-clock.ts";

export const BACKENDS = ["memory", "sqlite"] as const;
export type Backend = (typeof BACKENDS)[number];

type Stores = { store: StateStore; service: ServiceStore; blobs: BlobStore; close(): Promise<void> };

async function openStores(backend: Backend): Promise<Stores> {
  if (backend === "memory") {
    return {
      store: memoryStateStore(),
      service: memoryServiceStore(),
      blobs: memoryBlobStore(),
      close: async () => {},
    };
  }
  const folder = await tempFolder("api");
  const store = openSqliteStore(join(folder.path, "state.sqlite"));
  const close = async () => {
    await store.close();
    await folder[Symbol.asyncDispose]();
  };
  return { store, service: store.service, blobs: await folderBlobStore(folder.path), close };
}

export type TestApi = Awaited<ReturnType<typeof openTestApi>>;

const START = Date.UTC(2026, 10, 23, 9, 0, 0);

/** @param more replaces single parts, e.g. `runs` */
export async function openTestApi(backend: Backend = "memory", more: Partial<ApiDeps> = {}) {
  const stores = await openStores(backend);
  const clock = virtualClock(START);
  const deps: ApiDeps = { ...partsOf(stores, clock), ...more };
  const faults: unknown[] = [];
  const app = createApi(deps, (error) => faults.push(error));

  /** A new key, as the `Authorization` header takes it. */
  async function keyOf(scopes: Scope[], limits: Limits = KEY_LIMITS): Promise<string> {
    const { key, keyId, hash } = newKey(secureBytes);
    await stores.service.keys.create({ keyId, hash, name: scopes.join(), scopes, limits, createdAt: clock.now() });
    return key;
  }
  const admin = await keyOf(["admin"]);
  /** As the admin unless `key` says otherwise; `null` sends none. */
  async function request(path: string, { key = admin, ...init }: RequestInit & { key?: string | null } = {}) {
    const headers = new Headers(init.headers);
    if (key !== null) headers.set("authorization", `Bearer ${key}`);
    return app.request(path, { ...init, headers });
  }
  const fetchApp = (async (input, init) => app.request(input as string, init)) as typeof fetch;
  return {
    ...{ app, deps, clock, faults, keyOf, request, admin },
    client: (apiKey: string = admin) => connect("http://service", { apiKey, fetch: fetchApp }),
    post: (path: string, body: unknown, init: RequestInit & { key?: string | null } = {}) =>
      request(path, {
        ...{ method: "POST", body: JSON.stringify(body) },
        ...init,
        headers: { "content-type": "application/json", ...(init.headers as Record<string, string>) },
      }),
    [Symbol.asyncDispose]: () => stores.close(),
  };
}

function partsOf({ store, service, blobs }: Stores, clock: VirtualClock): ApiDeps {
  const local = { store, blobs, clock } as unknown as Local;
  const bench = () => {
    throw new Error("these runs have no evaluation");
  };
  return {
    ...{ store, service, blobs, clock },
    admission: openAdmission({ ledger: store.ledger, clock }),
    async identify(context) {
      const identified = await principalOf(context.req.header("authorization"), { keys: service.keys, clock });
      if (identified.outcome === "known") return identified.principal;
      if (identified.outcome === "no_key") return anonymousPrincipal("203.0.113.7", "salt");
      throw new ProblemError(refusalProblem(identified));
    },
    runs: recordedRuns({ store, blobs, clock }),
    models: {
      list: async () => [],
      find: async () => undefined,
      bind: async () => {
        throw new Error("no model is asked here");
      },
    },
    images: serviceImages({ blobs, clock, web: false }),
    uploads: ownDoor(),
    report: (run) => buildReport(run, { store, blobs, bench }),
    reportHtml: async (run) => reportHtml(await buildReport(run, { store, blobs, bench }), { heldOut: [], pairs: [] }),
    async dataset({ runId }, round, format) {
      await exportRound({ runId, round, format }, local);
      return { prefix: `${roundPrefix(runId, round)}/dataset/${format}` };
    },
    checkWebhookUrl: (url) => checkWebhookUrl(url, {}).catch(refuseUrl),
    version: "0.0.0-test",
  };
}

function refuseUrl(error: unknown): never {
  if (!(error instanceof WebError)) throw error;
  const { code, value, reason, fix } = error;
  throw new ProblemError({ status: 400, code, field: "url", value, detail: reason, fix });
}

export type Told = {
  code: string;
  field?: string;
  value?: string;
  fix: string;
  detail: string;
  errors?: { field: string }[];
};

/** The problem in an answer, with the status it came with. */
export async function problemIn(response: Response | Promise<Response>): Promise<Told & { status: number }> {
  const answer = await response;
  const problem = (await answer.json()) as Told & { status: number };
  if (problem.status !== answer.status)
    throw new Error(`status ${answer.status}, but the problem says ${problem.status}`);
  return problem;
}
