/** What a judge's reply says about answers A and B: −1 for A, 1 for B, 0 for a tie, null for nothing usable. */
import { z } from "zod";
import { jsonReply, looksStructured } from "../judge-reply.ts";

export type Verdict = -1 | 0 | 1 | null;

const POINTS = { A: -1, B: 1, C: 0 } as const;
const Letter = z.enum(["A", "B", "C"]);
const Comparison = z.strictObject({
  review: z.string(),
  hallucinations_a: z.int().min(0),
  hallucinations_b: z.int().min(0),
  verdict: Letter,
});
const Fewer = z.strictObject({ verdict: Letter });

/** RLAIF-V's reading (eval_RefoMB_p0.py): the first `[[A]]`, `[[B]]` or `[[C]]` wins. */
export function parityVerdict(reply: string): Verdict {
  const letter = Letter.safeParse(/\[\[([ABC])\]\]/.exec(reply)?.[1]);
  return letter.success ? POINTS[letter.data] : null;
}

/** A structured verdict, or the bracket with which the reply ends: brackets quoted before it do not count. */
export function strictVerdict(reply: string, task: "compare" | "hallucination"): Verdict {
  if (looksStructured(reply)) {
    const schema: z.ZodType<{ verdict: z.infer<typeof Letter> }> = task === "compare" ? Comparison : Fewer;
    const found = jsonReply(reply, schema, "verdict");
    return found === undefined ? null : POINTS[found.verdict];
  }
  const last = reply.trimEnd().slice(-100); // the bracket and a little punctuation
  const letter = Letter.safeParse(/\[\[([ABC])\]\][\s.*_"']*$/.exec(last)?.[1]);
  return letter.success ? POINTS[letter.data] : null;
}

/** Hallucinations of A and B as a structured comparison counts them. */
export function countsOf(reply: string): { a: number; b: number } | null {
  const found = jsonReply(reply, Comparison, "verdict");
  return found === undefined ? null : { a: found.hallucinations_a, b: found.hallucinations_b };
}
