/** The folder of fetched benchmarks, and what is recorded about each file there. */
import { readdir, readFile, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { writeWhole } from "../files.ts";
import { EvaluationError } from "../problems.ts";
import type { FetchedBench, Source } from "../sources.ts";

/** Where the platform keeps what can be fetched again (XDG Base Directory Specification). */
export function cacheFolder(given: string | undefined, env: NodeJS.ProcessEnv): string {
  const caches = env["XDG_CACHE_HOME"] || join(homedir(), ".cache");
  return given ?? join(caches, "rlaifv", "evals");
}

export const benchFolder = (cache: string, bench: FetchedBench): string => join(cache, bench);

const FetchedFile = z.strictObject({ path: z.string(), bytes: z.int().min(0), sha256: z.string() });
export type FetchedFile = z.infer<typeof FetchedFile>;

/** One source as it was fetched. */
export const FetchedSource = z.strictObject({
  /** URL or path. */
  from: z.string(),
  licence: z.string(),
  /** Of the file, or of the archive before it was unpacked; null where its files were given unpacked. */
  sha256: z.string().nullable(),
  /** `known`: it was compared with what this program expects; `recorded`: nobody knew it before. */
  hash: z.enum(["known", "recorded"]),
  /** What lies there now, below the bench's folder; of pictures only their number is kept. */
  files: z.array(FetchedFile),
  pictures: z.int().min(0).optional(),
});
export type FetchedSource = z.infer<typeof FetchedSource>;

const Fetched = z.strictObject({ schema: z.literal("rlaifv-fetched/1"), sources: z.record(z.string(), FetchedSource) });

const RECORD_FILE = "fetched.json";

export async function readRecord(folder: string): Promise<Record<string, FetchedSource>> {
  const path = join(folder, RECORD_FILE);
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined) return {};
  try {
    return Fetched.parse(JSON.parse(text)).sources;
  } catch {
    throw new EvaluationError(`${path} is not what "rlaifv eval fetch" wrote`, "remove it, and fetch anew");
  }
}

export async function recordSource(folder: string, source: Source, fetched: FetchedSource): Promise<void> {
  const sources = { ...(await readRecord(folder)), [source.path]: fetched };
  await writeWhole(join(folder, RECORD_FILE), `${JSON.stringify({ schema: "rlaifv-fetched/1", sources }, null, 2)}\n`);
}

/**
 * `present`: all files are there with the recorded lengths (hashes of a gigabyte are not computed again each time);
 * `changed`: one of them has another length.
 */
export type SourceStatus = "present" | "missing" | "changed";

export async function statusOf(
  folder: string,
  source: Source,
  fetched: FetchedSource | undefined,
): Promise<SourceStatus> {
  if (fetched === undefined) return "missing";
  if (source.unpack?.members === "pictures") {
    const names = await readdir(join(folder, source.unpack.into)).catch(() => []);
    return names.length >= (fetched.pictures ?? 0) ? "present" : "missing";
  }
  const sizes = await Promise.all(
    fetched.files.map(({ path }) => stat(join(folder, path)).then(({ size }) => size, () => undefined)), // biome-ignore format: one thought
  );
  if (sizes.includes(undefined)) return "missing";
  return fetched.files.every(({ bytes }, at) => sizes[at] === bytes) ? "present" : "changed";
}

/** The path of a fetched file or folder, where it is there. */
export async function fetchedPath(cache: string, bench: FetchedBench, path: string): Promise<string | undefined> {
  const whole = join(benchFolder(cache, bench), path);
  return stat(whole).then(
    () => whole,
    () => undefined,
  );
}
