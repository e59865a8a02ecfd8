import assert from "node:assert/strict";
import { test } from "node:test";
import type { Engine } from "../../../shared/ports/engine.ts";
import type { ChatBody } from "../../../shared/schemas/chat.ts";
import { collected, line } from "../../contract/engine.ts";
import { clientOf, openaiServer, question } from "../../support/openai-server.ts";

const FIVE = question("What do you see?", { n: 5, seed: 40, temperature: 0.7 });

async function completion(engine: Engine, body: ChatBody) {
  const [reply] = await collected(engine, [line("a", body)]);
  assert.equal(reply?.outcome, "completed", JSON.stringify(reply));
  return reply?.outcome === "completed" ? reply.completion : assert.fail();
}

test("a server that gives fewer choices, or refuses n, gives the same five answers in more requests", async () => {
  await using able = await openaiServer();
  await using sparing = await openaiServer({ mostChoices: 2 });
  await using refusing = await openaiServer({ refuses: ["n"] });
  const whole = await completion(clientOf(able).engine, FIVE);
  assert.equal(new Set(whole.choices.map(({ message }) => message.content)).size, 5);
  for (const server of [sparing, refusing]) {
    const pieced = await completion(clientOf(server).engine, FIVE);
    assert.deepEqual(pieced.choices, whole.choices);
    assert.equal(pieced.usage?.completion_tokens, whole.usage?.completion_tokens);
  }
  assert.deepEqual([able.requests, sparing.requests, refusing.requests], [1, 4, 6]);
});

test("a server that refused n once is not asked for it again", async () => {
  await using server = await openaiServer({ refuses: ["n"] });
  const { engine } = clientOf(server);
  await completion(engine, FIVE);
  await completion(engine, FIVE);
  assert.equal(server.requests, 6 + 5);
});

test("choices that a stream left out are streamed after the others", async () => {
  await using able = await openaiServer();
  await using sparing = await openaiServer({ mostChoices: 2 });
  const streamed = async (engine: Engine) => {
    const texts = ["", "", "", "", ""];
    let usages = 0;
    for await (const delta of engine.stream(FIVE, new AbortController().signal)) {
      if (delta.kind === "text") texts[delta.choice] += delta.text;
      if (delta.kind === "usage") usages++;
    }
    return { texts, usages };
  };
  assert.deepEqual(await streamed(clientOf(sparing).engine), await streamed(clientOf(able).engine));
});
