import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { EvaluationDetail } from "../../functions/api/contract/evals.ts";
import { listen } from "../../functions/api/listen.ts";
import { embeddedConfig } from "../../functions/runtime/embedded-models.ts";
import { openService } from "../../functions/runtime/service.ts";
import { mmhalType } from "../../shared/evaluation/mmhal/mmhal.ts";
import { refombItemId } from "../../shared/evaluation/refomb/refomb.ts";
import { ModelRef } from "../../shared/schemas/config.ts";
import { picture, writeFiles } from "../intake/support.ts";
import { tempFolder } from "../support/temp-folder.ts";

const jsonl = (records: readonly unknown[]) => records.map((record) => `${JSON.stringify(record)}\n`).join("");
const ADDRESS = "https://pictures.example/o/hill.jpg";
const HILL = { image_url: ADDRESS, question: "What is there?", description: "A windmill.", type: "OCR", split: "dev" };

/** Every bench's files as `rlaifv eval fetch` leaves them below its cache, about two or three pictures. */
async function fetched(cache: string): Promise<void> {
  const categories = [{ id: 18, name: "dog" }];
  const coco = (split: string, images: readonly number[]) => ({
    [`object-halbench/annotations/instances_${split}2014.json`]: JSON.stringify({
      categories,
      annotations: images.map((image_id) => ({ image_id, category_id: 18 })),
    }),
    [`object-halbench/annotations/captions_${split}2014.json`]: JSON.stringify({
      annotations: images.map((image_id) => ({ image_id, caption: "A dog." })),
    }),
  });
  await writeFiles(join(cache, "rlaifv", "evals"), {
    "amber/data/query/query_all.json": JSON.stringify([{ id: 1, image: "1.png", query: "Describe it." }]),
    "amber/data/annotations.json": JSON.stringify([{ id: 1, type: "generative", truth: ["tower"], hallu: ["comet"] }]),
    "amber/data/relation.json": JSON.stringify({ tower: [], comet: [] }),
    "amber/data/safe_words.txt": "line\n",
    "amber/images/1.png": await picture("png", 1, 64),
    "pope/coco_pope_random.json": jsonl([{ question_id: 1, image: "1.jpg", text: "Is there a dog?", label: "yes" }]),
    "object-halbench/obj_halbench_300_with_image.jsonl": jsonl([{ image_id: 7, question: "Describe it.", image: "" }]),
    ...coco("train", []),
    ...coco("val", [7]),
    "mmhal/mmhal-bench_answer_template.json": JSON.stringify(
      Array.from({ length: 96 }, (_, index) => ({
        ...{ question_type: mmhalType(index), question_topic: "animal", image_id: `p${index}` },
        ...{ image_src: `https://pictures.example/${index}.jpg`, image_content: ["Swan"] },
        ...{ question: "What swims?", gt_answer: "A swan.", model_answer: "" },
      })),
    ),
    "refomb/RefoMB_dev.jsonl": jsonl([{ ...HILL, id: 0, answer: "" }]),
    "refomb/RefoMB_gpt4v_dev.jsonl": jsonl([{ ...HILL, id: 0, answer: "A windmill on a hill." }]),
  });
}

