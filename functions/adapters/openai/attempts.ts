/** One request to the server, asked until it is answered or not worth asking again. */
import type { OpenAI } from "openai";
import type { ChatCompletionCreateParamsNonStreaming } from "openai/resources/chat/completions";
import { z } from "zod";
import type { Clock } from "../../../shared/ports/clock.ts";
import type { Random } from "../../../shared/random.ts";
import { type ChatBody, ChatCompletion } from "../../../shared/schemas/chat.ts";
import { GarbledReply, type Verdict } from "./failure.ts";
import type { Pass } from "./gate.ts";
import { bearable, retryDelayMs } from "./retry.ts";

export type Attempted<T> = { outcome: "answered"; value: T } | { outcome: "given_up"; verdict: Verdict };

type Patience = Record<"overload" | "transient" | "unreachable" | "garbled", number>;

export type Retrying = {
  pass: Pass;
  clock: Clock;
  random: Random;
  patience: Patience;
  judge(error: unknown): Verdict;
  /** Ends everything, by an exception. */
  signal: AbortSignal;
  /** Ends the waiting between attempts, by an exception; an attempt in flight is let finish. */
  stopWaiting: AbortSignal;
};

/** Asks until answered, for as long as the patience with each kind of trouble lasts. Throws only the signals' reasons. */
export async function withRetries<T>(call: () => Promise<T>, retrying: Retrying): Promise<Attempted<T>> {
  const { pass, clock, random, patience, judge, signal, stopWaiting } = retrying;
  for (let attempt = 0; ; attempt++) {
    try {
      const value = await call();
      pass.succeeded();
      return { outcome: "answered", value };
    } catch (error) {
      signal.throwIfAborted();
      const verdict = judge(error);
      if (verdict.kind === "overload") slowDown(pass, verdict);
      if (!worthAnother(verdict, attempt, patience))
        return { outcome: "given_up", verdict: told(verdict, attempt + 1) };
      pass.rest();
      await clock.sleep(retryDelayMs(attempt, verdict.pauseMs, random), stopWaiting);
      await pass.resume(stopWaiting);
    }
  }
}

function slowDown(pass: Pass, verdict: Verdict): void {
  pass.overloaded(bearable(verdict) ? verdict.pauseMs : undefined);
}

function worthAnother(verdict: Verdict, attempt: number, patience: Patience): boolean {
  if (verdict.kind === "final" || verdict.kind === "fatal") return false;
  return attempt + 1 < patience[verdict.kind] && bearable(verdict);
}

function told(verdict: Verdict, attempts: number): Verdict {
  if (attempts === 1) return verdict;
  return {
    ...verdict,
    failure: { ...verdict.failure, message: `${verdict.failure.message} (asked ${attempts} times)` },
  };
}

/** OpenRouter and others report errors of the model behind them with status 200. */
const ErrorBody = z.object({ error: z.object({ message: z.string() }) });

/**
 * One HTTP request. Throws the client's errors and GarbledReply.
 * @param options.onRaw sees the reply before the schema drops what it does not name
 */
export async function completeOnce(
  client: OpenAI,
  body: ChatBody,
  { signal, onRaw }: { signal: AbortSignal; onRaw?: (raw: unknown) => void },
): Promise<ChatCompletion> {
  const raw: unknown = await client.chat.completions.create(body as ChatCompletionCreateParamsNonStreaming, { signal });
  onRaw?.(raw);
  const parsed = ChatCompletion.safeParse(raw);
  if (!parsed.success) {
    const error = ErrorBody.safeParse(raw);
    throw new GarbledReply(
      error.success ? error.data.error.message : z.prettifyError(parsed.error).replaceAll("\n", " "),
    );
  }
  if (parsed.data.choices.length === 0) throw new GarbledReply("choices is empty");
  return parsed.data;
}
