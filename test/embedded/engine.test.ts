import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { memoryBlobStore } from "../../functions/adapters/memory/blob-store.ts";
import { openEmbeddedEngine } from "../../functions/embedded/engine.ts";
import { knowsImage } from "../../functions/embedded/image-check.ts";
import { loadArt } from "../../functions/embedded/world/art.ts";
import { truth } from "../../functions/embedded/world/claims.ts";
import { sceneRows } from "../../functions/embedded/world/manifest.ts";
import { parseQuestion } from "../../functions/embedded/world/parse.ts";
import { toPng } from "../../functions/embedded/world/png.ts";
import { renderScene } from "../../functions/embedded/world/render.ts";
import { sceneAt } from "../../functions/embedded/world/scene.ts";
import type { ChatBody, ChatCompletion } from "../../shared/schemas/chat.ts";
import {
  CLAIMS_AND_QUESTIONS_FORMAT,
  CLAIMS_FORMAT,
  dividePrompt,
  labelPrompt,
  QUESTIONS_FORMAT,
  questionPrompt,
} from "../../shared/stages/prompts.ts";
import { collected, engineContract, line } from "../contract/engine.ts";

const blobs = memoryBlobStore();
const engine = openEmbeddedEngine({ blobs });
const scene = sceneAt("report", 77, 0);
let picture: string;

before(async () => {
  picture = `blob:${await blobs.writeContent(await toPng(renderScene(scene, await loadArt())))}`;
});

const asks = (model: string, text: string, more: Partial<ChatBody> = {}): ChatBody => ({
  model,
  messages: [
    {
      role: "user",
      content: [
        { type: "image_url", image_url: { url: picture } },
        { type: "text", text },
      ],
    },
  ],
  ...more,
});
const tells = (model: string, text: string, more: Partial<ChatBody> = {}): ChatBody => ({
  model,
  messages: [{ role: "user", content: text }],
  ...more,
});

async function completion(body: ChatBody): Promise<ChatCompletion> {
  const [reply] = await collected(engine, [line("one", body)]);
  assert.equal(reply?.outcome, "completed", JSON.stringify(reply));
  return (reply as Extract<typeof reply, { outcome: "completed" }>).completion;
}
const textOf = async (body: ChatBody) => (await completion(body)).choices[0]!.message.content;

engineContract("embedded", async () => {
  await new Promise((resolve) => setImmediate(resolve));
  const url = `blob:${await blobs.writeContent(await toPng(renderScene(scene, await loadArt())))}`;
  const withImage = (text: string): ChatBody => ({
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
  });
  return {
    engine,
    model: "embedded/policy",
    open: withImage("Describe the picture."),
    yesNo: withImage("Is there a dog?"),
    close: async () => {},
  };
});

describe("the embedded policy", () => {
  test("describes a picture in sentences of its world, the same ones at temperature 0", async () => {
    const body = asks("embedded/policy", "Describe the picture.", { temperature: 0 });
    const text = (await textOf(body))!;
    assert.match(text, /^(There|A) .+\.$/);
    assert.equal(await textOf(body), text);
  });

  test("answers questions about what, where and how many", async () => {
    const { object } = scene.objects[0]!;
    const greedy = { temperature: 0 };
    assert.match((await textOf(asks("embedded/policy", `Is there a ${object}?`, greedy)))!, /^yes$/);
    assert.match((await textOf(asks("embedded/policy", `How many ${object}s?`, greedy)))!, /^(one|two|three)$/);
    assert.match(
      (await textOf(asks("embedded/policy", `Where is the ${object}?`, greedy)))!,
      /^(left|middle|right) (top|center|bottom)$|^none$/,
    );
  });

  test("keeps to stop texts and gives the logprob of every token it wrote", async () => {
    const body = asks("embedded/policy", "Describe the picture.", {
      seed: 4,
      logprobs: true,
      top_logprobs: 3,
      stop: ".",
    });
    const [choice] = (await completion(body)).choices;
    assert.ok(!choice!.message.content!.includes("."));
    assert.equal(choice!.finish_reason, "stop");
    for (const token of choice!.logprobs!.content!) {
      assert.equal(token.top_logprobs.length, 3);
      assert.ok(token.logprob <= token.top_logprobs[0]!.logprob);
    }
  });

  test("reads a picture from a data URL as from the store", async () => {
    const png = Buffer.from(await toPng(renderScene(scene, await loadArt()))).toString("base64");
    const body = asks("embedded/policy", "Describe the picture.", { seed: 9 });
    const inline = JSON.parse(JSON.stringify(body).replace(picture, `data:image/png;base64,${png}`)) as ChatBody;
    assert.equal(await textOf(inline), await textOf(body));
  });

  test("says what is wrong with a request", async () => {
    const cases: [string, ChatBody][] = [
      ["image_missing", tells("embedded/policy", "Describe the picture.")],
      [
        "image_unreadable",
        JSON.parse(JSON.stringify(asks("embedded/policy", "x")).replace(picture, "data:image/png;base64,AAAA")),
      ],
      [
        "image_url_unsupported",
        JSON.parse(JSON.stringify(asks("embedded/policy", "x")).replace(picture, "https://example.org/a.png")),
      ],
      ["no_user_message", { model: "embedded/policy", messages: [{ role: "system", content: "x" }] }],
    ];
    const replies = await collected(
      engine,
      cases.map(([code, body]) => line(code, body)),
    );
    for (const reply of replies) assert.equal(reply.outcome === "failed" && reply.failure.code, reply.custom_id);
    assert.equal(replies.length, cases.length);
  });
});

