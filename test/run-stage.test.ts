import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryStateStore } from "../functions/adapters/memory/state-store.ts";
import type { Engine } from "../shared/ports/engine.ts";
import { runStage } from "../shared/run-stage.ts";
import type { BatchLine, ChatReply } from "../shared/schemas/chat.ts";
import { RunConfig } from "../shared/schemas/config.ts";
import { Submitted } from "../shared/schemas/sample.ts";
import type { ModelStage } from "../shared/stages/stage.ts";

const MODEL = { engine: "embedded" as const, model: "m" };
const CONFIG = RunConfig.parse({
  data: { path: "x" },
  policy: MODEL,
  divider: MODEL,
  questioner: MODEL,
  labelers: [MODEL],
});

const sample = (id: string): Submitted => ({
  sampleId: id,
  image: { sha256: "0".repeat(64), path: "x.png", width: 1, height: 1 },
  question: "?",
  metadata: {},
});

/** Asks once, and once more where the first reply says "again". The result holds the last words. */
const ECHO: ModelStage<Submitted, Submitted> = {
  name: "generate",
  from: "submitted",
  to: "generated",
  input: Submitted,
  output: Submitted,
  ask: ({ sampleId }) => [
    { custom_id: `${sampleId}/1`, target: "policy/0", body: { messages: [{ role: "user", content: sampleId }] } },
  ],
  absorb(one, replies) {
    const [first, second] = [replies.get(`${one.sampleId}/1`), replies.get(`${one.sampleId}/2`)];
    if (first?.outcome === "failed")
      return { outcome: "parked", reason: first.failure.code, losses: { empty_answer: 1 } };
    if (wordsOf(first) === "again" && second === undefined) {
      const body = { messages: [{ role: "user" as const, content: `${one.sampleId} again` }] };
      return { outcome: "more", requests: [{ custom_id: `${one.sampleId}/2`, target: "policy/0", body }] };
    }
    return { outcome: "done", sample: { ...one, question: wordsOf(second ?? first) ?? "" }, losses: {} };
  },
};

const wordsOf = (reply: ChatReply | undefined) =>
  reply?.outcome === "completed" ? reply.completion.choices[0]?.message.content : undefined;

function completed({ custom_id, body }: BatchLine, words: string): ChatReply {
  const choices = [{ index: 0, finish_reason: "stop", message: { role: "assistant" as const, content: words } }];
  const usage = { prompt_tokens: 3, completion_tokens: 1, total_tokens: 4 };
  return {
    outcome: "completed",
    custom_id,
    completion: { id: custom_id, object: "chat.completion", created: 0, model: body.model, choices, usage },
  };
}

const failed = ({ custom_id }: BatchLine, retryable: boolean): ChatReply => ({
  outcome: "failed",
  custom_id,
  failure: { code: retryable ? "timeout" : "bad_image", message: "no luck", retryable },
});

/** Answers in reverse order by a script; leaves out lines for which the script says nothing. */
function scripted(script: (words: string, line: BatchLine) => ChatReply | undefined) {
  const asked: string[] = [];
  const engine: Engine = {
    describe: async () => ({ name: "scripted", revision: "1", logprobs: true, structuredOutput: true, warnings: [] }),
    async *run(lines) {
      for (const line of [...lines].reverse()) {
        asked.push(line.custom_id);
        const reply = script(String(line.body.messages[0]?.content), line);
        if (reply !== undefined) yield reply;
      }
    },
    // biome-ignore lint/correctness/useYield: nothing here streams
    async *stream() {
      throw new Error("not asked");
    },
  };
  return { engine, asked };
}

function deps(engine: Engine, cache = memoryStateStore().replies) {
  return {
    context: { config: CONFIG, round: 1, policy: "m", structuredOutput: { divider: true, questioner: true } },
    models: () => ({ engine, model: "m", revision: "1" }),
    cache,
    signal: new AbortController().signal,
    onReplies: () => {},
    lastAttempt: false,
  };
}

test("results come in the order of the samples, whatever order the replies take", async () => {
  const { engine } = scripted((words, line) => completed(line, `saw ${words}`));
  const outcome = await runStage(ECHO, [sample("a"), sample("b"), sample("c")], deps(engine));
  assert.equal(outcome.outcome, "done");
  const texts =
    outcome.outcome === "done" &&
    outcome.results.map(({ result }) => result.outcome === "done" && result.sample.question);
  assert.deepEqual(texts, ["saw a", "saw b", "saw c"]);
});

test("a sample that asks for more gets a second wave with all its replies", async () => {
  const { engine, asked } = scripted((words, line) => completed(line, words === "a" ? "again" : "enough"));
  const outcome = await runStage(ECHO, [sample("a"), sample("b")], deps(engine));
  assert.deepEqual(asked, ["b/1", "a/1", "a/2"]);
  assert.equal(outcome.requests, 3);
});

test("a failure that may pass ends the attempt, and the next one asks only what is missing", async () => {
  const cache = memoryStateStore().replies;
  const flaky = scripted((words, line) => (words === "b" ? failed(line, true) : completed(line, "fine")));
  const first = await runStage(ECHO, [sample("a"), sample("b")], deps(flaky.engine, cache));
  assert.equal(first.outcome, "try_again");
  const whole = scripted((_, line) => completed(line, "fine"));
  const second = await runStage(ECHO, [sample("a"), sample("b")], deps(whole.engine, cache));
  assert.deepEqual(whole.asked, ["b/1"]);
  assert.equal(second.outcome === "done" && second.cachedReplies, 1);
  assert.equal(second.usage.get("policy/0")?.total_tokens, 4, "a cached reply is not paid again");
});

test("on the last attempt failures become losses and the others go on", async () => {
  const { engine } = scripted((words, line) => (words === "b" ? failed(line, true) : completed(line, "fine")));
  const outcome = await runStage(ECHO, [sample("a"), sample("b")], { ...deps(engine), lastAttempt: true });
  assert.deepEqual(outcome.outcome === "done" && outcome.losses, { empty_answer: 1, failed_request: 1 });
});

test("a request the engine never answers is a failed one", async () => {
  const { engine } = scripted((words, line) => (words === "a" ? undefined : completed(line, "fine")));
  const outcome = await runStage(ECHO, [sample("a"), sample("b")], deps(engine));
  assert.match(outcome.outcome === "try_again" ? outcome.message : "", /no_reply/);
});

test("a reply that nobody asked for is refused", async () => {
  const { engine } = scripted((_, line) => completed({ ...line, custom_id: "stranger" }, "hello"));
  await assert.rejects(runStage(ECHO, [sample("a")], deps(engine)), /stranger, which was not asked/);
});

test("an aborted stage throws and keeps the replies that came", async () => {
  const cache = memoryStateStore().replies;
  const stop = new AbortController();
  const { engine } = scripted((words, line) => {
    if (words === "a") stop.abort(new Error("stopped by hand"));
    return completed(line, "fine");
  });
  await assert.rejects(
    runStage(ECHO, [sample("a"), sample("b")], { ...deps(engine, cache), signal: stop.signal }),
    /stopped by hand/,
  );
  const again = scripted((_, line) => completed(line, "fine"));
  await runStage(ECHO, [sample("a"), sample("b")], deps(again.engine, cache));
  assert.deepEqual(again.asked, [], "both replies were there already");
});
