/** An answer, as it is made: from the engine alone, or with the check of its claims. */
import type { Engine } from "../../../shared/ports/engine.ts";
import type { ChatBody, Usage } from "../../../shared/schemas/chat.ts";
import type { Submitted } from "../../../shared/schemas/sample.ts";
import { neutraliseControlTokens } from "../../../shared/stages/control-tokens.ts";
import type { Checked } from "../../trust/check.ts";
import type { Purse } from "../../trust/purse.ts";
import type { AskedAnswers } from "../../trust/walk.ts";
import { apiErrorOf } from "./errors.ts";
import { isOneToken } from "./gather.ts";
import { type AnswerPart, partsOf, wholeAnswer } from "./parts.ts";
import type { TrustAsked } from "./request.ts";
import { checkedOrRefused, type Judged, judged } from "./trust.ts";

export type Answering = {
  body: ChatBody;
  /** Behind the purse. */
  engine: Engine;
  /** One-token answers are asked in batches. */
  gathers: boolean;
  purse: Purse;
  signal: AbortSignal;
};

export type TrustWork = TrustAsked & {
  image: Submitted["image"];
  question: string;
  labelers: string[];
  check: (asked: AskedAnswers) => Promise<Checked>;
};

/** Usage comes once, last; where the engine tells none it is what was counted. An aborted signal is thrown. */
export async function* plainAnswer(work: Answering): AsyncGenerator<AnswerPart> {
  const { body, engine, gathers, purse, signal } = work;
  let usage: Usage | undefined;
  const parts = gathers && isOneToken(body) ? oneToken(work) : engine.stream(body, signal);
  for await (const part of parts) {
    if (part.kind === "usage") usage = part.usage;
    else yield part;
  }
  signal.throwIfAborted();
  yield { kind: "usage", usage: usage ?? purse.usage() };
}

async function* oneToken({ body, engine, signal }: Answering) {
  const line = { custom_id: "chat", method: "POST", url: "/v1/chat/completions", body } as const;
  for await (const reply of engine.run([line], signal)) {
    if (reply.outcome === "failed") throw apiErrorOf(reply.failure);
    yield* partsOf(reply.completion);
  }
}

/** As `plainAnswer`, with the trust before the usage. The only answer is shown as it is made; of several, the best. */
export function trustedAnswer(work: Answering, trust: TrustWork): AsyncGenerator<AnswerPart> {
  return trust.bestOf === 1 ? checkedAnswer(work, trust) : bestAnswerOf(work, trust);
}

async function* checkedAnswer(work: Answering, trust: TrustWork): AsyncGenerator<AnswerPart> {
  let [text, finishReason] = ["", "stop"];
  for await (const part of plainAnswer(work)) {
    if (part.kind === "text") text += part.text;
    if (part.kind === "finish") finishReason = part.reason;
    if (part.kind === "usage")
      yield { kind: "trust", trust: (await judge([{ text, finishReason }], work, trust)).view };
    yield part;
  }
}

async function* bestAnswerOf(work: Answering, trust: TrustWork): AsyncGenerator<AnswerPart> {
  const whole = await wholeAnswer(plainAnswer({ ...work, body: { ...work.body, n: trust.bestOf } }));
  const answers = whole.choices.map((choice) => ({
    text: choice.message.content,
    finishReason: choice.finish_reason ?? "stop",
  }));
  const { best, view } = await judge(answers, work, trust);
  yield* partsOf({ choices: [{ ...whole.choices[best.index]!, index: 0 }] });
  yield { kind: "trust", trust: view };
  if (whole.usage) yield { kind: "usage", usage: whole.usage };
}

async function judge(
  answers: AskedAnswers["answers"],
  { signal }: Answering,
  { image, question, check, labelers, ...asked }: TrustWork,
): Promise<Judged> {
  const asData = answers.map(({ text, finishReason }) => ({
    text: neutraliseControlTokens(text.trim()),
    finishReason,
  }));
  const checked = await check({ image, question, answers: asData });
  signal.throwIfAborted();
  return judged(checkedOrRefused(checked), asked, labelers);
}
