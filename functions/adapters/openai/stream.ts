/** One answer as the server makes it: server-sent events as ChatDeltas. */
import type { Stream } from "openai/core/streaming";
import type { ChatCompletionChunk, ChatCompletionCreateParamsStreaming } from "openai/resources/chat/completions";
import { z } from "zod";
import type { ChatDelta } from "../../../shared/ports/engine.ts";
import { type ChatBody, ChoiceLogprobs, Usage } from "../../../shared/schemas/chat.ts";
import { withRetries } from "./attempts.ts";
import { singleChoice, totalUsage } from "./choices.ts";
import type { Connection } from "./connection.ts";
import { judgeFor, passFor } from "./connection.ts";
import { EngineFailure, GarbledReply } from "./failure.ts";
import type { Pass } from "./gate.ts";
import { sharedImages } from "./images.ts";
import { MAX_ATTEMPTS } from "./retry.ts";

const Chunk = z.object({
  choices: z
    .array(
      z.object({
        index: z.int().min(0),
        delta: z.object({ content: z.string().nullish() }).nullish(),
        logprobs: ChoiceLogprobs.nullish(),
        finish_reason: z.string().nullish(),
      }),
    )
    .default([]),
  usage: Usage.nullish(),
});

/**
 * Every choice of the body; choices the server left out are streamed after the others. Usage comes once, last.
 * Ends quietly when aborted. Throws EngineFailure; nothing is retried once the first event has come.
 */
export async function* streamAnswer(
  connection: Connection,
  body: ChatBody,
  signal: AbortSignal,
): AsyncGenerator<ChatDelta> {
  try {
    yield* streamChoices(connection, body, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function* streamChoices(connection: Connection, body: ChatBody, signal: AbortSignal): AsyncGenerator<ChatDelta> {
  const tally: Tally = { finished: new Set(), usages: [] };
  const wanted = body.n ?? 1;
  for (let choice = 0; choice < wanted; choice = firstMissing(tally.finished)) {
    if (choice === 0) yield* counted(streamOnce(connection, body, signal), tally);
    else yield* counted(placedAt(choice, streamOnce(connection, singleChoice(body, choice), signal)), tally);
    signal.throwIfAborted();
    if (!tally.finished.has(choice)) throw broken(connection, body.model);
  }
  const usage = totalUsage(tally.usages);
  if (usage !== undefined) yield { kind: "usage", usage };
}

type Tally = { finished: Set<number>; usages: Usage[] };

/** Passes on all but usage. */
async function* counted(deltas: AsyncIterable<ChatDelta>, { finished, usages }: Tally): AsyncGenerator<ChatDelta> {
  for await (const delta of deltas) {
    if (delta.kind === "finish") finished.add(delta.choice);
    if (delta.kind === "usage") usages.push(delta.usage);
    else yield delta;
  }
}

async function* placedAt(choice: number, deltas: AsyncIterable<ChatDelta>): AsyncGenerator<ChatDelta> {
  for await (const delta of deltas) yield delta.kind === "usage" ? delta : { ...delta, choice };
}

function firstMissing(finished: ReadonlySet<number>): number {
  let index = 0;
  while (finished.has(index)) index++;
  return index;
}

function broken({ model }: Connection, name: string): EngineFailure {
  const message = `${model.baseUrl} (model ${name}) ended the stream before the answer was finished. Ask again.`;
  return new EngineFailure({ code: "connection_lost", message, retryable: true });
}

async function* streamOnce(connection: Connection, body: ChatBody, signal: AbortSignal): AsyncGenerator<ChatDelta> {
  const pass = await passFor(connection, body.model, signal);
  if (!("end" in pass)) throw new EngineFailure(pass);
  const watch = watchdog(connection, signal);
  try {
    const events = await opened(connection, body, { pass, signal: watch.signal });
    for await (const event of events) {
      watch.feed();
      yield* deltasOf(event);
    }
    if (watch.barked()) throw new EngineFailure(silence(connection, body.model));
    connection.health.answered(body.model);
  } catch (error) {
    if (error instanceof EngineFailure) throw error;
    signal.throwIfAborted();
    throw new EngineFailure(
      watch.barked() ? silence(connection, body.model) : judgeFor(connection, body.model)(error).failure,
    );
  } finally {
    watch.end();
    pass.end();
  }
}

async function opened(
  connection: Connection,
  body: ChatBody,
  { pass, signal }: { pass: Pass; signal: AbortSignal },
): Promise<Stream<ChatCompletionChunk>> {
  const { client, clock, random, health, blobs } = connection;
  const since = clock.now();
  const images = sharedImages(blobs, [body]);
  const open = async () => {
    const request = { ...(await images.writtenOut(body)), stream: true, stream_options: { include_usage: true } };
    return client.chat.completions.create(request as ChatCompletionCreateParamsStreaming, { signal });
  };
  const stopWaiting = AbortSignal.any([signal, health.signal(body.model)]);
  const judge = judgeFor(connection, body.model);
  const answer = await withRetries(open, { pass, clock, random, patience: MAX_ATTEMPTS, judge, signal, stopWaiting });
  if (answer.outcome === "answered") return answer.value;
  health.gaveUp(body.model, answer.verdict, since);
  throw new EngineFailure(answer.verdict.failure);
}

function* deltasOf(event: unknown): Generator<ChatDelta> {
  const chunk = Chunk.safeParse(event);
  if (!chunk.success) throw new GarbledReply(z.prettifyError(chunk.error).replaceAll("\n", " "));
  for (const { index, delta, logprobs, finish_reason } of chunk.data.choices) {
    const text = delta?.content ?? "";
    const named = logprobs?.content ?? [];
    if (named.length > 0) yield { kind: "text", choice: index, text, logprobs: named };
    else if (text !== "") yield { kind: "text", choice: index, text };
    if (finish_reason) yield { kind: "finish", choice: index, reason: finish_reason };
  }
  if (chunk.data.usage) yield { kind: "usage", usage: chunk.data.usage };
}

/** The client's time-out ends with the headers; this one covers the silence between two events. */
function watchdog({ clock, model }: Connection, signal: AbortSignal) {
  const limit = model.timeoutSeconds * 1000;
  const bark = new AbortController();
  const over = new AbortController();
  let lastEvent: number | undefined;

  async function watch() {
    while (lastEvent !== undefined) {
      const left = lastEvent + limit - clock.now();
      if (left <= 0) return bark.abort();
      await clock.sleep(left, over.signal);
    }
  }

  return {
    signal: AbortSignal.any([signal, bark.signal]),
    barked: () => bark.signal.aborted,
    feed() {
      const first = lastEvent === undefined;
      lastEvent = clock.now();
      if (first) watch().catch(() => undefined);
    },
    end: () => over.abort(),
  };
}

function silence({ model }: Connection, name: string) {
  const message = `${model.baseUrl} (model ${name}) sent nothing for ${model.timeoutSeconds} s in the middle of an answer. Raise timeoutSeconds or ask again.`;
  return { code: "timed_out", message, retryable: true };
}
