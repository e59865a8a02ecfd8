/** Writes the files of one export and remembers their sizes and hashes for the lineage. */
import { createHash } from "node:crypto";
import type { BlobStore } from "../../shared/ports/blob-store.ts";
import type { ExportedFile } from "../../shared/schemas/lineage.ts";

/** Where an export goes: a store and a prefix in it (`""` is the store's root, e.g. a folder opened as a BlobStore). */
export type ExportOutput = { store: Pick<BlobStore, "write">; prefix: string };

export type Sink = {
  /** Writes one file below the export's prefix. */
  write(path: string, body: AsyncIterable<Uint8Array | string> | Uint8Array | string): Promise<void>;
  /** What was written so far, in ascending order of paths. */
  files(): ExportedFile[];
};

async function* pieces(body: AsyncIterable<Uint8Array | string> | Uint8Array | string): AsyncGenerator<Uint8Array> {
  if (typeof body === "string") yield Buffer.from(body);
  else if (body instanceof Uint8Array) yield body;
  else for await (const piece of body) yield typeof piece === "string" ? Buffer.from(piece) : piece;
}

export function openSink({ store, prefix }: ExportOutput): Sink {
  const folder = prefix === "" || prefix.endsWith("/") ? prefix : `${prefix}/`;
  const written = new Map<string, ExportedFile>();
  return {
    async write(path, body) {
      const hash = createHash("sha256");
      async function* hashed(): AsyncGenerator<Uint8Array> {
        for await (const piece of pieces(body)) {
          hash.update(piece);
          yield piece;
        }
      }
      const { bytes } = await store.write(`${folder}${path}`, hashed());
      written.set(path, { path, bytes, sha256: hash.digest("hex") });
    },
    files: () => [...written.values()].sort((a, b) => (a.path < b.path ? -1 : 1)),
  };
}
