/** From a RefoMB item's replies to its points, and the figures over all items that are no sums. */
import { z } from "zod";
import type { EvaluationMode, ItemScore, JudgeCall } from "../../schemas/evaluation.ts";
import { wordCount } from "../../stages/text.ts";
import { countsOf, parityVerdict, strictVerdict, type Verdict } from "./replies.ts";

/** By repetition: 1 where the candidate wins, 0.5 for a tie, 0 where it loses, null without a usable verdict. */
const Points = z.array(z.number().nullable());
const Detail = z.object({
  compare: Points,
  compare_swapped: Points,
  hallucination: Points,
  hallucination_swapped: Points,
});
type Detail = z.infer<typeof Detail>;
type Kind = keyof Detail;

const KINDS: Kind[] = ["compare", "compare_swapped", "hallucination", "hallucination_swapped"];

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const known = (points: readonly (number | null)[]) => points.filter((point) => point !== null);
const averageOf = (points: readonly (number | null)[]) => (known(points).length === 0 ? null : mean(known(points)));

function verdictOf(reply: string, kind: Kind, mode: EvaluationMode): Verdict {
  if (mode === "parity") return parityVerdict(reply);
  return strictVerdict(reply, kind.startsWith("compare") ? "compare" : "hallucination");
}

function pointsOf(calls: readonly JudgeCall[], kind: Kind, mode: EvaluationMode): (number | null)[] {
  const points: (number | null)[] = [];
  for (const call of calls.filter((one) => one.kind === kind)) {
    while (points.length < call.repetition) points.push(null); // not asked: the orders stay side by side
    const verdict = call.reply === null ? null : verdictOf(call.reply, kind, mode);
    const ofB = verdict === null ? null : (verdict + 1) / 2;
    points.push(ofB !== null && kind.endsWith("_swapped") ? 1 - ofB : ofB);
  }
  return points;
}

/** Both orders weigh the same; null where one of them is missing. In parity the one order counts. */
function bothOrders(first: (number | null)[], swapped: (number | null)[], mode: EvaluationMode): number | null {
  const [one, other] = [averageOf(first), averageOf(swapped)];
  if (mode === "parity") return one;
  return one === null || other === null ? null : (one + other) / 2;
}

function hallucinationParts(calls: readonly JudgeCall[]): ItemScore["parts"] {
  const counts = calls.flatMap(({ kind, reply }) => {
    const found = kind.startsWith("compare") && reply !== null ? countsOf(reply) : null;
    if (found === null) return [];
    return kind.endsWith("_swapped") ? [{ own: found.a, other: found.b }] : [{ own: found.b, other: found.a }];
  });
  if (counts.length === 0) return {};
  return {
    hallucinations: { top: mean(counts.map(({ own }) => own)), bottom: 1 },
    reference_hallucinations: { top: mean(counts.map(({ other }) => other)), bottom: 1 },
  };
}

/** One item from its stored calls; without a usable verdict it is missing. */
export function refombScore(
  item: { itemId: string; image: string; type: string },
  text: string | null,
  stored: readonly JudgeCall[],
  mode: EvaluationMode,
): ItemScore {
  const calls = stored.toSorted((a, b) => a.repetition - b.repetition);
  const detail = Object.fromEntries(KINDS.map((kind) => [kind, pointsOf(calls, kind, mode)])) as Detail;
  const win = bothOrders(detail.compare, detail.compare_swapped, mode);
  const trust = bothOrders(detail.hallucination, detail.hallucination_swapped, mode);
  const parts = {
    ...(win === null ? {} : { win: { top: win, bottom: 1 } }),
    ...(trust === null ? {} : { trustworthiness: { top: trust, bottom: 1 } }),
    ...(win === null ? {} : hallucinationParts(calls)),
    ...(text === null ? {} : { words: { top: wordCount(text), bottom: 1 } }),
    rated: { top: win === null ? 0 : 1, bottom: 1 },
  };
  return { itemId: item.itemId, cluster: item.image, groups: [item.type], missing: win === null, parts, detail };
}

/** Repetitions of one item in which both orders have a verdict. */
function pairsOf({ detail }: ItemScore): { asB: number; asA: number }[] {
  const { compare, compare_swapped: swapped } = Detail.parse(detail);
  return compare.flatMap((asB, at) => {
    const asA = swapped[at] ?? null;
    return asB === null || asA === null ? [] : [{ asB, asA }];
  });
}

/**
 * `position_flips`: share of repetitions whose verdict changes with the order, averaged over items.
 * `first_place_advantage`: points of the answer in the first place beyond one half, −0.5 … 0.5; 0 without a bias.
 */
export function strictExtra(scores: readonly ItemScore[]): Record<string, number | null> {
  const items = scores.map(pairsOf).filter((pairs) => pairs.length > 0);
  if (items.length === 0) return { position_flips: null, first_place_advantage: null };
  return {
    position_flips: mean(items.map((pairs) => mean(pairs.map(({ asB, asA }) => Number(asB !== asA))))),
    first_place_advantage: mean(items.map((pairs) => mean(pairs.map(({ asB, asA }) => (asA - asB) / 2)))),
  };
}

/** What the original prints, over all reviews: score = (wins + ties/2)/N, and the same for hallucination. */
export function parityExtra(scores: readonly ItemScore[]): Record<string, number | null> {
  const details = scores.map(({ detail }) => Detail.parse(detail));
  const points = details.flatMap(({ compare }) => known(compare));
  const trust = details.flatMap(({ hallucination }) => known(hallucination));
  const count = (value: number) => points.filter((point) => point === value).length;
  return {
    score: averageOf(points),
    wins: count(1),
    losses: count(0),
    ties: count(0.5),
    hallucination_score: averageOf(trust),
  };
}
