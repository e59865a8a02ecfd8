import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import { folderBlobStore } from "../../functions/adapters/files/blob-store.ts";
import { openEmbeddedEngine } from "../../functions/embedded/engine.ts";
import { hostedEngine } from "../../functions/embedded/hosted/engine.ts";
import { threadHost } from "../../functions/embedded/hosted/thread-host.ts";
import { hostedTrainer } from "../../functions/embedded/hosted/trainer.ts";
import { embeddedTrainer } from "../../functions/embedded/trainer.ts";
import { sceneRows } from "../../functions/embedded/world/manifest.ts";
import type { BlobStore } from "../../shared/ports/blob-store.ts";
import type { TrainJob, TrainStep } from "../../shared/ports/trainer.ts";
import type { BatchLine, ChatBody, ChatReply } from "../../shared/schemas/chat.ts";
import { TrainConfig } from "../../shared/schemas/config.ts";
import type { Pair } from "../../shared/schemas/pair.ts";
import { labelPrompt } from "../../shared/stages/prompts.ts";
import { collected, engineContract, line } from "../contract/engine.ts";
import { allOf } from "../support/all-of.ts";

const never = new AbortController().signal;
let dataDir: string;
let blobs: BlobStore;
let pairs: Pair[];
let urls: string[];
let hosted: ReturnType<typeof hostedEngine>;
let trainer: ReturnType<typeof hostedTrainer>;

before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "rlaifv-hosted-"));
  blobs = await folderBlobStore(dataDir);
  pairs = [];
  for await (const { id, image, question, metadata } of sceneRows({ split: "tuning", seed: 50, count: 12 })) {
    const sha256 = await blobs.writeContent(image);
    const side = (text: string) => ({ candidateId: text, text, score: 0, claims: [] });
    const sides = {
      chosen: side(`There is a ${metadata.scene.objects[0]!.class}.`),
      rejected: side("There is a zoo."),
    };
    pairs.push({ pairId: id, sampleId: id, round: 1, image: { sha256, path: id }, question, ...sides, metadata: {} });
  }
  pairs = pairs.map((pair, at) => ({ ...pair, rejected: { ...pair.rejected, text: otherObject(at) } }));
  urls = pairs.map(({ image }) => `blob:${image.sha256}`);
  hosted = hostedEngine({ dataDir });
  trainer = hostedTrainer({ dataDir });
});

after(async () => {
  await Promise.all([hosted.close(), trainer.close()]);
  await rm(dataDir, { recursive: true, force: true });
});

const otherObject = (at: number): string => `There is a ${["dog", "cow", "pizza", "car"][at % 4]}.`;

const asks = (url: string, text: string, more: Partial<ChatBody> = {}): ChatBody => ({
  model: "embedded/policy",
  messages: [
    {
      role: "user",
      content: [
        { type: "image_url", image_url: { url } },
        { type: "text", text },
      ],
    },
  ],
  ...more,
});

/** `count` descriptions of four answers each, over all pictures. */
const descriptions = (count: number): BatchLine[] =>
  Array.from({ length: count }, (_, at) =>
    line(`describe-${at}`, asks(urls[at % urls.length]!, "Describe the picture.", { n: 4, seed: at })),
  );

const job = (name: string, more: Partial<TrainJob> = {}): TrainJob => ({
  name,
  base: undefined,
  baseModel: "embedded/policy",
  pairs,
  config: TrainConfig.parse({
    trainer: "embedded",
    learningRate: 3e-4,
    epochs: 2,
    batchPairs: 4,
    checkpointsPerEpoch: 1,
  }),
  seed: 7,
  outputPrefix: `train/${name}`,
  ...more,
});

const byId = (replies: readonly ChatReply[]) => replies.toSorted((a, b) => (a.custom_id < b.custom_id ? -1 : 1));

