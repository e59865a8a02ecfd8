import assert from "node:assert/strict";
import { test } from "node:test";
import { about, EMBEDDED_POLICY, openChatService, scene } from "./support.ts";

test("the official client chats about a picture with the embedded model", async () => {
  await using service = await openChatService();
  const picture = await scene();
  const asked = { model: EMBEDDED_POLICY, messages: about(picture), seed: 3, temperature: 0 };
  const answer = await service.client().chat.completions.create(asked);
  const [choice] = answer.choices;
  assert.match(choice!.message.content!, /\w+/);
  assert.equal(answer.usage!.total_tokens, answer.usage!.prompt_tokens + answer.usage!.completion_tokens);
  const { id, model, object } = answer;
  assert.deepEqual([id.startsWith("chatcmpl-"), model, object], [true, EMBEDDED_POLICY, "chat.completion"]);
});

test("a stream shows the answer that is given in one piece, with its logprobs and usage", async () => {
  await using service = await openChatService();
  const client = service.client();
  const asked = {
    ...{ model: EMBEDDED_POLICY, messages: about(await scene()), seed: 3, temperature: 1, n: 2 },
    ...{ logprobs: true, top_logprobs: 2 },
  };
  const whole = await client.chat.completions.create(asked);
  const chunks = [];
  const options = { include_usage: true };
  for await (const chunk of await client.chat.completions.create({ ...asked, stream: true, stream_options: options })) {
    chunks.push(chunk);
  }
  const choices = chunks.flatMap((chunk) => chunk.choices);
  const streamed = [0, 1].map((index) => choices.filter((choice) => choice.index === index));
  for (const [index, parts] of streamed.entries()) {
    const { message, logprobs, finish_reason } = whole.choices[index]!;
    assert.equal(parts.map(({ delta }) => delta.content ?? "").join(""), message.content);
    assert.deepEqual(
      parts.flatMap((part) => part.logprobs?.content ?? []),
      logprobs!.content,
    );
    assert.equal(parts.at(-1)!.finish_reason, finish_reason);
  }
  const last = chunks.at(-1)!;
  assert.deepEqual([last.choices, last.usage], [[], whole.usage]);
  assert.ok(chunks.slice(0, -1).every(({ usage }) => usage === null));
});

test("stop ends the answer before the text that stops it, and max_tokens where it says", async () => {
  await using service = await openChatService();
  const client = service.client();
  const asked = { model: EMBEDDED_POLICY, messages: about(await scene()), temperature: 0, seed: 1 };
  const whole = (await client.chat.completions.create(asked)).choices[0]!.message.content!;
  const word = whole.split(" ")[3]!;
  for (const stream of [false, true]) {
    const text = stream
      ? (await client.chat.completions.stream({ ...asked, stop: word }).finalChatCompletion()).choices[0]
      : (await client.chat.completions.create({ ...asked, stop: word })).choices[0];
    assert.equal(text!.message.content, whole.slice(0, whole.indexOf(word)));
    assert.equal(text!.finish_reason, "stop");
  }
  const cut = await client.chat.completions.create({ ...asked, max_tokens: 2 });
  assert.deepEqual([cut.usage!.completion_tokens, cut.choices[0]!.finish_reason], [2, "length"]);
});

test("the same seed gives the same answer, no seed another one each time", async () => {
  await using service = await openChatService();
  const client = service.client();
  const asked = { model: EMBEDDED_POLICY, messages: about(await scene(2)), temperature: 1.5 };
  const texts = async (more: object) => {
    const answers = await Promise.all([1, 2, 3, 4].map(() => client.chat.completions.create({ ...asked, ...more })));
    return new Set(answers.map(({ choices }) => choices[0]!.message.content)).size;
  };
  assert.equal(await texts({ seed: 7 }), 1);
  assert.ok((await texts({})) > 1);
});

test("an answer can be handed back as it came, in the next turn", async () => {
  await using service = await openChatService();
  const client = service.client();
  const messages = about(await scene());
  const first = await client.chat.completions.create({ model: EMBEDDED_POLICY, messages });
  const next = [...messages, first.choices[0]!.message, ...messages];
  const second = await client.chat.completions.create({ model: EMBEDDED_POLICY, messages: next });
  assert.equal(second.choices.length, 1);
});

test("a picture that was uploaded is named by its id", async () => {
  await using service = await openChatService();
  const picture = await scene();
  const sha256 = await service.blobs.writeContent(picture.bytes);
  const asked = { model: EMBEDDED_POLICY, seed: 1 };
  const client = service.client();
  const answers = [picture.url, sha256].map((url) =>
    client.chat.completions.create({ ...asked, messages: about({ ...picture, url }) }),
  );
  const [sent, named] = await Promise.all(answers);
  assert.equal(sent!.choices[0]!.message.content, named!.choices[0]!.message.content);
});

test("models are listed in OpenAI's shape and found by their id", async () => {
  await using service = await openChatService();
  const client = service.client();
  const listed = (await client.models.list()).data;
  const rlaifv = { kind: "base", run: null, round: null, base: null, trust: true };
  assert.deepEqual(listed, [{ id: EMBEDDED_POLICY, object: "model", created: 0, owned_by: "rlaifv", rlaifv }]);
  const response = await fetch(`${service.baseURL}/models/${EMBEDDED_POLICY}`, {
    headers: { authorization: `Bearer ${service.chatKey}` },
  });
  assert.deepEqual(await response.json(), listed[0]);
  assert.equal((await client.models.retrieve(EMBEDDED_POLICY)).id, EMBEDDED_POLICY);
});
