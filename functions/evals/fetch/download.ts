/**
 * One file over the network: whole or not at all, and after a cut connection from where it broke off. What came so far
 * lies beside the file as `….part`; which version of the file it is, in `….part.json`.
 */
import { createWriteStream } from "node:fs";
import { mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { dirname } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { safeOpen, type WebRules } from "../../intake/safe-fetch.ts";
import { WebError } from "../../intake/web-error.ts";
import { FetchError, fileHash } from "./check.ts";

const ATTEMPTS = 5; // our choice: in a row, each without a single new byte
const STALL_MS = 60_000; // our choice: a server that sends nothing for so long has forgotten us
const DAY_MS = 24 * 3600 * 1000;

export type DownloadRules = Pick<WebRules, "resolve" | "allowRanges" | "allowHttp" | "allowPorts" | "ca" | "signal">;

export type Wanted = {
  url: string;
  path: string;
  sha256?: string | undefined;
  /** Servers that the URL's own may send to: names, or ends of names that begin with a dot. */
  servers: readonly string[];
};

export type DownloadDeps = {
  rules: DownloadRules;
  /** Bytes so far and in all; `undefined` where the server does not tell. */
  onBytes: (done: number, total: number | undefined) => void;
  /** A redirect to another server. */
  onRedirect: (url: URL) => void;
  stallMs?: number;
};

const PartFacts = z.strictObject({ url: z.string(), validator: z.string().nullable() });
type PartFacts = z.infer<typeof PartFacts>;

/**
 * Downloads to `<path>.part` and renames. @returns the file's hash
 * @throws FetchError; what came so far stays and the next call goes on from there, except where its hash is wrong
 */
export async function download(wanted: Wanted, deps: DownloadDeps): Promise<{ sha256: string; bytes: number }> {
  const part = `${wanted.path}.part`;
  await mkdir(dirname(part), { recursive: true });
  const began = await sizeOf(part);
  await receive(wanted, part, deps);
  const checked = await fileHash(part);
  if (wanted.sha256 !== undefined && checked.sha256 !== wanted.sha256) {
    await dropPart(part);
    if (began > 0) return download(wanted, deps); // the rest belonged to another version: once more from nothing
    throw new FetchError(
      "wrong_hash",
      `${wanted.url} has SHA-256 ${checked.sha256}, and ${wanted.sha256} was expected`,
    );
  }
  await rename(part, wanted.path);
  await dropPart(part);
  return checked;
}

async function dropPart(part: string): Promise<void> {
  await Promise.all([rm(part, { force: true }), rm(`${part}.json`, { force: true })]);
}

const sizeOf = (path: string): Promise<number> =>
  stat(path).then(
    ({ size }) => size,
    () => 0,
  );

/** Until the file is whole, or nothing new comes any more. */
async function receive(wanted: Wanted, part: string, deps: DownloadDeps): Promise<void> {
  for (let fruitless = 0; fruitless < ATTEMPTS; ) {
    const before = await sizeOf(part);
    const ended = await receiveOnce(wanted, part, deps).catch((error: unknown) => brokenOff(error, wanted, deps));
    if (ended === true) return;
    fruitless = (await sizeOf(part)) > before ? 0 : fruitless + 1;
    if (ended !== false && fruitless === ATTEMPTS) throw ended;
  }
  throw new FetchError("unreachable", `${wanted.url} could not be fetched: its server does not send all of it`);
}

/** The problem that is left when trying again does not help; thrown at once where it cannot. */
function brokenOff(error: unknown, { url }: Wanted, { rules }: DownloadDeps): FetchError {
  if (error instanceof FetchError) throw error;
  if (rules.signal?.aborted) throw rules.signal.reason;
  const problem = unreachable(url, error);
  if (isHopeless(error)) throw problem;
  return problem;
}

const HOPELESS: readonly string[] = [
  "unknown_host",
  "private_address",
  "malformed",
  "not_https",
  "port",
  "credentials",
];
const isHopeless = (error: unknown) => error instanceof WebError && HOPELESS.includes(error.what);

function unreachable(url: string, error: unknown): FetchError {
  const reason = error instanceof WebError ? error.reason : error instanceof Error ? error.message : String(error);
  return new FetchError("unreachable", `${url} could not be fetched: ${reason}`);
}

/** One request. @returns whether the file is whole now */
async function receiveOnce(wanted: Wanted, part: string, deps: DownloadDeps): Promise<boolean> {
  const facts = await factsOf(part);
  const from = await usableBytes(wanted, part, facts);
  const { reply } = await safeOpen(wanted.url, {
    ...deps.rules,
    totalMs: DAY_MS,
    headers: from === 0 ? {} : rangeFrom(from, facts?.validator),
    onRedirect: (to) => checkRedirect(to, wanted, deps),
  });
  try {
    const { statusCode: status } = reply;
    if (status === 416) return reply.headers["content-range"] === `bytes */${from}` || startAgain(part);
    if (status !== 200 && status !== 206) {
      throw new FetchError("refused", `${wanted.url} could not be fetched: the server answered ${status}`);
    }
    const start = status === 206 ? rangeStart(reply) : 0;
    if (start !== 0 && start !== from) return startAgain(part);
    const validator = validatorOf(reply);
    await writeFile(`${part}.json`, JSON.stringify({ url: wanted.url, validator } satisfies PartFacts));
    const total = totalOf(reply, start);
    await write(reply, { part, start, total }, deps);
    return total === undefined || (await sizeOf(part)) === total;
  } finally {
    reply.destroy();
  }
}

/** The next request begins at 0. */
async function startAgain(part: string): Promise<false> {
  await dropPart(part);
  return false;
}

async function factsOf(part: string): Promise<PartFacts | undefined> {
  const text = await readFile(`${part}.json`, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return PartFacts.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined; // cut off by a crash
  }
}

/** What may be kept: the same version of the same file, or one whose hash decides in the end. */
async function usableBytes(wanted: Wanted, part: string, facts: PartFacts | undefined): Promise<number> {
  const sure = facts !== undefined && facts.url === wanted.url && facts.validator !== null;
  return sure || wanted.sha256 !== undefined ? sizeOf(part) : 0;
}

const rangeFrom = (from: number, validator: string | null | undefined): Record<string, string> => ({
  range: `bytes=${from}-`,
  ...(validator ? { "if-range": validator } : {}),
});

/** A strong ETag, else the date: only these may stand in If-Range (RFC 9110 §13.1.5). */
function validatorOf({ headers }: IncomingMessage): string | null {
  const { etag } = headers;
  return etag !== undefined && !etag.startsWith("W/") ? etag : (headers["last-modified"] ?? null);
}

const rangeStart = ({ headers }: IncomingMessage): number =>
  Number(/^bytes (\d+)-/.exec(headers["content-range"] ?? "")?.[1] ?? -1);

function totalOf({ headers }: IncomingMessage, start: number): number | undefined {
  const length = headers["content-length"];
  return length === undefined ? undefined : start + Number(length);
}

function checkRedirect(to: URL, { url, servers }: Wanted, { onRedirect }: DownloadDeps): void {
  const { hostname } = to;
  if (hostname === new URL(url).hostname) return;
  if (!servers.some((name) => (name.startsWith(".") ? hostname.endsWith(name) : hostname === name))) {
    throw new FetchError("refused", `${url} leads to another server, ${hostname}, which is not asked`);
  }
  onRedirect(to);
}

async function write(
  reply: IncomingMessage,
  { part, start, total }: { part: string; start: number; total: number | undefined },
  { onBytes, stallMs = STALL_MS }: DownloadDeps,
): Promise<void> {
  let done = start;
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, pass) {
      done += chunk.length;
      onBytes(done, total);
      pass(null, chunk);
    },
  });
  reply.setTimeout(stallMs, () => reply.destroy(new Error(`the server sent nothing for ${stallMs} ms`)));
  await pipeline(reply, counted, createWriteStream(part, { flags: start === 0 ? "w" : "a" }));
}