engineContract("embedded, in a thread of its own", async () => {
  const folder = await mkdtemp(join(tmpdir(), "rlaifv-hosted-contract-"));
  const store = await folderBlobStore(folder);
  const [row] = await allOf(sceneRows({ split: "tuning", seed: 51, count: 1 }));
  const url = `blob:${await store.writeContent(row!.image)}`;
  const engine = hostedEngine({ dataDir: folder });
  return {
    engine,
    model: "embedded/policy",
    open: asks(url, "Describe the picture."),
    yesNo: asks(url, "Is there a dog?"),
    close: async () => {
      await engine.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
});

describe("the hosted engine", () => {
  test("gives the replies of the engine in this process, byte for byte", async () => {
    const label = { max_tokens: 1, temperature: 0, logprobs: true, top_logprobs: 20 };
    const lines = [
      ...descriptions(80),
      ...urls.map((url, at) =>
        line(`label-${at}`, { ...asks(url, labelPrompt("Is there a dog?"), label), model: "embedded/labeler" }),
      ),
      line("lost", asks(`blob:${"0".repeat(64)}`, "Describe the picture.")),
      line("unknown", { ...asks(urls[0]!, "Describe the picture."), model: "embedded/poet" }),
    ];
    const here = await collected(openEmbeddedEngine({ blobs }), lines);
    const there = await collected(hosted, lines);
    assert.equal(JSON.stringify(byId(there)), JSON.stringify(byId(here)));
  });

  test("throws a refused stream with the failure it had in the thread", async () => {
    const refused = hosted.stream({ ...asks(urls[0]!, "Hi"), model: "embedded/poet" }, never);
    await assert.rejects(allOf(refused), (error: Error & { failure: unknown }) => {
      const message = error.message;
      assert.match(message, /embedded\/poet/);
      assert.deepEqual(error.failure, { code: "model_not_found", message, retryable: false });
      return true;
    });
  });

  test("stops computing soon after an abort", async () => {
    const lines = descriptions(200);
    const chat = line("chat", asks(urls[0]!, "Describe the picture.", { seed: 1 }));
    const started = performance.now();
    await collected(hosted, lines);
    const whole = performance.now() - started;
    const abort = new AbortController();
    for await (const _ of hosted.run(lines, abort.signal)) abort.abort();
    const aborted = performance.now();
    await collected(hosted, [chat]);
    const waited = performance.now() - aborted;
    assert.ok(waited < whole / 2, `an answer took ${waited} ms behind an aborted batch of ${whole} ms`);
  });

  test("answers every line with a failure that may pass when its thread cannot start", async () => {
    const file = join(dataDir, "a-file");
    await writeFile(file, "");
    const engine = hostedEngine({ dataDir: file });
    const replies = await collected(engine, descriptions(3));
    for (const reply of replies) {
      assert.ok(reply.outcome === "failed");
      assert.deepEqual([reply.failure.code, reply.failure.retryable], ["engine_lost", true]);
      assert.match(reply.failure.message, /a-file/);
    }
    assert.equal(replies.length, 3);
    await engine.close();
  });

  test("fails what is open when it is closed, and starts nothing afterwards", async () => {
    const engine = hostedEngine({ dataDir });
    const replies: ChatReply[] = [];
    for await (const reply of engine.run(descriptions(200), never)) {
      if (replies.length === 0) await engine.close();
      replies.push(reply);
    }
    assert.equal(replies.length, 200);
    const last = replies.at(-1)!;
    assert.ok(last.outcome === "failed" && last.failure.code === "engine_lost");
    await assert.rejects(engine.describe("embedded/policy"), /closed/);
  });
});

describe("the hosted trainer", () => {
  test("trains the same bytes as the trainer in this process, and tells the same steps", async () => {
    const [here, there]: TrainStep[][] = [[], []];
    const inProcess = await embeddedTrainer({ blobs }).train(job("here", { name: "same" }), {
      signal: never,
      onStep: (step) => here!.push(step),
    });
    const inThread = await trainer.train(job("there", { name: "same" }), {
      signal: never,
      onStep: (step) => there!.push(step),
    });
    assert.deepEqual(there, here);
    assert.deepEqual(hashesOf(inThread), hashesOf(inProcess));
    assert.equal(hashesOf(inThread).length, 2);
  });

  test("stops when aborted, with the signal's reason, and goes on from its newest checkpoint", async () => {
    const stop = new AbortController();
    const onStep = ({ step }: TrainStep) => {
      if (step === 4) stop.abort(new Error("enough"));
    };
    const stopped = job("stopped", { config: { ...job("x").config, epochs: 6 } });
    await assert.rejects(trainer.train(stopped, { signal: stop.signal, onStep }), /enough/);
    const resumed: number[] = [];
    const outcome = await trainer.train(stopped, { signal: never, onStep: ({ step }) => resumed.push(step) });
    assert.equal(outcome.outcome, "trained");
    assert.ok(resumed[0]! >= 4 && resumed.at(-1) === 18, `resumed at ${resumed[0]}`);
  });

  test("throws what the trainer throws", async () => {
    const wrong = job("wrong", { baseModel: "llava" });
    await assert.rejects(trainer.train(wrong, { signal: never, onStep: () => {} }), /not "llava"/);
  });
});

test("this thread has its time for itself while a batch is sampled and a round trained", async () => {
  await Promise.all([collected(hosted, descriptions(4)), hosted.describe("embedded/labeler")]); // both are started
  const before = performance.eventLoopUtilization();
  const training = trainer.train(job("beside"), { signal: never, onStep: () => {} });
  await Promise.all([training, collected(hosted, descriptions(200))]);
  const { utilization } = performance.eventLoopUtilization(before);
  assert.ok(utilization < 0.5, `the event loop was busy for ${Math.round(100 * utilization)} % of the time`);
});

test("a thread that dies fails its calls with its reason, and the next call starts another", async () => {
  const script = join(dataDir, "mortal.mjs");
  const serve = new URL("../../functions/embedded/hosted/serve-calls.ts", import.meta.url);
  await writeFile(
    script,
    `import { parentPort } from "node:worker_threads";
     import { serveCalls } from ${JSON.stringify(serve.href)};
     serveCalls(parentPort, {
       echo: async (text) => text,
       wait: () => new Promise(() => {}),
       exit: async () => process.exit(3),
       crash: async () => void setTimeout(() => { throw new Error("boom"); }),
     });`,
  );
  const host = threadHost({ script: new URL(`file://${script}`), data: {}, what: "engine" });
  const lost = (reason: RegExp) => (error: Error & { failure?: { code: string; retryable: boolean } }) => {
    assert.match(error.message, reason);
    assert.deepEqual([error.failure?.code, error.failure?.retryable], ["engine_lost", true]);
    return true;
  };
  const waiting = host.call("wait", undefined);
  await Promise.all([
    assert.rejects(waiting, lost(/exit code 3/)),
    assert.rejects(host.call("exit", undefined), lost(/exit code 3/)),
  ]);
  assert.equal(await host.call("echo", "again"), "again");
  const beside = host.call("wait", undefined);
  await Promise.all([host.call("crash", undefined), assert.rejects(beside, lost(/boom/))]);
  assert.equal(await host.call("echo", "once more"), "once more");
  await host.close();
});

test("an idle thread keeps no process alive", async () => {
  const engine = new URL("../../functions/embedded/hosted/engine.ts", import.meta.url).href;
  const program = join(dataDir, "describe.mjs");
  await writeFile(
    program,
    `import { hostedEngine } from ${JSON.stringify(engine)};
     const { name } = await hostedEngine({ dataDir: ${JSON.stringify(dataDir)} }).describe("embedded/divider");
     console.log(name);`,
  );
  const { stdout } = await promisify(execFile)(process.execPath, [program]);
  assert.equal(stdout.trim(), "embedded");
});

function hashesOf(outcome: Awaited<ReturnType<typeof trainer.train>>): string[] {
  assert.equal(outcome.outcome, "trained");
  return outcome.outcome === "trained" ? outcome.checkpoints.map(({ sha256 }) => sha256) : [];
}

test("two threads that write to one folder at the same time do not mix their blobs up", async () => {
  const store = new URL("../../functions/adapters/files/blob-store.ts", import.meta.url).href;
  const script = join(dataDir, "writer.mjs");
  await writeFile(
    script,
    `import { folderBlobStore } from ${JSON.stringify(store)};
     import { parentPort, workerData } from "node:worker_threads";
     const blobs = await folderBlobStore(${JSON.stringify(dataDir)});
     const failed = [];
     parentPort.postMessage("ready");
     await new Promise((resolve) => parentPort.once("message", resolve));
     for (let at = 0; at < 100; at++)
       await blobs.write(workerData + "/" + at, workerData.repeat(10_000)).catch((error) => failed.push(error.message));
     parentPort.postMessage(failed);`,
  );
  const sides = ["a", "b"];
  const writers = sides.map((workerData) => new Worker(script, { workerData }));
  await Promise.all(writers.map((writer) => once(writer, "message")));
  for (const writer of writers) writer.postMessage("go"); // both count their files from the same moment
  assert.deepEqual((await Promise.all(writers.map((writer) => once(writer, "message")))).flat(2), []);
  const wrong: string[] = [];
  for (const side of sides) {
    for (let at = 0; at < 100; at++) {
      const text = new TextDecoder().decode(await blobs.read(`${side}/${at}`));
      if (text !== side.repeat(10_000)) wrong.push(`${side}/${at}`);
    }
  }
  assert.deepEqual(wrong, []);
});
