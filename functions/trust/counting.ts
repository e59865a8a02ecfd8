/** What an answer used that is being made, or that was broken off: nobody tells it but what came. */
import type { Clock } from "../../shared/ports/clock.ts";
import type { ChatDelta } from "../../shared/ports/engine.ts";
import type { Usage } from "../../shared/schemas/chat.ts";
import { promptOnly } from "./bounds.ts";

/** What ordinary English has, about. Our choice, for servers that send several tokens in one piece. */
const BYTES_PER_TOKEN = 4;
const encoder = new TextEncoder();

/** @param most the request's bound: a prompt nobody counted counts as its bound */
export function streamCounter(most: Usage) {
  let told: Usage | undefined;
  let [pieces, bytes, named] = [0, 0, 0];

  return {
    see(delta: ChatDelta): void {
      if (delta.kind === "usage") told = delta.usage;
      if (delta.kind !== "text") return;
      pieces++;
      bytes += encoder.encode(delta.text).length;
      named += delta.logprobs?.length ?? 0;
    },
    /** True once anything came. */
    begun: () => told !== undefined || pieces > 0,
    usage(): Usage {
      if (told !== undefined) return told;
      const counted = Math.max(named, pieces, Math.ceil(bytes / BYTES_PER_TOKEN));
      const { prompt_tokens } = promptOnly(most);
      const completion_tokens = Math.min(counted, most.completion_tokens);
      return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens };
    },
  };
}

/** Seconds in which at least one of several things was waited for. */
export function stopwatch(clock: Pick<Clock, "now">) {
  let [running, since, total] = [0, 0, 0];
  return {
    start(): void {
      if (running++ === 0) since = clock.now();
    },
    stop(): void {
      if (--running === 0) total += clock.now() - since;
    },
    seconds: () => (total + (running > 0 ? clock.now() - since : 0)) / 1000,
  };
}

/** The items of `source`; the watch runs while the next one is waited for, not while the taker is busy with it. */
export async function* timed<T>(
  source: AsyncIterable<T>,
  watch: ReturnType<typeof stopwatch> | undefined,
): AsyncGenerator<T> {
  const items = source[Symbol.asyncIterator]();
  try {
    for (;;) {
      watch?.start();
      const next = await items.next().finally(() => watch?.stop());
      if (next.done) return;
      yield next.value;
    }
  } finally {
    await items.return?.();
  }
}