/** Says the same to everybody, and no logprobs. */
async function judge() {
  const server = createServer((_, response) => {
    const message = { role: "assistant", content: "It fits.\nRating: 5" };
    const choices = [{ index: 0, finish_reason: "stop", message, logprobs: null }];
    const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
    const completion = { id: "x", object: "chat.completion", created: 0, model: "judge", choices, usage };
    response.setHeader("content-type", "application/json").end(JSON.stringify(completion));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  return { server, ref: ModelRef.parse({ engine: "openai", model: "judge", baseUrl, apiKeyEnv: "NO_KEY" }) };
}

describe("a service with fetched benchmarks", () => {
  let folder: Awaited<ReturnType<typeof tempFolder>>;
  let judging: Awaited<ReturnType<typeof judge>>;
  let service: Awaited<ReturnType<typeof opened>>;

  const opened = async (name: string, cache: string) => {
    const none = "none"; // no data is read
    const config = embeddedConfig({ name: "x", seed: 1, rounds: 1, data: none, selection: none, evaluation: none });
    const made = await openService({
      dataDir: join(folder.path, name),
      env: { XDG_CACHE_HOME: cache },
      ...{ ownerWithoutKey: true, anonymousChat: true, trustProxy: false, web: {} },
      configs: [{ ...config, labelers: [judging.ref] }],
      onFault: (error, where) => console.error(where, error),
    });
    const server = await listen(made.app, { port: 0, host: "127.0.0.1" });
    await made.start();
    return { url: server.url, close: () => server.close().then(() => made.close()) };
  };
  const post = (url: string, body: object) =>
    fetch(`${url}/v1/evals`, {
      ...{ method: "POST", headers: { "content-type": "application/json" } },
      body: JSON.stringify(body),
    });

  before(async () => {
    folder = await tempFolder("fetched");
    judging = await judge();
    await fetched(join(folder.path, "cache"));
    service = await opened("service", join(folder.path, "cache"));
  });
  after(async () => {
    await service.close();
    judging.server.close();
    await folder[Symbol.asyncDispose]();
  });

  const finished = async (body: object) => {
    const response = await post(service.url, body);
    assert.equal(response.status, 201, await response.clone().text());
    const { id } = (await response.json()) as { id: string };
    for (;;) {
      const told = (await (await fetch(`${service.url}/v1/evals/${id}`)).json()) as EvaluationDetail;
      assert.ok(told.state !== "failed", `${told.reason}`);
      if (told.state === "finished") return (name: string) => told.result!.figures[name]!;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const answer = (itemId: string, text: string) => [{ itemId, text }];

  test("measures all five by the files that were fetched before", async () => {
    const amber = await finished({ bench: "amber", answers: answer("1", "A tower below a comet.") });
    assert.deepEqual(
      [amber("chair").value, amber("cover").value, amber("hal").value, amber("cog").value],
      [0.5, 1, 1, 0.5],
    );
    const pope = await finished({ bench: "pope", answers: answer("random/1", "Yes.") });
    assert.equal(pope("accuracy").value, 1);
    const objects = await finished({ bench: "object-halbench", answers: answer("7", "A dog and a cat.") });
    assert.deepEqual([objects("mention_hallucination").value, objects("recall").value], [0.5, 1]);
    const judged = { judge: { model: "judge", repetitions: 1 } };
    const mmhal = await finished({ bench: "mmhal", ...judged, answers: answer("mmhal-00", "A swan.") });
    assert.equal(mmhal("score").value, 5);
    const hill = answer(refombItemId(ADDRESS, HILL.question), "A mill.");
    const refomb = await finished({ bench: "refomb", ...judged, answers: hill });
    assert.deepEqual(
      [refomb("rated").value, refomb("rated").n],
      [0, 1],
      "the judge's reply is no verdict, and is counted",
    );
    const asked = await finished({ bench: "amber", model: "embedded/policy" });
    assert.equal(asked("words").n, 1);
  });

  test("answers 422 with the way out where files or pictures were not fetched", async () => {
    const empty = await opened("empty", join(folder.path, "nothing"));
    const told = async ({ url }: { url: string }, body: object) => {
      const response = await post(url, body);
      const { code, field, fix } = (await response.json()) as Record<string, string>;
      assert.deepEqual([response.status, code, field], [422, "eval.bench", "bench"]);
      return fix!;
    };
    for (const bench of ["amber", "pope", "object-halbench", "mmhal", "refomb"]) {
      const fix = await told(empty, { bench, answers: answer("1", "A dog.") });
      assert.ok(fix.startsWith(`run "rlaifv eval fetch ${bench}" on the service's machine`), fix);
    }
    await empty.close();
    const pictures = await told(service, { bench: "pope", model: "embedded/policy" });
    assert.match(pictures, /^run "rlaifv eval fetch pope --pictures" on the service's machine/);
  });
});
