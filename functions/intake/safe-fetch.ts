/**
 * The only way this project calls a URL that a stranger named. Every address of the host is checked, and the connection
 * goes to a checked address itself, so that a name that changes its address in between changes nothing. Server names in TLS
 * and the Host header stay the name's. Proxies of the environment are not used.
 */
import { lookup } from "node:dns/promises";
import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { rootCertificates } from "node:tls";
import { unsafeAddress } from "./web-address.ts";
import { type UrlField, WebError, type WebProblem } from "./web-error.ts";
import { checkUrl, type UrlRules } from "./web-url.ts";

/** All addresses of a host, as text. */
export type Resolve = (host: string) => Promise<readonly string[]>;

/** What an operator may set; without any, only public https servers are called. */
export type WebRules = Omit<UrlRules, "field"> & {
  resolve?: Resolve | undefined;
  /** Addresses that may be called although not public, as `10.1.0.0/16`; for tests and for an operator's own network. */
  allowRanges?: readonly string[] | undefined;
  /** Certificates (PEM) of an own authority, beside the built-in ones. */
  ca?: string | undefined;
  /** Until the connection stands, TLS included. */
  connectMs?: number | undefined;
  /** For everything: names, redirects, body. */
  totalMs?: number | undefined;
  signal?: AbortSignal | undefined;
};

export type FetchOptions = WebRules & { maxBytes: number };
export type PostOptions = WebRules & { headers: Readonly<Record<string, string>>; body: string | Uint8Array };

const CONNECT_MS = 5_000; // our choice
const TOTAL_MS = 20_000; // our choice: 20 MiB at 1 MiB/s, the slowest that is waited for
const MAX_REDIRECTS = 3; // our choice: to the name with www, to the server of images, to the copy near by
const MAX_HEADER_BYTES = 16 * 1024; // Node's own default, whatever the process was started with

/** One call with all its redirects. */
type Call = { field: UrlField; given: string; rules: WebRules; signal: AbortSignal; deadline: AbortSignal };
type Message = { method: "GET" | "POST"; headers: Readonly<Record<string, string>>; body?: string | Uint8Array };

function begin(field: UrlField, given: string, rules: WebRules): Call {
  const deadline = AbortSignal.timeout(rules.totalMs ?? TOTAL_MS);
  const signal = rules.signal ? AbortSignal.any([deadline, rules.signal]) : deadline;
  return { field, given, rules, signal, deadline };
}

function failure({ field, given }: Call, what: WebProblem, reason: string): WebError {
  return new WebError(what, [field, given], reason);
}

/** The caller's own abort comes back as its reason; everything else becomes a WebError. */
function explain(error: unknown, call: Call, what: WebProblem): unknown {
  if (error instanceof WebError) return error;
  if (call.rules.signal?.aborted) return call.rules.signal.reason;
  if (call.deadline.aborted)
    return failure(call, "timed_out", `no full answer in ${call.rules.totalMs ?? TOTAL_MS} ms`);
  const { code, message } = error as NodeJS.ErrnoException;
  return failure(call, what, `${what === "cut_off" ? "the answer broke off" : "no connection"} (${code ?? message})`);
}

const lookupAll: Resolve = async (host) => (await lookup(host, { all: true })).map(({ address }) => address);

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

/** All addresses of the URL's host. Throws a WebError when there is none, or when one of them must not be called. */
async function safeAddresses(url: URL, call: Call): Promise<readonly string[]> {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const addresses = isIP(host) === 0 ? await resolved(host, call) : [host];
  if (addresses.length === 0) throw failure(call, "unknown_host", `${host} has no address`);
  for (const address of addresses) {
    const unsafe = unsafeAddress(address, call.rules.allowRanges);
    if (unsafe) throw failure(call, "private_address", `${host} is not on the public internet (${unsafe} address)`);
  }
  return addresses;
}

async function resolved(host: string, call: Call): Promise<readonly string[]> {
  try {
    return await Promise.race([(call.rules.resolve ?? lookupAll)(host), aborted(call.signal)]);
  } catch (error) {
    if (call.signal.aborted) throw explain(error, call, "timed_out");
    throw failure(call, "unknown_host", `${host} cannot be resolved`);
  }
}

/** Answers every question with the checked addresses. */
function pinned(addresses: readonly string[]): LookupFunction {
  const all = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_host, options, done) => {
    if (options.all) done(null, all);
    else done(null, all[0]!.address, all[0]!.family);
  };
}

