/** What every request passes before its handler: an id, headers, who asks, limits, and how long a body may be. */
import type { Context, MiddlewareHandler } from "hono";
import type { ApiEnv } from "./access.ts";
import type { ApiDeps } from "./deps.ts";
import { ProblemError } from "./problem.ts";
import { PROBLEM_CODES } from "./problem-codes.ts";

/** Pages without scripts and without anything from elsewhere. */
export const PAGE_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const EVERYWHERE = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
};

/** What a handler has set itself stays. `x-request-id` is our own: what a client sends under this name is not believed. */
export const answerHeaders: MiddlewareHandler<ApiEnv> = async (context, next) => {
  const requestId = `req_${crypto.randomUUID()}`;
  context.set("requestId", requestId);
  await next();
  const { headers } = context.res;
  headers.set("x-request-id", requestId);
  if (headers.get("content-type")?.startsWith("text/html") && !headers.has("content-security-policy")) {
    headers.set("content-security-policy", PAGE_POLICY);
  }
  for (const [name, value] of Object.entries(EVERYWHERE)) if (!headers.has(name)) headers.set(name, value);
};

export const identified =
  ({ identify }: Pick<ApiDeps, "identify">): MiddlewareHandler<ApiEnv> =>
  async (context, next) => {
    context.set("principal", await identify(context));
    await next();
  };

/** These reserve tokens and money themselves. */
const ADMIT_THEMSELVES = ["/v1/chat/", "/v1/score"];
/** Takes the bytes of an upload: counted when it was opened, as long as announced there, and never held in memory. */
const UPLOADED = "/v1/uploads/";
const NOTHING = { tokens: 0, usdMicros: 0 };

/**
 * A request a minute and a slot for everybody, until the answer begins: streams of events and of datasets hold no slot.
 * The limits' headers go out with every answer, refusals too.
 */
export const admitted =
  ({ admission }: Pick<ApiDeps, "admission">): MiddlewareHandler<ApiEnv> =>
  async (context, next) => {
    if ([...ADMIT_THEMSELVES, UPLOADED].some((path) => context.req.path.startsWith(path))) return next();
    const asked = { requestId: context.get("requestId"), ...NOTHING };
    const answer = await admission.admit(context.get("principal"), asked);
    if (answer.outcome === "limited") {
      const code = `limit.${answer.limit}` as const;
      const { fix } = PROBLEM_CODES[code];
      throw new ProblemError({ status: 429, code, detail: `${answer.message}.`, fix, headers: answer.headers });
    }
    try {
      await next();
    } finally {
      await answer.ticket.settle(NOTHING);
    }
    for (const [name, value] of Object.entries(answer.ticket.headers)) context.res.headers.set(name, value);
    return undefined;
  };

const MIB = 1024 * 1024;
/** Twenty MiB of image in base64, and room for the words around it. */
const IMAGE_BODY = 28 * MIB;
const NDJSON_BODY = 100_000_000; // "up to 100 MB"
/** Longest body by path, the first that fits; NDJSON is streamed, all others are read whole. Our choice. */
const BODY_LIMITS: readonly (readonly [path: string, json: number])[] = [
  ["/v1/images", IMAGE_BODY],
  ["/v1/score", IMAGE_BODY],
  ["/v1/runs", IMAGE_BODY],
  ["/v1/evals", IMAGE_BODY],
  ["/v1/chat/", 64 * MIB],
  ["/", MIB],
];

/** Refuses longer bodies with a 413, at once where the length is told, and otherwise when it has come that far. */
export const bodyLimits: MiddlewareHandler<ApiEnv> = async (context, next) => {
  const { raw } = context.req;
  if (raw.body !== null && !context.req.path.startsWith(UPLOADED)) {
    const most = isNdjson(context) ? NDJSON_BODY : mostOf(context.req.path);
    const told = context.req.header("content-length");
    if (told === undefined) context.req.raw = await limitedRequest(raw, most, isNdjson(context));
    else if (Number(told) > most) throw tooLarge(most, told);
  }
  await next();
};

export const isNdjson = (context: Context): boolean =>
  /^application\/x-ndjson\s*(;|$)/i.test(context.req.header("content-type") ?? "");

const mostOf = (path: string): number => BODY_LIMITS.find(([prefix]) => path.startsWith(prefix))![1];

/** A body that is not streamed is read here: one that is too long shall not look like broken JSON to whoever parses it. */
async function limitedRequest(request: Request, most: number, streamed: boolean): Promise<Request> {
  const body = limitedBody(request.body!, most);
  const read = streamed ? { body, duplex: "half" } : { body: await new Response(body).arrayBuffer() };
  return new Request(request, read as RequestInit);
}

function limitedBody(body: ReadableStream<Uint8Array>, most: number): ReadableStream<Uint8Array> {
  let bytes = 0;
  return body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(piece, controller) {
        bytes += piece.byteLength;
        if (bytes > most) controller.error(tooLarge(most));
        else controller.enqueue(piece);
      },
    }),
  );
}

function tooLarge(most: number, told?: string): ProblemError {
  const { status, fix } = PROBLEM_CODES["body.too_large"];
  const detail = `The body may have at most ${most} bytes here.`;
  return new ProblemError({
    status,
    code: "body.too_large",
    field: told === undefined ? "body" : "header.Content-Length",
    ...(told === undefined ? {} : { value: told }),
    detail,
    fix,
  });
}
