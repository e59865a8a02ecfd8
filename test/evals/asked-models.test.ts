/** Benchmarks with pictures, asked of a model over a real connection: what it sees is what lies on the disk. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { systemClock } from "../../functions/adapters/clock.ts";
import { memoryBlobStore } from "../../functions/adapters/memory/blob-store.ts";
import { memoryStateStore } from "../../functions/adapters/memory/state-store.ts";
import { BudgetSpent } from "../../functions/evals/problems.ts";
import { benchEntry } from "../../functions/evals/registry.ts";
import { type EvaluationDeps, type JudgeSource, type RanEvaluation, runEvaluation } from "../../functions/evals/run.ts";
import { acceptImage } from "../../functions/intake/accept-image.ts";
import { modelSource } from "../../functions/runtime/models.ts";
import { mmhalType } from "../../shared/evaluation/mmhal/mmhal.ts";
import { ModelRef } from "../../shared/schemas/config.ts";
import { lines, picture, temporaryFolder, writeFiles } from "../intake/support.ts";
import { type SeeingServer, seeingServer } from "../support/seeing-server.ts";

function openDeps(): EvaluationDeps {
  const blobs = memoryBlobStore();
  const embedded = () => assert.fail("no embedded model takes part");
  const { bind } = modelSource({ blobs, clock: systemClock, env: {}, embedded, fair: false });
  const signal = new AbortController().signal;
  return { store: memoryStateStore(), blobs, clock: systemClock, bind, signal, onProgress: () => undefined };
}

type Asking = {
  bench: string;
  named: { data: string; images?: string; coco?: string; extraction?: string };
  server: SeeingServer;
  judge?: JudgeSource;
  budgetUsd?: number;
};

const refOf = ({ baseUrl }: SeeingServer) =>
  ModelRef.parse({ engine: "openai", model: "seeing", baseUrl, price: { input: 1, output: 1 } });

async function asked(
  { bench, named, server, judge, budgetUsd = 10 }: Asking,
  deps: EvaluationDeps,
): Promise<RanEvaluation> {
  const world = { dataDir: join(named.data, "..", "data"), blobs: deps.blobs as ReturnType<typeof memoryBlobStore> };
  const opened = await benchEntry(bench).open({ ...named, seed: 1, count: 1 }, world);
  const answers = { kind: "model" as const, ref: refOf(server), checkpoint: undefined, images: named.images };
  const rest = { mode: "strict" as const, seed: 1, confidence: 0.95, resamples: 50, budgetUsd };
  return runEvaluation({ opened, answers, judge: judge ?? { kind: "none" }, ...rest }, deps);
}

const judgedBy = (server: SeeingServer): JudgeSource => ({
  kind: "model",
  ref: refOf(server),
  repetitions: 2,
  temperature: 0,
});

/** Pictures by name, and which name a picture's hash has once it was taken in. */
async function pictures(names: readonly string[]) {
  const files: Record<string, Uint8Array> = {};
  const nameOf = new Map<string, string>();
  for (const [at, name] of names.entries()) {
    const bytes = await picture(name.endsWith("png") ? "png" : "jpeg", at + 1, 32);
    const taken = await acceptImage(bytes);
    assert.equal(taken.outcome, "accepted");
    if (taken.outcome === "accepted") nameOf.set(createHash("sha256").update(taken.bytes).digest("hex"), name);
    files[name] = bytes;
  }
  return { files, nameOf };
}

const values = (ran: RanEvaluation, ...names: string[]) => names.map((name) => ran.result.figures[name]?.value);

async function popeWorld(t: TestContext, questions: number) {
  const folder = await temporaryFolder(t);
  const { files, nameOf } = await pictures(["1.jpg", "2.jpg", "3.png"]);
  await writeFiles(join(folder, "images"), files);
  const names = Object.keys(files);
  const rows = Array.from({ length: questions }, (_, at) => ({
    ...{ question_id: at + 1, image: names[at % 3], text: `Is there thing ${at} in the image?` },
    label: at % 2 === 0 ? "yes" : "no",
  }));
  const data = await writeFiles(folder, { "coco_pope_random.json": lines(rows) });
  return { named: { data, images: join(folder, "images") }, nameOf };
}

