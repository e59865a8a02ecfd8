import type { TokenLogprobs } from "../../../shared/ports/engine.ts";
import type { ChatBody, ChatCompletion } from "../../../shared/schemas/chat.ts";
import type { Prefix } from "../model/prefix-graph.ts";
import { type Prompt, promptGraph } from "../model/prompt-graph.ts";
import { decode, NO, pieceOf, VOCABULARY, VOCABULARY_SIZE, YES } from "../model/tokenizer.ts";
import type { ImageTokens } from "../model/vision-graph.ts";
import { randomOf } from "../random.ts";
import type { sampler, TextJob } from "../sampling/sampler.ts";
import { type ChoiceParts, completionOf, promptTokens, tokenLogprobs } from "./completion.ts";
import { lazy } from "./lazy.ts";
import type { LoadedModel } from "./models.ts";
import { completesAnswer, readPrompt } from "./prompts.ts";
import { type Decoding, decodingOf, lastTurn } from "./request.ts";
import { samplerPool } from "./sampler-pool.ts";

/** A chat about a picture that has been read. */
export type Seen = { body: ChatBody; image: ImageTokens; prefix: () => Promise<Prefix> };
/** Told of each token: its text (the end's is empty), and its logprobs where they were asked for. */
export type OnText = (piece: string, logprobs: TokenLogprobs | undefined) => void;

/** Certain of no: what a labeler says to a question that is none of this world. */
const strangerLogits = (): Float32Array => new Float32Array(VOCABULARY_SIZE).fill(-50).fill(0, NO, NO + 1);

/** One-token answers are read off a single pass; this is how a labeler is asked. */
const isOneToken = ({ body }: Seen): boolean =>
  body.max_tokens === 1 && (body.temperature ?? 1) === 0 && (body.n ?? 1) === 1;

export function seeingModels() {
  const prompts = lazy(promptGraph);
  const samplers = samplerPool();
  const inTurn = oneAtATime();

  function singleToken(body: ChatBody, ids: readonly number[], logits: ArrayLike<number>): ChatCompletion {
    const id = bestToken(logits);
    const { topLogprobs } = decodingOf(body);
    const logprobs = topLogprobs === undefined ? {} : { logprobs: [tokenLogprobs(logits, id, topLogprobs)] };
    const reason = completesAnswer([id]) ? "stop" : "length";
    return completionOf(body, promptTokens(ids), [{ text: VOCABULARY[id]!, reason, tokens: 1, ...logprobs }]);
  }

  /**
   * Completions of one-token questions. Batches take turns: passes of several in every turn of the event loop would
   * slow down the texts that are written beside them.
   */
  async function labelAll(
    model: LoadedModel,
    chats: readonly { seen: Seen; ids: number[] }[],
  ): Promise<ChatCompletion[]> {
    const asked = chats.map(({ seen, ids }): Prompt => ({ image: seen.image, ids }));
    const graph = await prompts();
    const answers = await inTurn(() => graph.answer(model.weights, asked));
    return chats.map(({ seen, ids }, i) => singleToken(seen.body, ids, answers[i]!));
  }

  async function writeOne(
    model: LoadedModel,
    seen: Seen,
    options: { signal?: AbortSignal; onText?: (choice: number, ...told: Parameters<OnText>) => void },
  ) {
    const reading = readPrompt(lastTurn(seen.body).text, model.role);
    if (reading.mode === "stranger") return singleToken(seen.body, [], strangerLogits());
    const decoding = decodingOf(seen.body);
    const prefix = await seen.prefix();
    const written = await samplers.using(model, (writer) =>
      Promise.all(
        Array.from({ length: decoding.choices }, (_, choice) => {
          const onText = options.onText && ((...told: Parameters<OnText>) => options.onText?.(choice, ...told));
          const plan = { prefix, ids: reading.ids, mode: reading.mode, decoding, choice };
          return writeChoice(writer, plan, {
            ...(options.signal ? { signal: options.signal } : {}),
            ...(onText ? { onText } : {}),
          });
        }),
      ),
    );
    return completionOf(seen.body, promptTokens(reading.ids), written);
  }

  /** Which chats of a batch `labelAll` can take, with their prompts. */
  const oneTokenIds = (model: LoadedModel, seen: Seen): number[] | undefined => {
    if (!isOneToken(seen)) return undefined;
    const reading = readPrompt(lastTurn(seen.body).text, model.role);
    return reading.mode === "question" ? reading.ids : undefined;
  };
  return { oneTokenIds, labelAll, writeOne };
}

/** Runs what it is given one after the other, in the order it came. */
function oneAtATime() {
  let last: Promise<unknown> = Promise.resolve();
  return <T>(work: () => Promise<T>): Promise<T> => {
    const mine = last.then(work);
    last = mine.catch(() => undefined);
    return mine;
  };
}

const bestToken = (logits: ArrayLike<number>): number => {
  let best = YES;
  for (let id = 0; id < logits.length; id++) if (logits[id]! > logits[best]!) best = id;
  return best;
};

type ChoicePlan = {
  prefix: Prefix;
  ids: readonly number[];
  mode: "caption" | "question";
  decoding: Decoding;
  choice: number;
};
type Writer = Awaited<ReturnType<typeof sampler>>;

/** The text as it is shown: captions as sentences, answers in lower case as they are in the vocabulary. */
const shown = (mode: ChoicePlan["mode"], ids: readonly number[]): string =>
  mode === "caption" ? decode(ids) : decode(ids).toLowerCase();

function cutAtStop(text: string, stop: readonly string[]): string {
  const ends = stop.map((end) => text.indexOf(end)).filter((at) => at >= 0);
  return ends.length === 0 ? text : text.slice(0, Math.min(...ends));
}

/** One answer. Its random numbers follow from the request's seed and the choice's place alone. */
async function writeChoice(
  writer: Writer,
  plan: ChoicePlan,
  live: { signal?: AbortSignal; onText?: OnText },
): Promise<ChoiceParts> {
  const { decoding, mode } = plan;
  const logprobs: TokenLogprobs[] = [];
  const top = decoding.topLogprobs;
  let previous: number | undefined;
  const job: TextJob = {
    prefix: plan.prefix,
    prompt: plan.ids,
    decoding,
    random: randomOf("choice", decoding.seed, plan.choice),
    maxTokens: decoding.maxTokens,
    ...(live.signal ? { signal: live.signal } : {}),
    stops: (ids) => {
      if (mode === "question" && completesAnswer(ids)) return true;
      return decoding.stop.length > 0 && decoding.stop.some((end) => shown(mode, ids).includes(end));
    },
    onToken: (id, logits) => {
      if (top !== undefined) logprobs.push(tokenLogprobs(logits, id, top));
      const piece = pieceOf(id, previous);
      live.onText?.(mode === "caption" ? piece : piece.toLowerCase(), logprobs.at(-1));
      previous = id;
    },
  };
  const { ids, reason } = await writer.write(job);
  const text = cutAtStop(shown(mode, ids), decoding.stop);
  return {
    text,
    reason: reason === "stop" ? "stop" : "length",
    tokens: ids.length,
    ...(top === undefined ? {} : { logprobs }),
  };
}
