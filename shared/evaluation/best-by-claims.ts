/** Best-of-N without training: ask N times, keep the answer whose claims hold up best. */
import type { Scored, ScoredCandidate } from "../schemas/sample.ts";

/** Mean p_yes of a claim list, over claims and labelers: a sum would favour few claims. −1 where nothing was labeled. */
function confidence(candidate: ScoredCandidate): number {
  const labels = candidate.claims.flatMap(({ labels }) => labels.filter((label) => label !== null));
  return labels.length === 0 ? -1 : labels.reduce((total, { pYes }) => total + pYes, 0) / labels.length;
}

/** > 0 if `a` is better: more trustworthy, then fewer rejected claims, then surer ones per claim. */
function compareAnswers(a: ScoredCandidate, b: ScoredCandidate): number {
  if (a.score === null || b.score === null) return Number(a.score !== null) - Number(b.score !== null);
  return a.score - b.score || confidence(a) - confidence(b);
}

/** The best of the first `n` answers; the earlier one where nothing tells them apart; `undefined` without any. */
export function bestAnswer(candidates: readonly ScoredCandidate[], n = candidates.length): ScoredCandidate | undefined {
  const [first, ...others] = candidates.slice(0, n);
  if (first === undefined) return undefined;
  return others.reduce((best, candidate) => (compareAnswers(candidate, best) > 0 ? candidate : best), first);
}

/** Each sample with its best answer of `n` as the only one: ready for `measure`. */
export function bestOfSamples(samples: readonly Scored[], n: number): Scored[] {
  return samples.map((sample) => {
    const best = bestAnswer(sample.candidates, n);
    return { ...sample, candidates: best === undefined ? [] : [best] };
  });
}
