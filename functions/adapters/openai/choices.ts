/** `n` > 1 on servers that give fewer choices: the rest is asked one by one, choice i with seed + i. */
import type { ChatBody, ChatChoice, ChatCompletion, Usage } from "../../../shared/schemas/chat.ts";
import type { Attempted } from "./attempts.ts";
import type { Verdict } from "./failure.ts";

type Ask = (body: ChatBody) => Promise<Attempted<ChatCompletion>>;

/**
 * All `n` choices of a body, however the server counts.
 * @param refusers models known to refuse `n`; a new one is added
 */
export async function allChoices(body: ChatBody, ask: Ask, refusers: Set<string>): Promise<Attempted<ChatCompletion>> {
  const wanted = body.n ?? 1;
  const first = await firstAnswer(body, ask, refusers);
  if (first.outcome === "given_up") return first;
  const completions = [first.value];
  for (let index = first.value.choices.length; index < wanted; index++) {
    const next = await ask(singleChoice(body, index));
    if (next.outcome === "given_up") return next;
    completions.push({ ...next.value, choices: next.value.choices.slice(0, 1) });
  }
  return { outcome: "answered", value: joined(completions, wanted) };
}

/** The body that asks for choice `index` alone. Without a seed the server draws one itself. */
export function singleChoice(body: ChatBody, index: number): ChatBody {
  const { n: _, ...single } = body;
  return single.seed === undefined ? single : { ...single, seed: single.seed + index };
}

/** True when a server's 400 or 422 is about `n`. */
function refusesN({ kind, param, failure }: Verdict): boolean {
  return (
    kind === "final" &&
    failure.code === "bad_request" &&
    (param === "n" || /(^|[^\w-])n([^\w-]|$)|multiple (choices|completions)/i.test(failure.message))
  );
}

async function firstAnswer(body: ChatBody, ask: Ask, refusers: Set<string>): Promise<Attempted<ChatCompletion>> {
  if ((body.n ?? 1) === 1) return ask(body);
  if (refusers.has(body.model)) return ask(singleChoice(body, 0));
  const answer = await ask(body);
  if (answer.outcome === "answered" || !refusesN(answer.verdict)) return answer;
  refusers.add(body.model);
  return ask(singleChoice(body, 0));
}

function joined(completions: readonly ChatCompletion[], wanted: number): ChatCompletion {
  const choices = completions
    .flatMap((completion) => completion.choices.toSorted((a, b) => a.index - b.index))
    .slice(0, wanted)
    .map((choice, index): ChatChoice => ({ ...choice, index }));
  return { ...(completions[0] as ChatCompletion), choices, usage: totalUsage(completions.map(({ usage }) => usage)) };
}

/** `undefined` when any of the replies told no usage: a partial sum would be a wrong bill. */
export function totalUsage(usages: readonly (Usage | null | undefined)[]): Usage | undefined {
  if (usages.length <= 1) return usages[0] ?? undefined;
  const total = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };
  let cached: number | undefined;
  for (const usage of usages) {
    if (usage === null || usage === undefined) return undefined;
    total.prompt_tokens += usage.prompt_tokens;
    total.completion_tokens += usage.completion_tokens;
    total.total_tokens += usage.total_tokens;
    const told = usage.prompt_tokens_details?.cached_tokens ?? undefined;
    if (told !== undefined) cached = (cached ?? 0) + told;
  }
  return cached === undefined ? total : { ...total, prompt_tokens_details: { cached_tokens: cached } };
}
