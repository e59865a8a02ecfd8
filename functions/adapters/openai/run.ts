/** Many requests at once: each line answered once, whatever happens on the way. */
import { cutOff, DRAIN_MS, Drain, NOT_ASKED } from "../../../shared/drain.ts";
import type { BatchLine, ChatBody, ChatReply, RequestFailure } from "../../../shared/schemas/chat.ts";
import { arrivals } from "./arrivals.ts";
import { completeOnce, withRetries } from "./attempts.ts";
import { allChoices } from "./choices.ts";
import { type Connection, judgeFor, passFor } from "./connection.ts";
import { EngineFailure } from "./failure.ts";
import type { Pass } from "./gate.ts";
import { type SharedImages, sharedImages } from "./images.ts";
import { MAX_ATTEMPTS } from "./retry.ts";

/** After a `Drain` (shared/drain.ts) the lines that were begun are answered still, and the others fail as not asked. */
export async function* runLines(connection: Connection, lines: readonly BatchLine[], signal: AbortSignal) {
  const leaving = new AbortController();
  const { cut, dispose } = cutOff(signal, () => connection.clock.sleep(DRAIN_MS, leaving.signal));
  const ended = AbortSignal.any([cut, leaving.signal]);
  const replies = arrivals<ChatReply>();
  const images = sharedImages(
    connection.blobs,
    lines.map(({ body }) => body),
  );
  const work = startInOrder(connection, { lines, images, begin: signal, signal: ended }, replies.add).catch((error) => {
    if (!ended.aborted) replies.fail(error);
  });
  try {
    yield* replies.take(lines.length, ended);
  } finally {
    leaving.abort();
    dispose();
    await work;
  }
}

/** `begin`: once aborted, nothing more is asked; `signal`: ends what was. */
type Batch = { lines: readonly BatchLine[]; images: SharedImages; begin: AbortSignal; signal: AbortSignal };

/** Requests begin in the order given, so that those of one image reach the server together. Resolves when all have ended. */
async function startInOrder(connection: Connection, batch: Batch, add: (reply: ChatReply) => void): Promise<void> {
  const underway = new Set<Promise<void>>();
  let broken: { error: unknown } | undefined;
  for (const line of batch.lines) {
    const pass = await passUnlessDrained(connection, line.body.model, batch);
    if (pass === "drained") {
      add(failed(line.custom_id, { code: NOT_ASKED, message: "the run was stopped before this", retryable: true }));
      continue;
    }
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

async function passUnlessDrained(connection: Connection, model: string, { begin, signal }: Batch) {
  const stop = AbortSignal.any([begin, signal]);
  try {
    return await passFor(connection, model, stop);
  } catch (reason) {
    if (reason instanceof Drain && !signal.aborted) return "drained" as const;
    throw reason;
  }
}

const failed = (custom_id: string, failure: RequestFailure): ChatReply => ({ outcome: "failed", custom_id, failure });

async function answerLine(
  connection: Connection,
  { custom_id, body }: BatchLine,
  { pass, batch }: { pass: Pass | RequestFailure; batch: Batch },
): Promise<ChatReply> {
  if (!("end" in pass)) {
    batch.images.done(body);
    return failed(custom_id, pass);
  }
  const { health, clock } = connection;
  const since = clock.now();
  const trail: Trail = { refusal: undefined, mayBeBilled: false };
  try {
    const ask = askThrough(connection, { pass, batch, trail });
    const answer = await allChoices(body, ask, connection.singleChoiceModels);
    if (answer.outcome === "answered") {
      health.answered(body.model);
      return { outcome: "completed", custom_id, completion: answer.value };
    }
    health.gaveUp(body.model, answer.verdict, since);
    return failed(custom_id, answer.verdict.failure);
  } catch (reason) {
    if (reason instanceof EngineFailure) return failed(custom_id, reason.failure);
    if (reason instanceof Drain && !batch.signal.aborted) return failed(custom_id, waited(trail));
    throw reason;
  } finally {
    pass.end();
    batch.images.done(body);
  }
}

/** What came of a line's requests so far. `refusal`: the last one; a server does no work for what it refuses for its rate. */
type Trail = { refusal: RequestFailure | undefined; mayBeBilled: boolean };

/** Stopped while it waited to be asked again: free if it was only ever refused, else nobody knows what it cost. */
function waited({ refusal, mayBeBilled }: Trail): RequestFailure {
  if (refusal !== undefined && !mayBeBilled) return refusal;
  return { code: "no_reply", message: "the run was stopped before a retry", retryable: true };
}

function note(trail: Trail, failure: RequestFailure): void {
  if (failure.code === "rate_limited") trail.refusal = failure;
  else trail.mayBeBilled = true;
}

function askThrough(connection: Connection, { pass, batch, trail }: { pass: Pass; batch: Batch; trail: Trail }) {
  const { client, clock, random, health } = connection;
  const { images, begin, signal } = batch;
  return async (body: ChatBody) => {
    const judge = judgeFor(connection, body.model);
    const answer = await withRetries(async () => completeOnce(client, await images.writtenOut(body), { signal }), {
      pass,
      clock,
      random,
      patience: MAX_ATTEMPTS,
      judge(error) {
        const verdict = judge(error);
        note(trail, verdict.failure);
        return verdict;
      },
      signal,
      stopWaiting: AbortSignal.any([begin, signal, health.signal(body.model)]),
    });
    if (answer.outcome === "answered") trail.mayBeBilled = true; // one choice of several
    return answer;
  };
}
