/**
 * `Idempotency-Key` on every POST: a request that is sent again gets the first one's answer, and its work is done once.
 *
 * - Kept 24 hours for each principal, method and path. A repeat carries `idempotency-replayed: true`.
 * - Another body, content type or query under the same key is 422; a request still in progress is 409.
 * - Refusals that depend on the moment (401, 402, 403, 409, 429) and answers from 500 on are forgotten: the next does the work.
 * - Bodies up to 1 MB are compared before anything is done. Larger ones are not held in memory: they are hashed while the
 *   handler reads them, and a repeat is hashed while it arrives. So while the first is in progress, a repeat with another
 *   large body is 409, not 422. An answer given before such a body was read to its end is forgotten.
 * - Streams (SSE), answers above 1 MB, answers that are not text, and those whose handler says `no-store` are not kept. For them the key guards against two at
 *   the same time; a repeat after the end is refused with 422 `idempotency.not_replayable`, also when the first client
 *   went away in the middle.
 */
import type { Context, Env, MiddlewareHandler } from "hono";
import { sha256Hex } from "../../shared/ids.ts";
import type { Clock } from "../../shared/ports/clock.ts";
import type { IdempotencyStore } from "../../shared/ports/service-store.ts";
import type { IdempotencyRow } from "../../shared/schemas/service.ts";
import { hasDigest, hashedOnTheWay, readSmall, thenDo } from "./idempotency-bodies.ts";
import { ProblemError } from "./problem.ts";

export type IdempotencyDeps<E extends Env> = {
  store: IdempotencyStore;
  clock: Pick<Clock, "now">;
  /** Whose key it is: the same key of two principals is two keys. */
  principal: (context: Context<E>) => string;
};

const KEPT_MS = 24 * 60 * 60_000;
/** Our choice: longer than the longest request, a pilot or an upload of 100 MB over 1 Mbit/s (13 minutes). */
const LEASE_MS = 15 * 60_000;
const SMALL_BYTES = 1024 * 1024; // our choice
const FIELD = "header.Idempotency-Key";

/** Mounted after whoever tells the principal, and before anything that reads the body. */
export function idempotent<E extends Env>({ store, clock, principal }: IdempotencyDeps<E>): MiddlewareHandler<E> {
  return async (context, next) => {
    const given = context.req.method === "POST" ? context.req.header("idempotency-key") : undefined;
    if (given === undefined) return next();
    refuseIllegible(given);
    const key = [principal(context), context.req.method, context.req.path, given].join(" ");
    const asked = await readAsked(context.req.raw);
    const now = clock.now();
    const times = { leaseUntil: now + LEASE_MS, expiresAt: now + KEPT_MS };
    const begun = await store.begin({ key, bodyHash: asked.bodyHash, state: "in_progress", ...times }, now);
    if (begun.outcome === "known") return await answerRepeat(begun.row, asked, now);
    const { request, digest } = passedOn(context.req.raw, asked);
    context.req.raw = request;
    try {
      await next();
    } catch (error) {
      await store.forget(key);
      throw error;
    }
    await keepAnswer(context, { store, key, bodyHash: asked.bodyHash, digest });
  };
}

function refuseIllegible(key: string): void {
  if (/^[\x21-\x7e]{1,255}$/.test(key)) return;
  throw new ProblemError({
    status: 400,
    code: "idempotency.key",
    field: FIELD,
    value: key,
    detail: "An Idempotency-Key has 1 to 255 visible ASCII characters.",
    fix: "Send e.g. a UUID.",
  });
}

/** What is known of a request before its work begins. `stream`: a body above 1 MB, still to be read. */
type Asked = { bodyHash: string } & ({ bytes: Uint8Array<ArrayBuffer> } | { stream: ReadableStream } | { none: true });

async function readAsked(request: Request): Promise<Asked> {
  const facts = [request.headers.get("content-type") ?? "", new URL(request.url).search];
  if (request.body === null) return { none: true, bodyHash: hashOf([...facts, "none"]) };
  const body = await readSmall(request.body, SMALL_BYTES);
  if ("stream" in body) return { ...body, bodyHash: hashOf([...facts, "large"]) };
  return { ...body, bodyHash: hashOf([...facts, "small", sha256Hex(body.bytes)]) };
}

const hashOf = (facts: readonly string[]): string => sha256Hex(JSON.stringify(facts));

/** The request with its body as it came, for the handler. `digest`: of a large body, when it has been read to its end. */
function passedOn(request: Request, asked: Asked): { request: Request; digest?: () => string | undefined } {
  if ("none" in asked) return { request };
  if ("bytes" in asked) return { request: new Request(request, { body: asked.bytes }) };
  const { stream, digest } = hashedOnTheWay(asked.stream);
  return { request: new Request(request, { body: stream, duplex: "half" } as RequestInit), digest };
}

