/** Better answers against worse ones to the same question (rlaifv-spec §1.7; golden `pair_building`). */
import { contentHash } from "../ids.ts";
import { drawn, randomFrom, seedFor, shuffled } from "../random.ts";
import type { RunConfig } from "../schemas/config.ts";
import type { Pair, PairSide } from "../schemas/pair.ts";
import type { Scored, ScoredCandidate, ScoredClaim } from "../schemas/sample.ts";
import { lengthsOf, type PairLengths, type RatioRow, searchRatio } from "./length-balance.ts";
import { oneLine } from "./text.ts";

type PairConfig = RunConfig["pair"];

/** Why something did not become a pair: candidates for the first, possible pairs for the others. */
export const PAIR_DROPS = {
  unusable_candidate: "candidates without a trustworthy score",
  small_gap: "combinations whose scores are too close",
  identical_text: "combinations of equal answers",
  chosen_malformed: "combinations whose better answer was cut or repeats itself (strict)",
  chosen_not_clean: "combinations whose better answer has a rejected claim itself (cleanChosen)",
  unequal_claims: "combinations with too different numbers of claims (claimSurplus)",
  candidate_taken: "combinations with an answer that already stands in a pair (disjoint)",
  over_sample_cap: "combinations beyond perSample",
  chosen_too_short: "pairs taken out by the length balance",
  word_debt: "pairs that would let the running word difference stray too far (runningWordDebt, meanWordSurplus)",
} as const;

export type PairDrop = keyof typeof PAIR_DROPS;
export type PairDrops = Partial<Record<PairDrop, number>>;

/** Pairs with the number of what was dropped by reason. No pairs at all is a result. */
export type PairedSample = { pairs: Pair[]; dropped: PairDrops };

type Combination = { chosen: ScoredCandidate; rejected: ScoredCandidate };

/** `seed` is the run's. */
export type PairContext = { config: PairConfig; seed: number; round: number };

/** The pairs of one sample; the draw depends on the seed, the round and the sample only. */
export function pairSample(scored: Scored, context: PairContext): PairedSample {
  const { config } = context;
  const usable = scored.candidates.filter((candidate) => isUsable(candidate, config));
  const dropped: PairDrops = {};
  const count = (reason: PairDrop, more = 1) => {
    if (more > 0) dropped[reason] = (dropped[reason] ?? 0) + more;
  };
  count("unusable_candidate", scored.candidates.length - usable.length);
  const lineOf = new Map(usable.map((candidate) => [candidate, oneLine(candidate.text)])); // once each, not once a combination
  const valid: Combination[] = [];
  for (const [at, first] of usable.entries()) {
    for (const second of usable.slice(at + 1)) {
      const combination =
        first.score! > second.score! ? { chosen: first, rejected: second } : { chosen: second, rejected: first };
      const reason = dropReason(combination, config, lineOf);
      if (reason === undefined) valid.push(combination);
      else count(reason);
    }
  }
  const random = randomFrom(seedFor(context.seed, context.round, scored.sampleId, "pair"));
  const kept =
    config.mode === "strict" && config.disjoint
      ? disjoint(valid, config, random, count)
      : capped(valid, config, random, count);
  return { pairs: kept.map((combination) => pairOf(scored, combination, context.round)), dropped };
}

function isUsable(candidate: ScoredCandidate, config: PairConfig): boolean {
  if (candidate.score === null || candidate.unusable !== undefined) return false;
  if (config.mode === "strict") return true;
  // RLAIF-V: as many distinct questions as claims, so an answer that asks the same twice falls out.
  return new Set(candidate.claims.map((claim) => claim.question)).size === candidate.claims.length;
}

function dropReason(
  { chosen, rejected }: Combination,
  config: PairConfig,
  lineOf: ReadonlyMap<ScoredCandidate, string>,
): PairDrop | undefined {
  if (chosen.score! - rejected.score! < config.minScoreGap) return "small_gap";
  if (config.mode === "parity") return undefined;
  if (lineOf.get(chosen) === lineOf.get(rejected)) return "identical_text";
  if (isMalformed(chosen)) return "chosen_malformed";
  if (config.cleanChosen && chosen.score! < 0) return "chosen_not_clean";
  const surplus = chosen.claims.length - rejected.claims.length;
  if (config.claimSurplus !== null && (surplus < 0 || surplus > config.claimSurplus)) return "unequal_claims";
  return undefined;
}

/** Cut at max_tokens, or saying the same twice: such an answer may lose but never win. */
function isMalformed(candidate: ScoredCandidate): boolean {
  return candidate.finishReason === "length" || candidate.claims.some((claim) => claim.repeated);
}

type Count = (reason: PairDrop, more?: number) => void;

function capped(valid: readonly Combination[], config: PairConfig, random: () => number, count: Count): Combination[] {
  const kept = config.perSample === null ? [...valid] : drawn(valid, config.perSample, random);
  count("over_sample_cap", valid.length - kept.length);
  return kept;
}

/** A random walk over the combinations in which every answer is used at most once. */
function disjoint(
  valid: readonly Combination[],
  config: PairConfig,
  random: () => number,
  count: Count,
): Combination[] {
  const taken = new Set<string>();
  const kept: Combination[] = [];
  for (const combination of shuffled(valid, random)) {
    const ids = [combination.chosen.candidateId, combination.rejected.candidateId];
    if (ids.some((id) => taken.has(id))) count("candidate_taken");
    else if (config.perSample !== null && kept.length >= config.perSample) count("over_sample_cap");
    else {
      kept.push(combination);
      for (const id of ids) taken.add(id);
    }
  }
  return kept;
}

