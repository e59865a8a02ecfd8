/** Checks answers claim by claim, as far as the purse reaches. */
import type { Usage } from "../../shared/schemas/chat.ts";
import type { Scored } from "../../shared/schemas/sample.ts";
import type { Purse } from "./purse.ts";
import {
  type AskedAnswers,
  answeredSample,
  scoreAnswers,
  type WalkDeps,
  WalkFailure,
  type WalkOptions,
} from "./walk.ts";

export type Checked =
  /** `usage`: of this check alone, without what the cache answered. */
  | { outcome: "checked"; scored: Scored; usage: Usage }
  /** It needs more than was reserved for it. */
  | { outcome: "no_room" }
  /** The judges could not be had; the same check may succeed later. */
  | { outcome: "failed"; reason: string };

export async function checkAnswers(
  asked: AskedAnswers,
  options: WalkOptions,
  { purse, ...deps }: WalkDeps & { purse: Purse },
): Promise<Checked> {
  const before = purse.usage();
  try {
    const scored = await scoreAnswers(answeredSample(asked), options, { ...deps, bind: guarded(deps.bind, purse) });
    return purse.exhausted() ? { outcome: "no_room" } : { outcome: "checked", scored, usage: since(before, purse) };
  } catch (error) {
    if (purse.exhausted()) return { outcome: "no_room" };
    if (error instanceof WalkFailure) return { outcome: "failed", reason: error.message };
    throw error;
  }
}

function guarded(bind: WalkDeps["bind"], purse: Purse): WalkDeps["bind"] {
  return async (ref, checkpoint) => {
    const bound = await bind(ref, checkpoint);
    return { ...bound, engine: purse.guard(ref, bound.engine) };
  };
}

function since(before: Usage, purse: Purse): Usage {
  const now = purse.usage();
  return {
    prompt_tokens: now.prompt_tokens - before.prompt_tokens,
    completion_tokens: now.completion_tokens - before.completion_tokens,
    total_tokens: now.total_tokens - before.total_tokens,
  };
}
