import type { Weights } from "../autodiff/weights.ts";
import { TEXT_LENGTH } from "../model/architecture.ts";
import type { Prefix } from "../model/prefix-graph.ts";
import { logitsOf, stepGraph } from "../model/step-graph.ts";
import { END } from "../model/tokenizer.ts";
import type { Random } from "../random.ts";
import { chooseToken, type Decoding } from "./choose.ts";
import { type Stepper, stepThread } from "./step-thread.ts";

/** One text to be written. `done` says after each token whether it was the last. */
export type TextJob = {
  prefix: Prefix;
  prompt: readonly number[];
  decoding: Decoding;
  random: Random;
  maxTokens: number;
  /** A further reason to stop, asked with all tokens so far. */
  stops?: (ids: readonly number[]) => boolean;
  /** Sees each token as it is chosen, with the logits it was chosen from. */
  onToken?: (id: number, logits: Float32Array) => void;
  signal?: AbortSignal;
};

/** `stop`: the model or the caller ended it; `length`: no room or no tokens left; `aborted`: nobody waits any more. */
export type Written = { ids: number[]; reason: "stop" | "length" | "aborted" };

type Active = {
  job: TextJob;
  ids: number[];
  fed: number;
  next: number;
  resolve: (written: Written) => void;
  reject: (error: unknown) => void;
};

/** Our choice: a step of 128 costs 5 ms on one core, of 64 it costs 3 (measured 2026-11). */
export const SLOTS = 128;
/** One batch that goes on while there are jobs: each step writes a token for every text in it. */
function lane(graph: Stepper, slots: number, waiting: Active[]) {
  const active: (Active | undefined)[] = Array.from({ length: slots }, () => undefined);
  const tokens = new Int32Array(slots);
  const positions = new Int32Array(slots).fill(-1);
  let working = false;

  function fillSlots(): void {
    for (let slot = 0; slot < slots; slot++) {
      if (active[slot]) continue;
      const text = nextWanted(waiting);
      if (!text) break;
      active[slot] = text;
      graph.start(slot, text.job.prefix);
    }
    active.forEach((text, slot) => {
      tokens[slot] = text?.next ?? 0;
      positions[slot] = text?.fed ?? -1;
    });
  }

  function takeTokens(logits: Float32Array): void {
    active.forEach((text, slot) => {
      const reason = text && advance(text, logitsOf(logits, slot));
      if (!reason) return;
      active[slot] = undefined;
      text.resolve({ ids: text.ids, reason });
    });
  }

  async function work(): Promise<void> {
    fillSlots();
    while (active.some((text) => text)) {
      takeTokens(await graph.step(tokens, positions));
      fillSlots();
    }
    working = false; // at once, so that a job that comes before the next tick starts anew
  }

  /** A step that throws ends every text: nobody waits for ever. */
  function fail(error: unknown): void {
    for (const text of [...active, ...waiting.splice(0)]) text?.reject(error);
    active.fill(undefined);
    working = false;
  }

  /** Starts work where there is none, later: jobs that come together start together. */
  function wake(): void {
    if (working) return;
    working = true;
    queueMicrotask(() => void work().catch(fail));
  }
  return { wake };
}

/** The next text that somebody still waits for; those before it end unwritten. */
function nextWanted(waiting: Active[]): Active | undefined {
  for (let text = waiting.shift(); text; text = waiting.shift()) {
    if (!text.job.signal?.aborted) return text;
    text.resolve({ ids: [], reason: "aborted" });
  }
  return undefined;
}

/** Takes a text's next token out of its logits; says why the text has ended, if it has. */
function advance(text: Active, logits: Float32Array): Written["reason"] | undefined {
  const { job } = text;
  text.fed += 1;
  if (job.signal?.aborted) return "aborted";
  const prompted = job.prompt[text.fed];
  if (prompted !== undefined) {
    text.next = prompted;
    return undefined;
  }
  const id = chooseToken(logits, job.decoding, job.random);
  job.onToken?.(id, logits);
  if (id === END) return "stop";
  text.ids.push(id);
  text.next = id;
  if (job.stops?.(text.ids)) return "stop";
  return text.ids.length >= job.maxTokens || text.fed >= TEXT_LENGTH ? "length" : undefined;
}

/**
 * Writes many texts at once with continuous batching: a finished text's slot is given to the next job at once. What a
 * job writes depends on its own prompt, picture and random numbers only.
 */
export async function sampler(weights: Weights, slots = SLOTS) {
  const waiting: Active[] = [];
  const graphs: Stepper[] = [await stepGraph(weights, slots)];
  const lanes = graphs.map((graph) => lane(graph, slots, waiting));
  let second: Promise<void> | undefined;

  /** A thread costs memory and a start: only a crowd gets it. */
  async function openSecondLane(): Promise<void> {
    const graph = await stepThread(weights, slots);
    graphs.push(graph);
    lanes.push(lane(graph, slots, waiting));
    lanes.at(-1)!.wake();
  }

  function write(job: TextJob): Promise<Written> {
    if (job.prompt.length === 0 || job.prompt.length > TEXT_LENGTH) {
      throw new Error(`prompt: has ${job.prompt.length} tokens; 1 to ${TEXT_LENGTH} fit the model`);
    }
    return new Promise((resolve, reject) => {
      waiting.push({ job, ids: [], fed: 0, next: job.prompt[0]!, resolve, reject });
      for (const { wake } of lanes) wake();
      if (waiting.length > slots) second ??= openSecondLane();
    });
  }

  async function release(): Promise<void> {
    await second;
    await Promise.all(graphs.map((graph) => graph.release()));
  }
  return { write, release };
}