type Begun = {
  store: IdempotencyStore;
  key: string;
  bodyHash: string;
  digest: (() => string | undefined) | undefined;
};
type Answer = NonNullable<IdempotencyRow["response"]>;

/** Names in a kept answer's headers that are ours and never sent. */
const DIGEST = "request-digest";
const NOT_REPLAYABLE = "not-replayable";

async function keepAnswer(context: Context, begun: Begun): Promise<void> {
  const { status, headers, body } = context.res;
  if (status >= 500 || OF_THE_MOMENT.has(status)) return begun.store.forget(begun.key);
  const whole =
    body === null
      ? { bytes: new Uint8Array() }
      : isText(headers)
        ? await readSmall(body, SMALL_BYTES)
        : { stream: body };
  if ("bytes" in whole) {
    await finish(begun, { status, headers: keptHeaders(headers), body: new TextDecoder().decode(whole.bytes) });
    if (body !== null) replaceBody(context, whole.bytes);
    return;
  }
  const ended = () => finish(begun, { status, headers: { [NOT_REPLAYABLE]: "true" }, body: "" });
  replaceBody(context, thenDo(whole.stream, ended));
}

/** What was refused for now, and not for what was asked. */
const OF_THE_MOMENT = new Set([401, 402, 403, 409, 429]);

async function finish({ store, key, bodyHash, digest }: Begun, answer: Answer): Promise<void> {
  const read = digest?.();
  if (digest !== undefined && read === undefined) return store.forget(key);
  const headers = read === undefined ? answer.headers : { ...answer.headers, [DIGEST]: read };
  await store.finish(key, bodyHash, { ...answer, headers });
}

function replaceBody(context: Context, body: ReadableStream | Uint8Array<ArrayBuffer>): void {
  const response = new Response(body, context.res);
  context.res = undefined; // else Hono would merge the old headers into the new ones
  context.res = response;
}

/** Text that comes in one piece and as it is, and that nobody asked not to store: a secret, such as a new API key. */
function isText(headers: Headers): boolean {
  if (headers.has("content-encoding") || /\bno-store\b/.test(headers.get("cache-control") ?? "")) return false;
  return /^(text\/(?!event-stream)|application\/([\w.-]+\+)?json\b)/i.test(headers.get("content-type") ?? "");
}

/** Of this one message or this moment, and not of the answer. */
const PASSING =
  /^(date|content-length|transfer-encoding|connection|keep-alive|set-cookie|retry-after|x-request-id|x-ratelimit-.*|x-budget-.*)$/;

function keptHeaders(headers: Headers): Record<string, string> {
  return Object.fromEntries([...headers].filter(([name]) => !PASSING.test(name)));
}

async function answerRepeat(row: IdempotencyRow, asked: Asked, now: number): Promise<Response> {
  if (row.bodyHash !== asked.bodyHash) throw otherBody();
  if (row.response === undefined) throw inProgress(row, now);
  const { [DIGEST]: digest, [NOT_REPLAYABLE]: notReplayable, ...headers } = row.response.headers;
  if (digest !== undefined && "stream" in asked && !(await hasDigest(asked.stream, digest))) throw otherBody();
  if (notReplayable !== undefined) throw cannotReplay();
  const { status, body } = row.response;
  return new Response(body === "" ? null : body, { status, headers: { ...headers, "idempotency-replayed": "true" } });
}

const NEW_KEY = "Send a new Idempotency-Key for a new request.";

function otherBody(): ProblemError {
  return new ProblemError({
    status: 422,
    code: "idempotency.other_body",
    field: FIELD,
    detail: "This Idempotency-Key was used before, with another body, content type or query.",
    fix: `${NEW_KEY} To repeat the first one, send exactly what was sent then.`,
  });
}

function cannotReplay(): ProblemError {
  return new ProblemError({
    status: 422,
    code: "idempotency.not_replayable",
    field: FIELD,
    detail:
      "The request with this Idempotency-Key has been answered, with a stream, a secret or a body too large to be kept.",
    fix: `${NEW_KEY} It does the work again.`,
  });
}

const ASK_AGAIN_SECONDS = 5; // our choice

function inProgress({ leaseUntil }: IdempotencyRow, now: number): ProblemError {
  const seconds = Math.min(ASK_AGAIN_SECONDS, Math.max(1, Math.ceil((leaseUntil - now) / 1000)));
  return new ProblemError({
    status: 409,
    code: "idempotency.in_progress",
    field: FIELD,
    detail: "The request with this Idempotency-Key is still in progress.",
    fix: `Send it again in ${seconds} s: when it has ended, you get its answer.`,
    headers: { "retry-after": `${seconds}` },
  });
}
