import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import OpenAI from "openai";
import type { ChatDelta, Engine } from "../../../shared/ports/engine.ts";
import { fakeEngine } from "../../support/fake-engine.ts";
import { about, type ChatService, EMBEDDED_POLICY, openChatService, PRICE, scene, settled } from "./support.ts";

const ASKED = { model: "vlm", messages: [{ role: "user" as const, content: "Count." }], max_tokens: 100 };

/** Says a word every 20 ms until it is stopped, and remembers when it said the last one. */
function endlessEngine() {
  const engine = {
    ...fakeEngine(),
    said: 0,
    lastAt: 0,
    async *stream(_body: unknown, signal: AbortSignal): AsyncGenerator<ChatDelta> {
      while (!signal.aborted) {
        yield { kind: "text", choice: 0, text: `${engine.said++} ` };
        engine.lastAt = performance.now();
        await wait(20);
      }
    },
  };
  return engine satisfies Engine;
}

for (const stream of [true, false]) {
  test(`a client that leaves ${stream ? "a stream" : "a whole answer"} stops the engine within a second, and pays what was made`, async () => {
    const engine = endlessEngine();
    await using service = await openChatService(engine);
    const abort = new AbortController();
    const asked = service.client().chat.completions.create({ ...ASKED, stream }, { signal: abort.signal });
    asked.catch(() => {});
    while (engine.said < 5) await wait(5);
    const left = performance.now();
    abort.abort();
    await assert.rejects(
      asked.then(async (answer) => {
        for await (const _ of answer as AsyncIterable<unknown>);
        throw new OpenAI.APIUserAbortError(); // a stream that is aborted ends quietly
      }),
      OpenAI.APIUserAbortError,
    );
    const usage = await settled(service);
    const said = engine.said;
    await wait(100);
    assert.equal(engine.said, said, "nothing is said any more");
    assert.ok(engine.lastAt - left < 1000, `${engine.lastAt - left} ms`);
    const completion = Math.round(usage.usdMicros.used / PRICE.output) - Math.round(promptMicros(usage) / PRICE.output);
    assert.ok(completion >= 4 && completion <= said, `${completion} tokens are paid, ${said} were said`);
    assert.deepEqual([usage.tokens.reserved, usage.usdMicros.reserved], [0, 0]);
  });
}

/** tokens = p + c and micros = p·input + c·output tell both. */
function promptMicros({ tokens, usdMicros }: Awaited<ReturnType<ChatService["usage"]>>): number {
  const completion = (usdMicros.used - tokens.used * PRICE.input) / (PRICE.output - PRICE.input);
  return (tokens.used - completion) * PRICE.input;
}

test("the embedded engine stops, too, and its slot is free at once", async () => {
  await using service = await openChatService();
  const picture = await scene();
  const asked = { model: EMBEDDED_POLICY, messages: about(picture), temperature: 1.5, n: 16, stream: true as const };
  const stream = await service.client().chat.completions.create(asked);
  for await (const _ of stream) break;
  const left = performance.now();
  const usage = await settled(service);
  assert.ok(performance.now() - left < 1000);
  assert.ok(usage.tokens.used > 0);
});

test("a client that leaves while its answer is checked pays what was made, and holds nothing", async () => {
  const engine = fakeEngine();
  let asked = 0;
  engine.run = async function* (_lines, signal) {
    asked++;
    while (!signal.aborted) await wait(5);
    yield* [];
  };
  await using service = await openChatService(engine);
  const abort = new AbortController();
  const picture = await scene();
  const body = { ...ASKED, messages: about(picture), trust: true };
  const answer = service.client().chat.completions.create(body, { signal: abort.signal });
  answer.catch(() => {});
  while (asked === 0) await wait(5);
  abort.abort();
  const usage = await settled(service);
  assert.ok(usage.tokens.used > 0);
  assert.equal(usage.tokens.reserved, 0);
});
