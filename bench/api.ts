/**
 * The HTTP API in process, over SQLite and a folder: how long 10,000 samples take to come in, what a small request costs,
 * and how long a page takes among 100,000 samples.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { folderBlobStore } from "../functions/adapters/files/blob-store.ts";
import { openSqliteStore } from "../functions/adapters/sqlite/store.ts";
import { EMBEDDED } from "../functions/runtime/embedded-models.ts";
import { sampleIdOf } from "../shared/ids.ts";
import { type BenchApi, openBenchApi } from "./api-service.ts";
import { storeLargeRun } from "./large-run.ts";

const ROWS = 10_000;
const IMAGES = 100;
const SAMPLES = 100_000;
const REQUESTS = 2000;
const PAGES = 200;

const folder = await mkdtemp(join(tmpdir(), "rlaifv-bench-api-"));
try {
  const api = await openBenchApi(join(folder, "service"));
  const run = await benchIntake(api, join(folder, "plain"));
  await benchOverhead(api, run);
  await benchPages(api);
  await api.close();
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function benchIntake(api: BenchApi, plainFolder: string): Promise<string> {
  const images: string[] = [];
  for (let seed = 0; seed < IMAGES; seed++) {
    const body = new Uint8Array(await pictureOf(seed));
    const { id } = (await api.ask("/v1/images", {
      method: "POST",
      headers: { "content-type": "image/png" },
      body,
    })) as { id: string };
    images.push(id);
  }
  const rows = Array.from({ length: ROWS }, (_, at) =>
    JSON.stringify({
      image: images[at % IMAGES],
      question: `What is in the picture, and where? (${at})`,
      source: "bench",
    }),
  );
  const plain = await timed(() => writePlainly(rows, plainFolder));
  let id = "";
  const whole = await timed(async () => {
    const head = JSON.stringify({ config: { name: "bench", ...EMBEDDED } });
    const body = new Blob([[head, ...rows].join("\n")]).stream();
    const init = { method: "POST", headers: { "content-type": "application/x-ndjson" }, body, duplex: "half" };
    ({ id } = (await api.ask("/v1/runs", init as RequestInit)) as { id: string });
  });
  console.log(`intake of ${ROWS} samples over ${IMAGES} uploaded images, POST /v1/runs as NDJSON`);
  console.log(
    `  ${seconds(whole)}; a plain loop that writes the same samples ${seconds(plain)}; ratio ${(whole / plain).toFixed(2)}`,
  );
  return id;
}

async function pictureOf(seed: number): Promise<Buffer> {
  const background = { r: (seed * 37) % 256, g: (seed * 91) % 256, b: (seed * 13) % 256 };
  return sharp({ create: { width: 256, height: 256, channels: 3, background } })
    .png()
    .toBuffer();
}

/** What has to be done at least: read each row, name it by its content, and put it and the run's row on the disk. */
async function writePlainly(rows: readonly string[], dataDir: string): Promise<void> {
  const blobs = await folderBlobStore(dataDir);
  const store = openSqliteStore(join(dataDir, "state.sqlite"));
  const lines = rows.map((row) => {
    const { image: sha256, question, ...metadata } = JSON.parse(row) as { image: string; question: string };
    const sampleId = sampleIdOf({ imageSha256: sha256, question });
    return `${JSON.stringify({ sampleId, image: { sha256, path: "a.png", width: 256, height: 256 }, question, metadata })}\n`;
  });
  await blobs.write("samples.jsonl", lines.join(""));
  const row = { version: 0, createdAt: 0, updatedAt: 0, workedMs: 0, configKey: "", round: 0, rounds: 1 };
  await store.runs.create({ runId: "plain", name: "plain", state: "queued", ...row });
  await store.close();
}

async function benchOverhead(api: BenchApi, runId: string): Promise<void> {
  console.log(`requests one after the other, in process (${REQUESTS} each)`);
  for (const path of ["/healthz", "/v1/usage", `/v1/runs/${runId}`]) {
    for (let warm = 0; warm < 200; warm++) await api.ask(path);
    const times: number[] = [];
    for (let at = 0; at < REQUESTS; at++) times.push(await timed(() => api.ask(path)));
    console.log(`  GET ${path.replace(runId, ":id")}: ${spread(times)}`);
  }
}

async function benchPages(api: BenchApi): Promise<void> {
  const { runId, contents } = await storeLargeRun(api, SAMPLES);
  console.log(
    `pages of 50 among ${SAMPLES} samples of 10 answers and 70 claims (content of ${contents} of them on the disk)`,
  );
  const detail: number[] = [];
  for (let at = 0; at < 20; at++) detail.push(await timed(() => api.ask(`/v1/runs/${runId}`)));
  console.log(`  GET /v1/runs/:id: ${spread(detail)}`);
  for (const filter of ["", "&state=paired", "&verdict=rejected", "&verdict=abstained"]) {
    const times: number[] = [];
    let cursor: string | null = "";
    for (let page = 0; page < PAGES && cursor !== null; page++) {
      const path: string = `/v1/runs/${runId}/samples?limit=50${filter}${cursor === "" ? "" : `&cursor=${cursor}`}`;
      const start = performance.now();
      const answer = (await api.ask(path)) as { next_cursor: string | null };
      times.push(performance.now() - start);
      cursor = answer.next_cursor;
    }
    console.log(`  GET /v1/runs/:id/samples?limit=50${filter}: ${spread(times)} (${times.length} pages)`);
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

function spread(times: readonly number[]): string {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number) =>
    `${sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!.toFixed(2)} ms`;
  return `median ${at(0.5)}, p95 ${at(0.95)}, p99 ${at(0.99)}`;
}
