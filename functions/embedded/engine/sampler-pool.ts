import { sampler } from "../sampling/sampler.ts";
import type { LoadedModel } from "./models.ts";

type Writer = Awaited<ReturnType<typeof sampler>>;
type Entry = { writer: Promise<Writer>; users: number };

const KEPT = 1; // our choice: passes come one after the other; each sampler costs about 100 MB

/** One sampler for each set of weights: all requests to a model share its batches. Idle ones beyond a few are let go. */
export function samplerPool() {
  const entries = new Map<string, Entry>();

  function entryOf(model: LoadedModel): Entry {
    const known = entries.get(model.revision) ?? { writer: sampler(model.weights), users: 0 };
    entries.delete(model.revision);
    entries.set(model.revision, known);
    return known;
  }

  async function releaseIdle(): Promise<void> {
    const idle = [...entries].filter(([, { users }]) => users === 0);
    for (const [revision, { writer }] of idle.slice(0, Math.max(0, entries.size - KEPT))) {
      entries.delete(revision);
      await (await writer).release();
    }
  }

  /** Runs `work` with the model's sampler, which stays until it is done. */
  async function using<T>(model: LoadedModel, work: (writer: Writer) => Promise<T>): Promise<T> {
    const entry = entryOf(model);
    entry.users += 1;
    try {
      return await work(await entry.writer);
    } finally {
      entry.users -= 1;
      await releaseIdle();
    }
  }
  return { using };
}
