/** A scripted engine: the same body gives the same words, so that a test can tell whose answer it got. */

import { canonicalJson } from "../../shared/ids.ts";
import type { ChatDelta, Engine } from "../../shared/ports/engine.ts";
import { randomFrom, seedFor } from "../../shared/random.ts";
import type { BatchLine, ChatBody, ChatChoice, ChatReply } from "../../shared/schemas/chat.ts";

const WORDS = "a red dog sits on the green bench near two tall trees while one small bird sings".split(" ");

export type FakeEngineOptions = {
  /** Milliseconds a token, in `run` and `stream`. */
  msPerToken?: number;
  /** False: answers without logprobs although they were asked for. */
  logprobs?: boolean;
  /** Gives no more than this many choices however many were asked for. */
  mostChoices?: number;
  /** Answers `n` > 1, logprobs or response_format with a refusal that names them. */
  refuses?: readonly ("n" | "logprobs" | "response_format")[];
  /** What `describe` says it writes at most. */
  maxTokens?: number;
  /** Answers nothing that has no image. */
  needsImage?: boolean;
};

export type FakeEngine = Engine & {
  /** Lines of every `run`, in the order of arrival. */
  batches: BatchLine[][];
  /** Bodies of every `stream`. */
  streamed: ChatBody[];
  /** How many runs and streams were aborted before their end. */
  aborted: number;
};

export function fakeEngine(options: FakeEngineOptions = {}): FakeEngine {
  const engine: FakeEngine = {
    batches: [],
    streamed: [],
    aborted: 0,
    async describe() {
      const facts = { name: "fake", revision: "fake-1", logprobs: true, structuredOutput: true, warnings: [] };
      return options.maxTokens === undefined ? facts : { ...facts, maxTokens: options.maxTokens };
    },
    async *run(lines, signal) {
      engine.batches.push([...lines]);
      for (const line of lines) {
        const reply = replyTo(line, options);
        const tokens = reply.outcome === "completed" ? (reply.completion.usage?.completion_tokens ?? 0) : 0;
        if (await abortedWithin((options.msPerToken ?? 0) * tokens, signal)) {
          engine.aborted++;
          return;
        }
        yield reply;
      }
    },
    async *stream(body, signal) {
      engine.streamed.push(body);
      for (const delta of deltasOf(body, options)) {
        if (await abortedWithin(options.msPerToken ?? 0, signal)) {
          engine.aborted++;
          return;
        }
        yield delta;
      }
    },
  };
  return engine;
}

async function abortedWithin(ms: number, signal: AbortSignal): Promise<boolean> {
  if (ms > 0 && !signal.aborted) {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(done, ms);
      function done() {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      }
      signal.addEventListener("abort", done);
    });
  }
  return signal.aborted;
}

function replyTo({ custom_id, body }: BatchLine, options: FakeEngineOptions): ChatReply {
  const refused = refusal(body, options);
  if (refused !== undefined)
    return { outcome: "failed", custom_id, failure: { code: "bad_request", message: refused, retryable: false } };
  const choices = choicesOf(body, options);
  const prompt_tokens = canonicalJson(body.messages).split(/\s+/).length;
  const completion_tokens = choices.reduce((sum, choice) => sum + tokensOf(choice).length, 0);
  const usage = { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens };
  const completion = { id: "fake", object: "chat.completion" as const, created: 0, model: body.model, choices, usage };
  return { outcome: "completed", custom_id, completion };
}

function refusal(body: ChatBody, { refuses = [], needsImage = false }: FakeEngineOptions): string | undefined {
  const asked = {
    n: (body.n ?? 1) > 1,
    logprobs: body.logprobs === true,
    response_format: body.response_format !== undefined,
  };
  const culprit = refuses.find((name) => asked[name]);
  if (culprit !== undefined) return `parameter ${culprit} is not supported`;
  const hasImage = body.messages.some(
    ({ content }) => typeof content !== "string" && content.some((part) => part.type === "image_url"),
  );
  return needsImage && !hasImage ? "this model answers questions about an image only" : undefined;
}

function choicesOf(body: ChatBody, { mostChoices = 128, logprobs = true }: FakeEngineOptions): ChatChoice[] {
  return Array.from({ length: Math.min(body.n ?? 1, mostChoices) }, (_, index) => choiceOf(body, index, logprobs));
}

function choiceOf(body: ChatBody, index: number, withLogprobs: boolean): ChatChoice {
  const { messages, temperature = 1 } = body;
  const seed = (body.seed ?? 0) + index;
  const random = randomFrom(seedFor(canonicalJson(messages), temperature === 0 ? 0 : seed));
  const whole = wordsFor(body, random);
  const words = whole.slice(0, body.max_tokens ?? whole.length);
  return {
    index,
    finish_reason: words.length < whole.length ? "length" : "stop",
    message: { role: "assistant", content: words.join(" ") },
    logprobs:
      body.logprobs === true && withLogprobs
        ? { content: words.map((token) => tokenLogprob(token, body.top_logprobs ?? 0, random)) }
        : null,
  };
}

function wordsFor(body: ChatBody, random: () => number): string[] {
  if (body.response_format !== undefined) return ['{"items":["red","blue"]}'];
  if (JSON.stringify(body.messages).includes("yes or no")) return [random() < 0.5 ? "yes" : "no"];
  return Array.from(
    { length: 5 + Math.floor(random() * 8) },
    () => WORDS[Math.floor(random() * WORDS.length)] as string,
  );
}

function tokenLogprob(token: string, top: number, random: () => number) {
  const others = [...new Set(["yes", "no", ...WORDS])].filter((word) => word !== token).slice(0, Math.max(0, top - 1));
  const weights = [3, ...others.map(() => random())];
  const total = weights.reduce((sum, weight) => sum + weight, 0) + 0.1;
  const top_logprobs = [token, ...others]
    .map((name, at) => ({ token: name, logprob: Math.log((weights[at] as number) / total) }))
    .sort((a, b) => b.logprob - a.logprob);
  return { token, logprob: Math.log(3 / total), top_logprobs: top === 0 ? [] : top_logprobs };
}

function tokensOf(choice: ChatChoice): string[] {
  return (choice.message.content ?? "").split(" ");
}

function* deltasOf(body: ChatBody, options: FakeEngineOptions): Generator<ChatDelta> {
  const line: BatchLine = { custom_id: "stream", method: "POST", url: "/v1/chat/completions", body };
  const reply = replyTo(line, options);
  if (reply.outcome === "failed") throw Object.assign(new Error(reply.failure.message), { failure: reply.failure });
  const { choices, usage } = reply.completion;
  for (const choice of choices) {
    for (const [at, token] of tokensOf(choice).entries()) {
      const named = choice.logprobs?.content?.[at];
      const text = at === 0 ? token : ` ${token}`;
      yield { kind: "text", choice: choice.index, text, ...(named ? { logprobs: [named] } : {}) };
    }
    yield { kind: "finish", choice: choice.index, reason: choice.finish_reason ?? "stop" };
  }
  if (usage) yield { kind: "usage", usage };
}
