/** The thread of `hostedEngine`: the embedded engine on a data folder. */
import { parentPort, workerData } from "node:worker_threads";
import type { BatchLine, ChatBody } from "../../../shared/schemas/chat.ts";
import { folderBlobStore } from "../../adapters/files/blob-store.ts";
import { openEmbeddedEngine } from "../engine.ts";
import { type CallContext, serveCalls } from "./serve-calls.ts";

const { dataDir } = workerData as { dataDir: string };
const engine = openEmbeddedEngine({ blobs: await folderBlobStore(dataDir) });

async function sendAll(items: AsyncIterable<unknown>, { send }: CallContext): Promise<void> {
  for await (const item of items) send(item);
}

serveCalls(parentPort!, {
  describe: (model: string) => engine.describe(model),
  run: (lines: BatchLine[], context) => sendAll(engine.run(lines, context.signal), context),
  stream: (body: ChatBody, context) => sendAll(engine.stream(body, context.signal), context),
});
