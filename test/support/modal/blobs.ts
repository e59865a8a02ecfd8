/** Modal's store for arguments and results that are too large for a message: uploaded and fetched by HTTP. */
import { createHash, randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

export type BlobServer = Awaited<ReturnType<typeof startBlobServer>>;

export async function startBlobServer() {
  const blobs = new Map<string, Buffer>();
  const promised = new Map<string, { md5: string; bytes: number }>();

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const id = (request.url ?? "").slice(1);
    if (request.method === "PUT") response.statusCode = keep(id, await buffer(request));
    const found = blobs.get(id);
    if (request.method === "GET" && found === undefined) response.statusCode = 404;
    response.end(request.method === "GET" ? found : undefined);
  }

  /** Refuses what was not announced, as the real store does by its signed address. */
  function keep(id: string, bytes: Buffer): number {
    const told = promised.get(id);
    const md5 = createHash("md5").update(bytes).digest("base64");
    if (told === undefined || told.md5 !== md5 || told.bytes !== bytes.length) return 403;
    blobs.set(id, bytes);
    return 200;
  }

  const http = createServer((request, response) => void answer(request, response));
  await new Promise<void>((listening) => http.listen(0, "127.0.0.1", listening));
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;

  return {
    promise(md5: string, bytes: number): { blobId: string; uploadUrl: string } {
      const blobId = `bl-${randomUUID()}`;
      promised.set(blobId, { md5, bytes });
      return { blobId, uploadUrl: `${url}/${blobId}` };
    },
    put(bytes: Buffer): string {
      const id = `bl-${randomUUID()}`;
      blobs.set(id, bytes);
      return id;
    },
    get: (id: string) => blobs.get(id),
    urlOf: (id: string) => `${url}/${id}`,
    stop: () =>
      new Promise<void>((closed) => {
        http.close(() => closed());
        http.closeAllConnections();
      }),
  };
}
