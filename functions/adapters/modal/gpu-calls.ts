/** GPU functions on Modal, through its official SDK. */
import type { Function_, FunctionWithOptionsParams, ModalClient } from "modal";
import { z } from "zod";
import type { GpuCalls, GpuPlace } from "../../../shared/ports/calls.ts";
import type { BatchJob, GpuTrainJob } from "../../../shared/schemas/gpu.ts";
import { isBusy, isMissing, isRefused, stateAfter } from "./failures.ts";
import { checkSize, wireValue } from "./payload.ts";

export type ModalGpuOptions = {
  /** Opened by `openModalClient`: with another one an expired result looks like a call that runs. */
  client: ModalClient;
  /** Name of the deployed app (functions/gpu/app.py). */
  app: string;
  environment?: string | undefined;
};
type Job = BatchJob | GpuTrainJob;

/** Names that functions/gpu/app.py deploys under. */
const BATCH = { class: "Batch", method: "run" };
const TRAIN = "train_dpo";
const CONTRACT = "contract";

/** Seconds; https://modal.com/docs/guide/timeouts. */
const LONGEST_ATTEMPT = 86_400;
/** GPUs of one container; https://modal.com/docs/guide/gpu. */
const MOST_GPUS = 8;

/** Functions with their options, found and bound once per client: each costs two requests the first time. */
const boundFunctions = new WeakMap<ModalClient, Map<string, Promise<Function_>>>();

/**
 * A spawn costs one request once its function is bound. An exception from `spawn` may leave a call that runs (the answer
 * was lost four times): its `started` report tells, and whoever answers it decides whether it goes on.
 */
export function modalGpuCalls(options: ModalGpuOptions): GpuCalls {
  const { client, app } = options;

  return {
    async spawn(job, place) {
      checkSize(job);
      checkPlace(place);
      const key = JSON.stringify([app, options.environment, ...boundBy(job), place]);
      try {
        const bound = await remembered(client, key, () => bind(options, job, place));
        const { functionCallId } = await bound.spawn([wireValue(job)]);
        return { outcome: "spawned", providerId: functionCallId };
      } catch (error) {
        if (isBusy(error)) return { outcome: "busy", message: error.message };
        boundFunctions.get(client)?.delete(key);
        throw explained(error, options, `${boundBy(job)[0]}${ofVersion(place)}`);
      }
    },

    async poll(providerId) {
      try {
        const call = await client.functionCalls.fromId(providerId);
        await call.get({ timeoutMs: 0 });
        return { outcome: "finished" };
      } catch (error) {
        return stateAfter(error);
      }
    },

    async cancel(providerId) {
      try {
        const call = await client.functionCalls.fromId(providerId);
        await call.cancel({ terminateContainers: true });
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    },

    async deployed() {
      try {
        const found = await client.apps.fromName(app, named(options));
        const { version } = (await found.info()).lifecycle;
        const asked = await client.functions.fromName(app, CONTRACT, named(options, version));
        const { contract } = z.object({ contract: z.int() }).parse(await asked.remote());
        return { version, contract };
      } catch (error) {
        throw explained(error, options, `function ${CONTRACT}`);
      }
    },
  };
}

/** What tells functions apart beside their options. */
function boundBy(job: Job): string[] {
  if (job.kind === "train") return [TRAIN];
  const { model, revision, checkpoint } = job.weights;
  return [BATCH.class, model, revision, checkpoint?.key ?? ""];
}

async function bind(options: ModalGpuOptions, job: Job, place: GpuPlace): Promise<Function_> {
  const { client, app } = options;
  const lookup = named(options, place.version);
  if (job.kind === "train") {
    const found = await client.functions.fromName(app, TRAIN, lookup);
    return found.withOptions(optionsFor(place)).instance();
  }
  const { model, revision, checkpoint } = job.weights;
  const found = await client.cls.fromName(app, BATCH.class, lookup);
  const instance = await found
    .withOptions(optionsFor(place))
    .instance({ model, revision, checkpoint: checkpoint?.key ?? "" });
  return instance.method(BATCH.method);
}

/**
 * `maxContainers` goes with the options, not by `updateAutoscaler`: options make a pool of containers of their own, so that
 * one run cannot raise or lower another's limit, and a deployment does not undo it. `retries: 0`: each try is a call of
 * its own with money of its own; a preempted container is replaced by Modal all the same.
 */
function optionsFor({ gpu, gpus, maxContainers, timeoutSeconds }: GpuPlace): FunctionWithOptionsParams {
  return { gpu: `${gpu}:${gpus}`, maxContainers, timeoutMs: timeoutSeconds * 1000, retries: 0 };
}

function named({ environment }: ModalGpuOptions, version?: number): { environment?: string; version?: number } {
  return { ...(environment === undefined ? {} : { environment }), ...(version === undefined ? {} : { version }) };
}

function checkPlace({ gpus, maxContainers, timeoutSeconds, version }: GpuPlace): void {
  checkWhole("gpus", gpus, MOST_GPUS);
  checkWhole("maxContainers", maxContainers, Number.MAX_SAFE_INTEGER);
  checkWhole("timeoutSeconds", timeoutSeconds, LONGEST_ATTEMPT);
  if (version !== undefined) checkWhole("version", version, Number.MAX_SAFE_INTEGER);
}

function checkWhole(field: string, value: number, most: number): void {
  if (!Number.isInteger(value) || value < 1 || value > most)
    throw new Error(`${field} ${value}: Modal takes a whole number from 1 to ${most}`);
}

function remembered(client: ModalClient, key: string, find: () => Promise<Function_>): Promise<Function_> {
  const known = boundFunctions.get(client) ?? new Map<string, Promise<Function_>>();
  boundFunctions.set(client, known);
  const found = known.get(key) ?? find();
  known.set(key, found);
  // whoever asks next looks again
  void found.catch(() => known.delete(key));
  return found;
}

const ofVersion = ({ version }: GpuPlace): string => (version === undefined ? "" : ` in version ${version}`);

/** Errors that nothing but a person mends say what to do. */
function explained(cause: unknown, { app, environment }: ModalGpuOptions, what: string): unknown {
  const where = `app ${JSON.stringify(app)}${environment === undefined ? "" : ` of environment ${environment}`}`;
  if (isMissing(cause))
    return new Error(`Modal has no ${what} in ${where}: deploy it with "modal deploy functions/gpu/app.py"`, { cause });
  if (isRefused(cause))
    return new Error(`Modal refuses the token for ${where}: set the secrets ModalTokenId and ModalTokenSecret again`, {
      cause,
    });
  return cause;
}
