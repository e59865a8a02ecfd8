/** Many requests at once: each line answered once, whatever happens on the way. */
import type { BatchLine, ChatBody, ChatReply, RequestFailure } from "../../../shared/schemas/chat.ts";
import { arrivals } from "./arrivals.ts";
import { completeOnce, withRetries } from "./attempts.ts";
import { allChoices } from "./choices.ts";
import { type Connection, judgeFor, passFor } from "./connection.ts";
import { EngineFailure } from "./failure.ts";
import type { Pass } from "./gate.ts";
import { type SharedImages, sharedImages } from "./images.ts";
import { MAX_ATTEMPTS } from "./retry.ts";

export async function* runLines(connection: Connection, lines: readonly BatchLine[], signal: AbortSignal) {
  const leaving = new AbortController();
  const ended = AbortSignal.any([signal, leaving.signal]);
  const replies = arrivals<ChatReply>();
  const images = sharedImages(
    connection.blobs,
    lines.map(({ body }) => body),
  );
  const work = startInOrder(connection, { lines, images, signal: ended }, replies.add).catch((error) => {
    if (!ended.aborted) replies.fail(error);
  });
  try {
    yield* replies.take(lines.length, ended);
  } finally {
    leaving.abort();
    await work;
  }
}

type Batch = { lines: readonly BatchLine[]; images: SharedImages; signal: AbortSignal };

/** Requests begin in the order given, so that those of one image reach the server together. Resolves when all have ended. */
async function startInOrder(connection: Connection, batch: Batch, add: (reply: ChatReply) => void): Promise<void> {
  const underway = new Set<Promise<void>>();
  let broken: { error: unknown } | undefined;
  for (const line of batch.lines) {
    const pass = await passFor(connection, line.body.model, batch.signal);
    if (broken !== undefined || batch.signal.aborted) {
      if ("end" in pass) pass.end();
      break;
    }
    const answer = answerLine(connection, line, { pass, batch })
      .then(add, (error) => {
        if (!batch.signal.aborted) broken = { error };
      })
      .finally(() => underway.delete(answer));
    underway.add(answer);
  }
  await Promise.all(underway);
  if (broken !== undefined) throw (broken as { error: unknown }).error;
}

async function answerLine(
  connection: Connection,
  { custom_id, body }: BatchLine,
  { pass, batch }: { pass: Pass | RequestFailure; batch: Batch },
): Promise<ChatReply> {
  if (!("end" in pass)) {
    batch.images.done(body);
    return { outcome: "failed", custom_id, failure: pass };
  }
  const { health, clock } = connection;
  const since = clock.now();
  try {
    const answer = await allChoices(body, askThrough(connection, pass, batch), connection.singleChoiceModels);
    if (answer.outcome === "answered") {
      health.answered(body.model);
      return { outcome: "completed", custom_id, completion: answer.value };
    }
    health.gaveUp(body.model, answer.verdict, since);
    return { outcome: "failed", custom_id, failure: answer.verdict.failure };
  } catch (reason) {
    if (reason instanceof EngineFailure) return { outcome: "failed", custom_id, failure: reason.failure };
    throw reason;
  } finally {
    pass.end();
    batch.images.done(body);
  }
}

function askThrough(connection: Connection, pass: Pass, { images, signal }: Batch) {
  const { client, clock, random, health } = connection;
  return (body: ChatBody) =>
    withRetries(async () => completeOnce(client, await images.writtenOut(body), { signal }), {
      pass,
      clock,
      random,
      patience: MAX_ATTEMPTS,
      judge: judgeFor(connection, body.model),
      signal,
      stopWaiting: AbortSignal.any([signal, health.signal(body.model)]),
    });
}