describe("the embedded labeler", () => {
  const label = (question: string) =>
    asks("embedded/labeler", labelPrompt(question), {
      max_tokens: 1,
      temperature: 0,
      logprobs: true,
      top_logprobs: 20,
    });
  const probabilities = async (question: string) => {
    const top = (await completion(label(question))).choices[0]!.logprobs!.content![0]!.top_logprobs;
    const of = (word: string) => Math.exp(top.find(({ token }) => token === word)?.logprob ?? Number.NEGATIVE_INFINITY);
    return { yes: of("yes"), no: of("no") };
  };

  test("tells true from false by what it sees in held-out pictures", async () => {
    let right = 0;
    const questions = ["dog", "car", "pizza", "crab", "laptop", "cow"].map((object) => `Is there a ${object}?`);
    for await (const row of sceneRows({ split: "report", seed: 78, count: 20 })) {
      const url = `blob:${await blobs.writeContent(row.image)}`;
      const objects = row.metadata.scene.objects.map(({ cell, class: object }) => ({ cell, object }));
      const replies = await collected(
        engine,
        questions.map((question) => line(question, JSON.parse(JSON.stringify(label(question)).replace(picture, url)))),
      );
      for (const reply of replies) {
        const said = reply.outcome === "completed" && reply.completion.choices[0]!.message.content === "yes";
        if (said === truth({ objects } as never, parseQuestion(reply.custom_id)!)) right += 1;
      }
    }
    assert.ok(right >= 114, `${right} of 120`);
  });

  test("puts nearly all its probability on yes and no", async () => {
    const { yes, no } = await probabilities("Is there a dog?");
    assert.ok(yes + no > 0.98, `${yes} ${no}`);
  });

  test("says no, with certainty, to what is no question of its world", async () => {
    const { yes, no } = await probabilities('Is it right to say "Dog dog is."?');
    assert.ok(no > 0.999 && yes < 1e-6);
  });
});

describe("the embedded divider and questioner", () => {
  const answer = "There is a dog. Dog dog. There are two cows.";
  const prompt = (shape: "json" | "list", withQuestions = false) =>
    dividePrompt({ question: "Describe the picture.", answer, shape, withQuestions });

  test("every sentence is a claim, word for word, malformed ones too", async () => {
    assert.equal(
      await textOf(tells("embedded/divider", prompt("list"))),
      "- There is a dog.\n- Dog dog.\n- There are two cows.",
    );
    const json = await textOf(tells("embedded/divider", prompt("json"), { response_format: CLAIMS_FORMAT }));
    assert.deepEqual(JSON.parse(json!), { claims: ["There is a dog.", "Dog dog.", "There are two cows."] });
  });

  test("claims come with their questions where both are asked for", async () => {
    const json = await textOf(
      tells("embedded/divider", prompt("json", true), { response_format: CLAIMS_AND_QUESTIONS_FORMAT }),
    );
    assert.deepEqual(JSON.parse(json!).claims[2], { claim: "There are two cows.", question: "Are there two cows?" });
    assert.match(
      (await textOf(tells("embedded/divider", prompt("list", true))))!,
      /^- There is a dog\. \|\| Is there a dog\?$/m,
    );
  });

  test("every statement becomes one question, in order", async () => {
    const statements = ["A dog is left of a cow.", "Dog dog."];
    const list = await textOf(tells("embedded/questioner", questionPrompt(statements, "list")));
    assert.equal(list, '- Is a dog left of a cow?\n- Is it right to say "Dog dog."?');
    const body = tells("embedded/questioner", questionPrompt(statements, "json"), {
      response_format: QUESTIONS_FORMAT,
    });
    assert.equal(JSON.parse((await textOf(body))!).questions.length, 2);
  });
});

test("a picture of this world is known, other images and other bytes are not", async () => {
  const { default: sharp } = await import("sharp");
  const noise = Buffer.from(Uint8Array.from({ length: 96 * 96 * 3 }, (_, i) => (i * 7919) % 251));
  const raw = { raw: { width: 96, height: 96, channels: 3 as const } };
  const own = await toPng(renderScene(scene, await loadArt()));
  assert.equal(await knowsImage(own), true);
  assert.equal(await knowsImage(await sharp(own).resize(97, 97).png().toBuffer()), false);
  assert.equal(await knowsImage(await sharp(noise, raw).png().toBuffer()), false);
  assert.equal(await knowsImage(Buffer.from("not an image")), false);
});
