/**
 * What the service adds to an answer: the time to the first token over HTTP, with limits, ledger, catalog and a thread, against the
 * very same engine asked in this process.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI from "openai";
import { folderBlobStore } from "../functions/adapters/files/blob-store.ts";
import { listen } from "../functions/api/listen.ts";
import { openEmbeddedEngine } from "../functions/embedded/engine.ts";
import { sceneRows } from "../functions/embedded/world/manifest.ts";
import { openService } from "../functions/runtime/service.ts";
import type { ChatBody } from "../shared/schemas/chat.ts";

const ANSWERS = 60;
const WARM_UP = 5;

const folder = await mkdtemp(join(tmpdir(), "rlaifv-bench-chat-"));
const service = await openService({
  dataDir: folder,
  env: {},
  ownerWithoutKey: true,
  anonymousChat: false,
  trustProxy: false,
  configs: [],
  web: {},
  onFault: (error, where) => console.error(where, error),
});
const server = await listen(service.app, { port: 0, host: "127.0.0.1" });
try {
  const blobs = await folderBlobStore(folder);
  const pictures: Buffer[] = [];
  for await (const { image } of sceneRows({ split: "report", seed: 1, count: ANSWERS }))
    pictures.push(Buffer.from(image));
  const engine = openEmbeddedEngine({ blobs });
  const client = new OpenAI({
    baseURL: `${server.url}/v1`,
    apiKey: "none",
    defaultHeaders: { authorization: null },
    maxRetries: 0,
  });
  const direct: number[] = [];
  const served: number[] = [];
  for (const [at, picture] of pictures.entries()) {
    const sha256 = await blobs.writeContent(picture);
    const first = await firstToken(engine.stream(bodyOf(`blob:${sha256}`), new AbortController().signal));
    const url = `data:image/png;base64,${picture.toString("base64")}`;
    const over = await firstChunk(client, bodyOf(url));
    if (at >= WARM_UP) {
      direct.push(first);
      served.push(over);
    }
  }
  const added = served.map((ms, at) => ms - direct[at]!);
  console.log(`first token, ms     median   p95`);
  for (const [name, values] of Object.entries({ "in process": direct, "over HTTP": served, "the difference": added }))
    console.log(
      `${name.padEnd(18)} ${quantile(values, 0.5).toFixed(1).padStart(7)} ${quantile(values, 0.95).toFixed(1).padStart(5)}`,
    );
} finally {
  await server.close();
  await service.close();
  await rm(folder, { recursive: true, force: true });
}

function bodyOf(url: string): ChatBody {
  const content: ChatBody["messages"][number]["content"] = [
    { type: "image_url", image_url: { url } },
    { type: "text", text: "Describe the picture." },
  ];
  return { model: "embedded/policy", messages: [{ role: "user", content }], seed: 1, temperature: 0.7, max_tokens: 48 };
}

async function firstToken(stream: AsyncIterable<{ kind: string }>): Promise<number> {
  const started = performance.now();
  for await (const { kind } of stream) if (kind === "text") break;
  return performance.now() - started;
}

async function firstChunk(client: OpenAI, body: ChatBody): Promise<number> {
  const started = performance.now();
  const stream = await client.chat.completions.create({
    ...(body as object),
    stream: true,
  } as OpenAI.ChatCompletionCreateParamsStreaming);
  for await (const { choices } of stream) if ((choices[0]?.delta.content ?? "") !== "") break;
  return performance.now() - started;
}

function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(share * (values.length - 1))]!;
}
