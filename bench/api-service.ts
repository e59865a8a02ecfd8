/** The API over SQLite and a folder, as a service has it, except that no run is ever at work: what is timed is the API. */
import { openAdmission } from "../functions/api/admission/admission.ts";
import { createApi } from "../functions/api/app.ts";
import type { ApiDeps } from "../functions/api/deps.ts";
import { newKey, secureBytes } from "../functions/api/keys/new-key.ts";
import { principalOf } from "../functions/api/keys/principal.ts";
import { ProblemError } from "../functions/api/problem.ts";
import { KEY_CODES } from "../functions/api/problem-codes-elsewhere.ts";
import { ownDoor } from "../functions/api/uploads/own-door.ts";
import { serviceImages } from "../functions/intake/service-images.ts";
import { openEventSinks } from "../functions/runtime/event-sink.ts";
import { openLocal } from "../functions/runtime/local.ts";
import { openRunControl } from "../functions/runtime/local-run-control.ts";

const NO_PLACE = 0; // runs are accepted and wait
const LIMITS = {
  requestsPerMinute: 1_000_000,
  concurrentRequests: 1000,
  tokensPerDay: 1_000_000,
  usdPerDay: 1_000_000,
};

export async function openBenchApi(dataDir: string) {
  const local = await openLocal({ dataDir, env: {} });
  const { store, blobs, clock } = local;
  const { service } = store;
  const admission = openAdmission({ ledger: store.ledger, clock });
  const sinks = openEventSinks(service.events, clock);
  const fault = (error: unknown) => console.error(error);
  const parts = { local, admission, sinkOf: sinks.of, notify: async () => {}, onFault: fault };
  const runs = openRunControl({ ...parts, maxActiveRuns: NO_PLACE });
  const { key, keyId, hash } = newKey(secureBytes);
  await service.keys.create({ keyId, hash, name: "bench", scopes: ["admin"], limits: LIMITS, createdAt: clock.now() });
  const notTimed = async (): Promise<never> => {
    throw new Error("this is not timed here");
  };
  const deps: ApiDeps = {
    ...{ store, service, blobs, clock, admission, runs },
    async identify(context) {
      const asked = await principalOf(context.req.header("authorization"), { keys: service.keys, clock });
      if (asked.outcome === "known") return asked.principal;
      const { status, meaning, fix } = KEY_CODES["key.missing"];
      throw new ProblemError({ status, code: "key.missing", detail: meaning, fix });
    },
    models: { list: async () => [], find: async () => undefined, bind: local.models.bind },
    images: serviceImages({ blobs, clock, web: false }),
    uploads: ownDoor(),
    ...{ report: notTimed, reportHtml: notTimed, dataset: notTimed, checkWebhookUrl: notTimed },
    version: "bench",
  };
  const app = createApi(deps, fault);
  const headers = { authorization: `Bearer ${key}` };

  /** The answer's JSON; anything but 2xx ends the bench. */
  async function ask(path: string, init: RequestInit = {}): Promise<unknown> {
    const answer = await app.request(path, { ...init, headers: { ...headers, ...(init.headers as object) } });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${text}`);
    return JSON.parse(text);
  }
  const close = async () => {
    await runs.close();
    await local.close();
  };
  return { store, blobs, clock, ask, close };
}
export type BenchApi = Awaited<ReturnType<typeof openBenchApi>>;
