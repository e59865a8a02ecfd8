/** No key is a file and a folder at once: a bucket could hold both, the folder it may be copied to could not. */
import { HeadObjectCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import { keyConflict } from "../blob-keys.ts";
import { type Bucket, isMissing } from "./faults.ts";

/** Names remembered of each kind, about 100 bytes each (our choice). */
const REMEMBERED = 20_000;

function remember(names: Set<string>, name: string): void {
  names.delete(name);
  names.add(name);
  if (names.size > REMEMBERED) names.delete(names.values().next().value as string);
}

/** `a/b/c` lies in `a` and `a/b`. */
function foldersOf(key: string): string[] {
  const segments = key.split("/").slice(0, -1);
  return segments.map((_, last) => segments.slice(0, last + 1).join("/"));
}

/**
 * Asks the bucket before a key is written for the first time: one LIST below it, and one HEAD for each folder of which this
 * process does not know yet that it is one. What has been written stays what it is, for a store removes nothing. Two
 * processes that write `a` and `a/b` in the same moment are not caught; then both are kept, and nothing is lost.
 */
export class Names {
  readonly #place: Bucket;
  readonly #folders = new Set<string>();
  readonly #blobs = new Set<string>();

  constructor(place: Bucket) {
    this.#place = place;
  }

  /** @throws Error of `keyConflict` */
  async check(key: string): Promise<void> {
    if (this.#blobs.has(key)) return;
    const unknown = foldersOf(key).filter((folder) => !this.#folders.has(folder));
    const [below, ...blobs] = await Promise.all([this.#below(key), ...unknown.map((folder) => this.#isBlob(folder))]);
    const clash = below ?? unknown[blobs.indexOf(true)];
    if (clash !== undefined) throw keyConflict(key, clash);
  }

  wrote(key: string): void {
    remember(this.#blobs, key);
    for (const folder of foldersOf(key)) remember(this.#folders, folder);
  }

  async #below(key: string): Promise<string | undefined> {
    const { client, bucket } = this.#place;
    const { Contents } = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: `${key}/`, MaxKeys: 1 }));
    return Contents?.[0]?.Key;
  }

  async #isBlob(key: string): Promise<boolean> {
    const { client, bucket } = this.#place;
    try {
      await client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
      return true;
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }
}
