/** A data folder whose models are scripted, with a gate that holds their answers, and run control over it. */
import { join } from "node:path";
import { systemClock } from "../../functions/adapters/clock.ts";
import { openAdmission, type Principal } from "../../functions/api/admission/admission.ts";
import { writeScenes } from "../../functions/embedded/world/write-scenes.ts";
import { openEventSinks } from "../../functions/runtime/event-sink.ts";
import { type Local, openLocal } from "../../functions/runtime/local.ts";
import { openRunControl, type RunControlParts } from "../../functions/runtime/local-run-control.ts";
import { planRun } from "../../functions/runtime/plan-run.ts";
import { contentHash } from "../../shared/ids.ts";
import { manifestKey } from "../../shared/keys.ts";
import type { Engine } from "../../shared/ports/engine.ts";
import type { BatchLine } from "../../shared/schemas/chat.ts";
import { RunConfig } from "../../shared/schemas/config.ts";
import type { RunRow, RunState } from "../../shared/schemas/rows.ts";
import { KEY_LIMITS, type WebhookEvent } from "../../shared/schemas/service.ts";
import { scriptedVlm } from "../support/scripted-vlm.ts";
import { tempFolder } from "../support/temp-folder.ts";

export const OWNER: Principal = { id: "owner", kind: "owner", scopes: ["admin"], limits: undefined };
export const aKey = (usdPerDay: number): Principal => ({
  id: "key-a",
  kind: "key",
  scopes: ["runs:write"],
  limits: { ...KEY_LIMITS, usdPerDay },
});
export const SERVER = { baseUrl: "http://models.test/v1", apiKeyEnv: "MODELS_KEY" };

/** Closed, it holds answers back until it is opened or the asker gives up. */
export function gate() {
  let opened = Promise.withResolvers<void>();
  opened.resolve();
  let waiting = 0;
  let holds = (_line: BatchLine): boolean => true;
  return {
    /** `which`: those whose answers are held back; all when left out. */
    close(which: (line: BatchLine) => boolean = () => true) {
      holds = which;
      opened = Promise.withResolvers<void>();
    },
    open: () => opened.resolve(),
    /** How many stand before it. */
    waiting: () => waiting,
    async pass(line: BatchLine, signal: AbortSignal): Promise<void> {
      if (!holds(line)) return;
      waiting++;
      const gaveUp = Promise.withResolvers<void>();
      signal.addEventListener("abort", () => gaveUp.resolve(), { once: true });
      if (!signal.aborted) await Promise.race([opened.promise, gaveUp.promise]);
      waiting--;
    },
  };
}

export type Gate = ReturnType<typeof gate>;

type Behind = { door: Gate; refuses: (line: BatchLine) => boolean };

function gated(engine: Engine, { door, refuses }: Behind): Engine {
  const failure = { code: "bad_request", message: "the server refuses it", retryable: false };
  return {
    ...engine,
    async *run(lines, signal) {
      const byId = new Map(lines.map((line) => [line.custom_id, line]));
      for await (const reply of engine.run(lines, signal)) {
        const line = byId.get(reply.custom_id)!;
        await door.pass(line, signal);
        if (signal.aborted) return;
        yield refuses(line) ? { outcome: "failed", custom_id: reply.custom_id, failure } : reply;
      }
    },
  };
}

export async function scriptedWorld(options: { images?: number; parts?: Partial<RunControlParts> } = {}) {
  const folder = await tempFolder("control");
  const door = gate();
  const server = { refuses: (_line: BatchLine): boolean => false };
  const vlm = scriptedVlm();
  const source = await writeScenes({
    folder: join(folder.path, "scenes"),
    split: "train",
    seed: 5,
    count: options.images ?? 8,
  });
  const open = async () => {
    const opened = await openLocal({ dataDir: join(folder.path, "data"), env: {} });
    const engine = gated(vlm, { door, refuses: (line) => server.refuses(line) });
    const bind: Local["models"]["bind"] = async ({ model }) => ({
      engine,
      model,
      revision: "1",
      info: await vlm.describe("vlm"),
    });
    const local: Local = { ...opened, models: { engine: async () => engine, bind } };
    const sinks = openEventSinks(local.store.service.events, systemClock);
    const told: { event: WebhookEvent; run: RunRow }[] = [];
    const faults: unknown[] = [];
    const control = openRunControl({
      local,
      admission: openAdmission({ ledger: local.store.ledger, clock: systemClock }),
      sinkOf: sinks.of,
      notify: async (event, run) => void told.push({ event, run }),
      onFault: (fault) => faults.push(fault),
      servers: [SERVER],
      ...options.parts,
    });
    return { local, control, told, faults };
  };
  const service = await open();
  const manifest = await sendManifest(source, service.local);
  return {
    ...service,
    door,
    vlm,
    server,
    manifest,
    /** Opens the same folder again, as the next process would. */
    reopen: open,
    /** The service stops, the folder stays. */
    stop: async () => {
      await service.control.close();
      await service.local.close();
    },
    [Symbol.asyncDispose]: async () => {
      door.open();
      await service.control.close();
      await service.local.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** Keeps a file's samples as a client's manifest would be. */
async function sendManifest(path: string, local: Local): Promise<string> {
  const { parts } = await planRun(configOn({ path }), local, { strict: true });
  const manifest = `man_${contentHash(parts.data)}`;
  await local.blobs.write(manifestKey(manifest), parts.data.map((sample) => `${JSON.stringify(sample)}\n`).join(""));
  return manifest;
}

/** A run of one round; every role is on the scripted server. */
export function configOn(data: RunConfig["data"], changes: Partial<RunConfig> = {}): RunConfig {
  const model = { engine: "openai" as const, ...SERVER, model: "vlm", price: { input: 1, output: 2 } };
  const roles = { policy: model, divider: model, questioner: model, labelers: [model] };
  const generate = { candidates: 4, maxTokens: 64 };
  return RunConfig.parse({ name: "small", data, ...roles, generate, shardSamples: 4, budgetUsd: 5, ...changes });
}

/** Waits until the run is in one of the states; gives the row. */
export async function reaches(local: Local, runId: string, ...states: RunState[]): Promise<RunRow> {
  for (;;) {
    const run = await local.store.runs.get(runId);
    if (run !== undefined && states.includes(run.state)) return run;
    await systemClock.sleep(5);
  }
}

/** Waits until something is true. */
export async function until(is: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await is())) await systemClock.sleep(5);
}