/** One request to a checked address; resolves with the reply's head. The caller destroys or reads it to its end. */
async function exchange(url: URL, { method, headers, body }: Message, call: Call): Promise<IncomingMessage> {
  const addresses = await safeAddresses(url, call);
  const { ca, connectMs = CONNECT_MS } = call.rules;
  const options = {
    method,
    headers: { "user-agent": "rlaifv", ...headers },
    agent: false as const, // a connection of its own: none that was opened for another name or address
    lookup: pinned(addresses),
    maxHeaderSize: MAX_HEADER_BYTES,
    signal: call.signal,
  };
  return new Promise((resolve, reject) => {
    const secure = url.protocol === "https:";
    const tls = { rejectUnauthorized: true, ...(ca === undefined ? {} : { ca: [...rootCertificates, ca] }) };
    const request = secure ? requestHttps(url, { ...options, ...tls }) : requestHttp(url, options);
    const late = failure(call, "timed_out", `no connection in ${connectMs} ms`);
    const timer = setTimeout(() => request.destroy(late), connectMs);
    request.once("socket", (socket) => socket.once(secure ? "secureConnect" : "connect", () => clearTimeout(timer)));
    request.once("close", () => {
      clearTimeout(timer);
      reject(failure(call, "no_connection", "the server ended the connection without an answer")); // after a reply: nothing
    });
    request.once("response", resolve);
    request.on("error", (error) => reject(explain(error, call, "no_connection")));
    request.end(body);
  });
}

function isRedirect(reply: IncomingMessage): boolean {
  return [301, 302, 303, 307, 308].includes(reply.statusCode ?? 0) && reply.headers.location !== undefined;
}

function checkHead(reply: IncomingMessage, maxBytes: number, call: Call): void {
  const { "content-encoding": encoding = "identity", "content-length": length = "0" } = reply.headers;
  if (reply.statusCode !== 200) throw failure(call, "bad_status", `the server answered ${reply.statusCode}`);
  if (encoding.trim().toLowerCase() !== "identity")
    throw failure(call, "encoded_reply", `the answer is encoded (${encoding.slice(0, 40)})`);
  if (Number(length) > maxBytes) throw failure(call, "too_large", `${length} bytes are more than ${maxBytes}`);
}

async function readBody(reply: IncomingMessage, maxBytes: number, call: Call): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of reply as AsyncIterable<Buffer>) {
      size += part.length;
      if (size > maxBytes) throw failure(call, "too_large", `more than ${maxBytes} bytes`);
      parts.push(part);
    }
  } catch (error) {
    throw explain(error, call, "cut_off");
  }
  return Buffer.concat(parts);
}

async function fetchOnce(url: URL, maxBytes: number, call: Call): Promise<Uint8Array | URL> {
  const headers = { accept: "image/jpeg, image/png, image/webp", "accept-encoding": "identity" };
  const reply = await exchange(url, { method: "GET", headers }, call);
  try {
    if (isRedirect(reply)) return checkUrl(reply.headers.location!, { ...call.rules, field: call.field }, url);
    checkHead(reply, maxBytes, call);
    return await readBody(reply, maxBytes, call);
  } finally {
    reply.destroy();
  }
}

/**
 * The bytes behind an https URL; each of at most 3 redirects is checked like the first URL. Throws a WebError with codes
 * `image_url.…`, or the reason of `options.signal`.
 */
export async function safeFetch(url: string, options: FetchOptions): Promise<{ bytes: Uint8Array; url: string }> {
  const call = begin("image_url", url, options);
  let next = checkUrl(url, { ...options, field: call.field });
  for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
    const got = await fetchOnce(next, options.maxBytes, call);
    if (!(got instanceof URL)) return { bytes: got, url: next.href };
    next = got;
  }
  throw failure(call, "too_many_redirects", `more than ${MAX_REDIRECTS} redirects`);
}

/**
 * Posts to an https URL and gives the status, whatever it is; follows no redirect and reads nothing of the reply's body.
 * Throws a WebError with codes `webhook_url.…`, or the reason of `options.signal`.
 */
export async function safePost(url: string, options: PostOptions): Promise<{ status: number }> {
  const { headers, body } = options;
  const call = begin("webhook_url", url, options);
  const reply = await exchange(
    checkUrl(url, { ...options, field: call.field }),
    { method: "POST", headers, body },
    call,
  );
  reply.destroy();
  return { status: reply.statusCode ?? 0 };
}

export type OpenOptions = WebRules & {
  headers: Readonly<Record<string, string>>;
  /** Sees where a redirect leads, and throws where it must not be followed. */
  onRedirect: (to: URL) => void;
};

/**
 * Opens a large file: the reply with its head read and its body not, whatever its status. Whoever gets it reads it to its end
 * or destroys it. Throws a WebError with codes `file_url.…`, what `onRedirect` throws, or the reason of `options.signal`.
 */
export async function safeOpen(url: string, options: OpenOptions): Promise<{ reply: IncomingMessage; url: string }> {
  const call = begin("file_url", url, options);
  let next = checkUrl(url, { ...options, field: call.field });
  for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
    const headers = { accept: "*/*", "accept-encoding": "identity", ...options.headers };
    const reply = await exchange(next, { method: "GET", headers }, call);
    if (!isRedirect(reply)) return { reply, url: next.href };
    reply.destroy();
    next = checkUrl(reply.headers.location!, { ...call.rules, field: call.field }, next);
    options.onRedirect(next);
  }
  throw failure(call, "too_many_redirects", `more than ${MAX_REDIRECTS} redirects`);
}

/** Whether a webhook could be posted to this URL now; nothing is connected. Throws a WebError that says why not. */
export async function checkWebhookUrl(url: string, rules: WebRules): Promise<void> {
  const call = begin("webhook_url", url, rules);
  await safeAddresses(checkUrl(url, { ...rules, field: call.field }), call);
}