test("POPE asks about each picture and reads yes and no from the probabilities, whatever the word is", async (t) => {
  const { named, nameOf } = await popeWorld(t, 6);
  await using server = await seeingServer(({ image }) =>
    nameOf.get(image ?? "") === "3.png" ? { pYes: 0.1, pNo: 0.1 } : { pYes: 0.6, pNo: 0.3 },
  );
  const ran = await asked({ bench: "pope", named, server }, openDeps());
  assert.deepEqual(server.asked.map(({ image }) => nameOf.get(image ?? "")).sort(), [
    "1.jpg",
    "1.jpg",
    "2.jpg",
    "2.jpg",
    "3.png",
    "3.png",
  ]);
  assert.ok(server.asked.every(({ body }) => body.logprobs === true && body.temperature === 0));
  const first = ran.answers.find(({ itemId }) => itemId === "random/1");
  assert.deepEqual([first?.text, Math.round(100 * first!.pYes!), Math.round(100 * first!.pNo!)], ["Yes", 60, 30]);
  // four answers say yes by mass, two of the questions want it; of the other two the leading word decides, which is yes too
  assert.deepEqual(values(ran, "accuracy", "yes_ratio", "undecided"), [0.5, 1, 0]);
});

test("AMBER asks for descriptions in words and for yes or no with probabilities", async (t) => {
  const folder = await temporaryFolder(t);
  const { files, nameOf } = await pictures(["AMBER_1.jpg", "AMBER_2.jpg"]);
  await writeFiles(join(folder, "images"), files);
  const json = JSON.stringify;
  await writeFiles(join(folder, "data"), {
    "annotations.json": json([
      { id: 1, type: "generative", truth: ["tower", "swan"], hallu: ["comet"] },
      { id: 2, type: "generative", truth: ["swan"], hallu: ["comet"] },
      { id: 1005, type: "discriminative-hallucination", truth: "no" },
    ]),
    "relation.json": json({ tower: [], swan: [], comet: [] }),
    "safe_words.txt": "line\n",
    "query/query_all.json": json([
      { id: 1, image: "AMBER_1.jpg", query: "Describe this image." },
      { id: 2, image: "AMBER_2.jpg", query: "Describe this image." },
      { id: 1005, image: "AMBER_2.jpg", query: "Is there a tower in this image?" },
    ]),
  });
  await using server = await seeingServer(({ image, text }) => {
    if (text.startsWith("Is there")) return { pYes: 0.2, pNo: 0.7 };
    return nameOf.get(image ?? "") === "AMBER_1.jpg" ? "A tower and a swan." : "A comet.";
  });
  const named = { data: join(folder, "data", "query", "query_all.json"), images: join(folder, "images") };
  const ran = await asked({ bench: "amber", named, server }, openDeps());
  assert.deepEqual(values(ran, "cover", "hal", "chair", "accuracy"), [2 / 3, 1 / 2, 1 / 3, 1]);
  assert.deepEqual(
    server.asked.map(({ text, body }) => [text.split(" ")[0], body.logprobs === true]).sort(),
    [["Describe", false], ["Describe", false], ["Is", true]], // biome-ignore format: three short rows
  );
});

test("MMHal-Bench asks the model about pictures and the judge, without them, in structured output", async (t) => {
  const folder = await temporaryFolder(t);
  const { files, nameOf } = await pictures(["a.jpg", "b.jpg"]);
  await writeFiles(join(folder, "images"), files);
  const items = Array.from({ length: 96 }, (_, at) => ({
    ...{ question_type: mmhalType(at), question_topic: "animal", image_id: `p${at}`, image_content: ["Swan"] },
    ...{ image_src: `https://pictures.example/o/${at % 2 === 0 ? "a" : "b"}.jpg`, model_answer: "" },
    ...{ question: `What swims in picture ${at}?`, gt_answer: "A swan." },
  }));
  const data = await writeFiles(folder, { "template.json": JSON.stringify(items) });
  await using server = await seeingServer(({ image, text, body }) => {
    if (image !== undefined) return nameOf.get(image) === "a.jpg" ? "A swan swims." : "A shark swims.";
    assert.ok(body.response_format !== undefined && !text.includes("blob:"));
    return JSON.stringify({ explanation: "It says so.", rating: text.includes("shark") ? 0 : 6 });
  });
  const named = { data, images: join(folder, "images") };
  const ran = await asked({ bench: "mmhal", named, server, judge: judgedBy(server) }, openDeps());
  assert.deepEqual(values(ran, "score", "hallucination"), [3, 1 / 2]);
  const asks = Object.groupBy(server.asked, ({ image }) => (image === undefined ? "judge" : "model"));
  assert.deepEqual([asks.model?.length, asks.judge?.length], [96, 2 * 96]);
  assert.deepEqual(ran.result.judge, {
    ...{ model: "seeing", temperature: 0, repetitions: 2, calls: 192, failed: 0, unparsable: 0 },
    revision: ran.result.judge?.revision,
  });
});