function pairOf(scored: Scored, { chosen, rejected }: Combination, round: number): Pair {
  return {
    pairId: `par_${contentHash({ chosen: chosen.candidateId, rejected: rejected.candidateId })}`,
    sampleId: scored.sampleId,
    round,
    image: { sha256: scored.image.sha256, path: scored.image.path },
    question: scored.question,
    ...(scored.reference === undefined ? {} : { reference: scored.reference }),
    chosen: sideOf(chosen),
    rejected: sideOf(rejected),
    metadata: scored.metadata,
  };
}

function sideOf(candidate: ScoredCandidate): PairSide {
  const claims = candidate.claims.map((claim) => ({
    text: claim.text,
    question: claim.question,
    pYes: meanOf(claim, "pYes"),
    pNo: meanOf(claim, "pNo"),
    verdict: claim.verdict,
  }));
  return { candidateId: candidate.candidateId, text: candidate.text, score: candidate.score!, claims };
}

/** Over the labelers that replied. */
function meanOf(claim: ScoredClaim, field: "pYes" | "pNo"): number | null {
  const values = claim.labels.flatMap((label) => (label === null ? [] : [label[field]]));
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** `table` and `ratio` are null when the config switches the length balance off. */
type Balanced = { dropped: PairDrops; ratio: number | null; table: RatioRow[] | null };
/** `keeps`: for each pair in order, whether it stays. */
export type Balance = Balanced & { keeps: boolean[] };
export type BalancedPairs = Balanced & { pairs: Pair[] };

/** The last step, over all pairs of a round: the length balance, then the running word debt. The order of pairs stays. */
export function balancePairs(pairs: readonly Pair[], context: PairContext): BalancedPairs {
  const { keeps, ...balanced } = balanceLengths(pairs.map(lengthsOf), context);
  return { ...balanced, pairs: pairs.filter((_, at) => keeps[at]) };
}

/** The same, told by the pairs' lengths alone: a round's content need not be there when it is decided. */
export function balanceLengths(lengths: readonly PairLengths[], context: PairContext): Balance {
  const { config } = context;
  const strict = config.mode === "strict";
  const { fits, ...balanced } = config.balance
    ? lengthBalanced(lengths, strict ? config.minRetained : 0)
    : { fits: () => true, dropped: {}, ratio: null, table: null };
  const fitting = lengths.filter(fits);
  const walk = strict ? wordWalk(config) : undefined;
  const kept =
    walk === undefined ? fitting : walkWords(fitting, walk, seedFor(context.seed, context.round, "word-debt"));
  const debt = fitting.length - kept.length;
  const stays = new Set(kept);
  return {
    ...balanced,
    keeps: lengths.map((pair) => stays.has(pair)),
    dropped: { ...balanced.dropped, ...(debt > 0 ? { word_debt: debt } : {}) },
  };
}

function lengthBalanced(
  lengths: readonly PairLengths[],
  minRetained: number,
): Balanced & { fits: (pair: PairLengths) => boolean } {
  const { ratio, table, keeps } = searchRatio(lengths, minRetained);
  const count = (is: (pair: PairLengths) => boolean) => lengths.reduce((sum, pair) => sum + (is(pair) ? 1 : 0), 0);
  const same = count((pair) => pair.same);
  const short = lengths.length - count(keeps) - same;
  const dropped = { ...(same > 0 ? { identical_text: same } : {}), ...(short > 0 ? { chosen_too_short: short } : {}) };
  return { fits: keeps, dropped, ratio, table };
}

/** Whether a pair with this difference in words may be taken, given the sum and number of those taken before. */
type WordWalk = (difference: number, running: number, taken: number) => boolean;

/** How far the running sum may stray from the wanted mean surplus, in words. Our choice: about one sentence. */
const SURPLUS_TOLERANCE = 4;

function wordWalk({ meanWordSurplus, runningWordDebt }: PairConfig): WordWalk | undefined {
  if (meanWordSurplus !== null) return towardsSurplus(meanWordSurplus);
  return runningWordDebt === null ? undefined : withinDebt(runningWordDebt);
}

/** The running sum stays at or above −`debt`: near 0, chosen answers are in total as long as the rejected ones. */
export function withinDebt(debt: number): WordWalk {
  return (difference, running) => running + difference >= -debt;
}

/** The running mean stays near `surplus`; what brings it nearer is always welcome. */
export function towardsSurplus(surplus: number): WordWalk {
  return (difference, running, taken) => {
    const after = Math.abs(running + difference - surplus * (taken + 1));
    return after <= SURPLUS_TOLERANCE || after < Math.abs(running - surplus * taken);
  };
}

/** Walks the pairs in a seeded order and takes those that the rule allows; the order of the pairs stays. */
export function walkWords<P extends Pick<PairLengths, "chosen" | "rejected">>(
  pairs: readonly P[],
  allows: WordWalk,
  seed: number,
): P[] {
  let running = 0;
  const accepted = new Set<P>();
  for (const pair of shuffled(pairs, randomFrom(seed))) {
    const difference = pair.chosen - pair.rejected;
    if (!allows(difference, running, accepted.size)) continue;
    running += difference;
    accepted.add(pair);
  }
  return pairs.filter((pair) => accepted.has(pair));
}

/** Sums counters name by name, in the order of `PAIR_DROPS`: whatever order the samples come in, the result is the same text. */
export function addPairDrops(...parts: readonly PairDrops[]): PairDrops {
  const total: PairDrops = {};
  for (const reason of Object.keys(PAIR_DROPS) as PairDrop[]) {
    const count = parts.reduce((sum, part) => sum + (part[reason] ?? 0), 0);
    if (count > 0) total[reason] = count;
  }
  return total;
}
