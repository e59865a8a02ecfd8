/** What the intake tests share: a folder that goes away, small real images, and a store that keeps bytes by hash. */
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import sharp from "sharp";
import type { BadRow } from "../../functions/intake/bad-row.ts";
import { type ReadManifestOptions, readManifest } from "../../functions/intake/manifest.ts";
import type { FileRef } from "../../shared/schemas/config.ts";
import type { Submitted } from "../../shared/schemas/sample.ts";

export type Stored = { blobs: ReadManifestOptions["blobs"]; bytesOf: Map<string, Uint8Array> };

export function hashStore(): Stored {
  const bytesOf = new Map<string, Uint8Array>();
  const blobs = {
    async writeContent(bytes: Uint8Array) {
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      bytesOf.set(sha256, bytes);
      return sha256;
    },
  };
  return { blobs, bytesOf };
}

/** A noisy picture, so that a JPEG of it has enough data to be cut anywhere. */
export async function picture(format: "jpeg" | "png" | "webp", seed = 1, size = 64): Promise<Buffer> {
  const pixels = Buffer.alloc(size * size * 3);
  let state = seed;
  for (let at = 0; at < pixels.length; at += 1) {
    state = (state * 1103515245 + 12345) % 2147483648;
    pixels[at] = state >> 16;
  }
  return sharp(pixels, { raw: { width: size, height: size, channels: 3 } })
    .toFormat(format)
    .toBuffer();
}

export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "rlaifv-test-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes files below a folder and gives the path of the first. */
export async function writeFiles(folder: string, files: Record<string, string | Uint8Array>): Promise<string> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  return join(folder, Object.keys(files)[0]!);
}

export function lines(rows: readonly unknown[]): string {
  return rows.map((row) => `${typeof row === "string" ? row : JSON.stringify(row)}\n`).join("");
}

export type Read = { samples: Submitted[]; bad: BadRow[]; bytesOf: Map<string, Uint8Array> };

/** Reads a whole manifest. */
export async function readAll(ref: FileRef, options: Partial<ReadManifestOptions> = {}): Promise<Read> {
  const { blobs, bytesOf } = hashStore();
  const read: Read = { samples: [], bad: [], bytesOf };
  for await (const row of readManifest(ref, { blobs, ...options })) {
    if (row.outcome === "sample") read.samples.push(row.sample);
    else read.bad.push(row);
  }
  return read;
}
