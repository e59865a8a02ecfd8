/** Why a sample became the pairs it became, or none: in one sentence, from the same pure rule that made them. */
import { parsePassId } from "../../shared/passes.ts";
import type { RunConfig } from "../../shared/schemas/config.ts";
import type { Pair } from "../../shared/schemas/pair.ts";
import type { SampleRow } from "../../shared/schemas/rows.ts";
import { Scored } from "../../shared/schemas/sample.ts";
import { PAIR_DROPS, type PairDrop, type PairDrops, pairSample } from "../../shared/stages/pair.ts";

export type PairedSample = { row: SampleRow; line: unknown; config: RunConfig; pairs: readonly Pair[] };

export function whyOf({ row, line, config, pairs }: PairedSample): string {
  const { purpose, round } = parsePassId(row.passId);
  if (row.state === "parked") return `No pair: the sample is parked (${row.reason ?? "no reason was recorded"}).`;
  if (purpose !== "train") return "No pair: the answers of this pass are compared and counted, not paired.";
  if (row.state === "paired") return `${count(pairs.length, "pair")}: ${pairs.map(whyPair).join("; ")}.`;
  if (row.state !== "unpaired")
    return `No pair yet: the sample is ${row.state}, and pairs are made once all are scored.`;
  return whyNone(Scored.parse(line), { config, round });
}

/** E.g. `2 rejected claims of 7 against 4 of 8`. */
export function whyPair({ chosen, rejected }: Pick<Pair, "chosen" | "rejected">): string {
  return `${count(-chosen.score, "rejected claim")} of ${chosen.claims.length} against ${-rejected.score} of ${rejected.claims.length}`;
}

function whyNone(scored: Scored, { config, round }: { config: RunConfig; round: number }): string {
  const { pairs, dropped } = pairSample(scored, { config: config.pair, seed: config.seed, round });
  const answers = scored.candidates.length;
  const usable = answers - (dropped.unusable_candidate ?? 0);
  if (answers === 0) return "No pair: there is no answer.";
  if (usable < 2)
    return `No pair: ${usable} of ${count(answers, "answer")} has claims that can be trusted, and a pair needs two.`;
  if (pairs.length > 0) {
    return `No pair: ${count(pairs.length, "pair")} could be made, and the round's balance of lengths took all of them out.`;
  }
  return whyNothingFits(scored, { dropped, usable, gap: config.pair.minScoreGap });
}

type Facts = { dropped: PairDrops; usable: number; gap: number };

function whyNothingFits(scored: Scored, { dropped, usable, gap }: Facts): string {
  const others = (Object.keys(PAIR_DROPS) as PairDrop[]).filter(
    (reason) => reason !== "unusable_candidate" && reason !== "small_gap" && (dropped[reason] ?? 0) > 0,
  );
  if (others.length > 0) {
    const told = others.map((reason) => `${dropped[reason]} × ${PAIR_DROPS[reason]}`);
    return `No pair: no two of the ${usable} usable answers fit together: ${told.join(", ")}.`;
  }
  const scores = new Set(scored.candidates.flatMap(({ score }) => (score === null ? [] : [score])));
  if (scores.size > 1)
    return `No pair: no two answers are ${count(gap, "rejected claim")} apart, the least that is asked.`;
  const [score = 0] = scores;
  return `No pair: all ${usable} usable answers have the same number of rejected claims (${-score}).`;
}

const count = (number: number, thing: string): string => `${number} ${thing}${number === 1 ? "" : "s"}`;
