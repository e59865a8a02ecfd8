/** Gets a benchmark's files, from their official places or from what the user has, each whole, checked and recorded. */
import { mkdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { acquireLock, heldMessage } from "../../adapters/files/lock.ts";
import { EvaluationError } from "../problems.ts";
import { type FetchedBench, SOURCES, type Source } from "../sources.ts";
import {
  benchFolder,
  type FetchedFile,
  type FetchedSource,
  readRecord,
  recordSource,
  type SourceStatus,
  statusOf,
} from "./cache.ts";
import { FetchError, fileHash } from "./check.ts";
import { type DownloadDeps, download } from "./download.ts";
import { findName, openPlace, type Place, pictureNames } from "./place.ts";

export type FetchPlan = {
  bench: FetchedBench;
  cache: string;
  /** Pictures too. */
  pictures: boolean;
  /** A file, folder or archive of the user; without it the network is asked. */
  from?: string | undefined;
  /** A server with the same files as `<mirror>/<bench>/<path>`, instead of the official ones. */
  mirror?: string | undefined;
};

export type Fetched =
  | { outcome: "present" | "fetched"; source: Source; fetched: FetchedSource }
  | { outcome: "failed"; source: Source; problem: FetchError };

export type FetchDeps = Omit<DownloadDeps, "onBytes" | "onRedirect"> & {
  /** Before a source is fetched. */
  onStart: (source: Source, url: string) => void;
  onBytes: (source: Source, done: number, total: number | undefined) => void;
  onRedirect: (source: Source, to: URL) => void;
};

/** What of a bench is there. */
export async function surveyBench(cache: string, bench: FetchedBench): Promise<Surveyed[]> {
  const folder = benchFolder(cache, bench);
  const record = await readRecord(folder);
  return Promise.all(
    SOURCES[bench].map(async (source) => {
      const fetched = record[source.path];
      return { source, fetched, status: await statusOf(folder, source, fetched) };
    }),
  );
}
export type Surveyed = { source: Source; fetched: FetchedSource | undefined; status: SourceStatus };

/** Everything of the bench that is not there yet. What fails is told; the rest is fetched all the same. */
export async function fetchBench(plan: FetchPlan, deps: FetchDeps): Promise<Fetched[]> {
  const folder = benchFolder(plan.cache, plan.bench);
  const lock = await acquireLock(folder);
  if (lock.outcome === "held") throw new EvaluationError(heldMessage(folder, lock), "wait for the other fetch to end");
  try {
    await using place = plan.from === undefined ? undefined : await openPlace(plan.from);
    const outcomes: Fetched[] = [];
    for (const { source, status, fetched } of await surveyBench(plan.cache, plan.bench)) {
      if (status === "present" && fetched !== undefined) outcomes.push({ outcome: "present", source, fetched });
      else if (plan.pictures || source.pictures !== true || place !== undefined)
        outcomes.push(await fetchSource(source, { plan, folder, place }, deps));
    }
    // a place need not have pictures: they are wanted only where --pictures says so
    return outcomes.filter(
      (one) => plan.pictures || one.source.pictures !== true || one.outcome !== "failed" || !isAbsent(one.problem),
    );
  } finally {
    await lock.release();
  }
}

const isAbsent = ({ problem }: FetchError) => problem === "not_found";

type Where = { plan: FetchPlan; folder: string; place: Place | undefined };

async function fetchSource(source: Source, { plan, folder, place }: Where, deps: FetchDeps): Promise<Fetched> {
  try {
    const fetched =
      place === undefined
        ? await fromNetwork(source, { plan, folder }, deps)
        : await fromPlace(source, { folder, place });
    await recordSource(folder, source, fetched);
    return { outcome: "fetched", source, fetched };
  } catch (error) {
    if (!(error instanceof FetchError)) throw error;
    return { outcome: "failed", source, problem: error };
  }
}

async function fromNetwork(
  source: Source,
  { plan, folder }: Omit<Where, "place">,
  deps: FetchDeps,
): Promise<FetchedSource> {
  const url = plan.mirror === undefined ? source.url : `${plan.mirror.replace(/\/$/, "")}/${plan.bench}/${source.path}`;
  if (url === null) {
    throw new FetchError("unreachable", `${source.path} has no address for programs: open ${source.page} in a browser`);
  }
  deps.onStart(source, url);
  const path = join(folder, source.path);
  const wanted = { url, path, sha256: source.sha256, servers: source.servers ?? [] };
  const { sha256, bytes } = await download(wanted, {
    ...deps,
    onBytes: (done, total) => deps.onBytes(source, done, total),
    onRedirect: (to) => deps.onRedirect(source, to),
  });
  if (source.unpack === undefined)
    return recorded(source, url, { sha256, files: [{ path: source.path, bytes, sha256 }] });
  await using archive = await openPlace(path);
  const unpacked = await unpack(source, { folder, place: archive });
  await rm(path);
  return recorded(source, url, { sha256, ...unpacked });
}

type Got = { sha256: string | null; files: FetchedFile[]; pictures?: number };

const recorded = (source: Source, from: string, { sha256, files, pictures }: Got): FetchedSource => ({
  ...{ from, licence: source.licence, sha256, files },
  hash: source.sha256 !== undefined && source.sha256 === sha256 ? "known" : "recorded",
  ...(pictures === undefined ? {} : { pictures }),
});

async function fromPlace(source: Source, { folder, place }: { folder: string; place: Place }): Promise<FetchedSource> {
  const itself = findName(place.names, source.path);
  const onDisk = itself === undefined ? undefined : place.onDisk(itself);
  if (source.unpack === undefined) {
    if (itself === undefined) throw new FetchError("not_found", `${place.path} has no ${basename(source.path)}`);
    const file = await take({ place, name: itself, to: source.path }, folder, source.sha256);
    return recorded(source, `${place.path}: ${itself}`, { sha256: file.sha256, files: [file] });
  }
  if (onDisk === undefined) {
    return recorded(source, place.path, { sha256: null, ...(await unpack(source, { folder, place })) });
  }
  const { sha256 } = await fileHash(onDisk);
  checkHash(onDisk, sha256, source.sha256);
  await using archive = await openPlace(onDisk);
  return recorded(source, onDisk, { sha256, ...(await unpack(source, { folder, place: archive })) });
}

function checkHash(path: string, sha256: string, expected: string | undefined): void {
  if (expected === undefined || sha256 === expected) return;
  throw new FetchError("wrong_hash", `${path} has SHA-256 ${sha256}, and ${expected} was expected`);
}

/** Takes the wanted files out of an archive, or out of a folder where they lie unpacked. */
async function unpack(
  source: Source,
  { folder, place }: { folder: string; place: Place },
): Promise<Pick<Got, "files" | "pictures">> {
  const { into, members } = source.unpack!;
  if (members === "pictures") return unpackPictures(source, { folder, place });
  const found = members.map((member) => ({ member, name: findName(place.names, member) }));
  const missing = found.filter(({ name }) => name === undefined).map(({ member }) => basename(member));
  if (missing.length > 0) throw new FetchError("not_found", `${place.path} has no ${missing.join(", ")}`);
  const files: FetchedFile[] = [];
  for (const { member, name } of found) {
    files.push(await take({ place, name: name!, to: join(into, basename(member)) }, folder, undefined));
  }
  return { files };
}

async function unpackPictures(
  source: Source,
  { folder, place }: { folder: string; place: Place },
): Promise<Pick<Got, "files" | "pictures">> {
  const names = pictureNames(place.names);
  if (names.length === 0) throw new FetchError("not_found", `${place.path} has no pictures`);
  const into = source.unpack!.into;
  for (const name of names) await take({ place, name, to: join(into, basename(name)) }, folder, undefined);
  return { files: [], pictures: new Set(names.map((name) => basename(name))).size };
}

/** Whole or not at all. */
async function take(
  { place, name, to }: { place: Place; name: string; to: string },
  folder: string,
  expected: string | undefined,
): Promise<FetchedFile> {
  const path = join(folder, to);
  const partial = `${path}.part`;
  await mkdir(dirname(path), { recursive: true });
  await place.copy(name, partial);
  const { sha256, bytes } = await fileHash(partial);
  if (expected !== undefined && sha256 !== expected) {
    await rm(partial);
    checkHash(`${place.path}: ${name}`, sha256, expected);
  }
  await rename(partial, path);
  return { path: to, bytes, sha256 };
}
