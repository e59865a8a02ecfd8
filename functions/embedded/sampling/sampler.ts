import type { Weights } from "../autodiff/weights.ts";
import { TEXT_LENGTH } from "../model/architecture.ts";
import type { Prefix } from "../model/prefix-graph.ts";
import { logitsOf, stepGraph } from "../model/step-graph.ts";
import { END } from "../model/tokenizer.ts";
import type { Random } from "../random.ts";
import { chooseToken, type Decoding } from "./choose.ts";

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

/** Our choice: wide enough that a step's fixed cost is small, narrow enough that one chat answers at once. */
export const SLOTS = 128;

/**
 * Writes many texts at once with continuous batching: a finished text's slot is given to the next job at once. What a
 * job writes depends on its own prompt, picture and random numbers only.
 */
export async function sampler(weights: Weights, slots = SLOTS) {
  const graph = await stepGraph(slots);
  const active: (Active | undefined)[] = Array.from({ length: slots }, () => undefined);
  const waiting: Active[] = [];
  const tokens = new Int32Array(slots);
  const positions = new Int32Array(slots).fill(-1);
  let working = false;

  function fillSlots(): void {
    for (let slot = 0; slot < slots && waiting.length > 0; slot++) {
      if (active[slot]) continue;
      const text = waiting.shift()!;
      active[slot] = text;
      graph.start(slot, text.job.prefix);
    }
  }

  function finish(slot: number, reason: Written["reason"]): void {
    const text = active[slot]!;
    active[slot] = undefined;
    positions[slot] = -1;
    text.resolve({ ids: text.ids, reason });
  }

  /** Takes the next token of one slot out of its logits; says why the text has ended, if it has. */
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

  async function work(): Promise<void> {
    fillSlots();
    while (active.some((text) => text)) {
      active.forEach((text, slot) => {
        if (!text) return;
        tokens[slot] = text.next;
        positions[slot] = text.fed;
      });
      const logits = await graph.step(weights, tokens, positions);
      active.forEach((text, slot) => {
        const reason = text && advance(text, logitsOf(logits, slot));
        if (reason) finish(slot, reason);
      });
      fillSlots();
    }
    working = false; // at once, so that a job that comes before the next tick starts anew
  }

  /** A step that throws ends every text: nobody waits for ever. */
  function fail(error: unknown): void {
    for (const text of [...active, ...waiting.splice(0)]) text?.reject(error);
    active.fill(undefined);
    positions.fill(-1);
    working = false;
  }

  function write(job: TextJob): Promise<Written> {
    if (job.prompt.length === 0 || job.prompt.length > TEXT_LENGTH) {
      throw new Error(`prompt: has ${job.prompt.length} tokens; 1 to ${TEXT_LENGTH} fit the model`);
    }
    return new Promise((resolve, reject) => {
      waiting.push({ job, ids: [], fed: 0, next: job.prompt[0]!, resolve, reject });
      if (working) return;
      working = true;
      queueMicrotask(() => work().catch(fail)); // later, so that jobs that come together start together
    });
  }
  return { write, release: graph.release };
}