test("Object HalBench shows the pictures of its own file, and a model lists the objects of the answers", async (t) => {
  const folder = await temporaryFolder(t);
  const { files, nameOf } = await pictures(["7.jpg", "8.jpg"]);
  const coco = (name: string, content: object) => ({ [`annotations/${name}2014.json`]: JSON.stringify(content) });
  const categories = [
    { id: 18, name: "dog" },
    { id: 62, name: "chair" },
  ];
  const question = "Describe it.";
  const rows = [7, 8].map((image_id) => {
    return { image_id, question, image: Buffer.from(files[`${image_id}.jpg`]!).toString("base64") };
  });
  const data = await writeFiles(folder, {
    "questions.jsonl": lines(rows),
    ...coco("instances_train", { categories, annotations: [] }),
    ...coco("captions_train", { annotations: [] }),
    ...coco("instances_val", { categories, annotations: [7, 8].map((image_id) => ({ image_id, category_id: 18 })) }),
    ...coco("captions_val", { annotations: [7, 8].map((image_id) => ({ image_id, caption: "A dog." })) }),
  });
  await using server = await seeingServer(({ image, text }) => {
    if (image !== undefined) return nameOf.get(image) === "7.jpg" ? "It shows a happy dog." : "A dog sits on a chair.";
    return JSON.stringify({ objects: text.includes("chair.") ? ["dog", "chair"] : ["dog"] });
  });
  const named = { data, coco: join(folder, "annotations"), extraction: "llm" };
  const ran = await asked({ bench: "object-halbench", named, server, judge: judgedBy(server) }, openDeps());
  assert.deepEqual(values(ran, "response_hallucination", "mention_hallucination", "recall"), [1 / 2, 1 / 3, 1]);
  assert.equal(ran.result.settings["extraction"], "llm");
  assert.ok(ran.calls.every(({ kind, reply }) => kind === "extract" && reply?.startsWith('{"objects"')));
  assert.equal(server.asked.filter(({ image }) => image === undefined).length, 4);
});

test("an evaluation stops at its budget with all answers kept, and more money asks only for the rest", async (t) => {
  const { named } = await popeWorld(t, 300);
  await using server = await seeingServer(() => ({ pYes: 0.9, pNo: 0.05 }));
  const deps = openDeps();
  const asking = { bench: "pope", named, server };
  await assert.rejects(
    asked({ ...asking, budgetUsd: 0.03 }, deps),
    (error) => error instanceof BudgetSpent && error.missingUsd > 0,
  );
  const before = server.asked.length;
  assert.ok(before > 0 && before < 300, `${before} of 300 questions were asked`);
  const ran = await asked(asking, deps);
  assert.equal(server.asked.length, 300);
  assert.equal(new Set(server.asked.map(({ text }) => text)).size, 300);
  await using another = await seeingServer(() => ({ pYes: 0.9, pNo: 0.05 }));
  const undisturbed = await asked({ ...asking, server: another }, openDeps());
  assert.deepEqual(ran.scores, undisturbed.scores);
  assert.deepEqual(ran.result.figures, undisturbed.result.figures);
  assert.equal(Math.round(1e6 * undisturbed.spentUsd), 300 * 120); // 120 tokens each, at 1 USD per million
});
