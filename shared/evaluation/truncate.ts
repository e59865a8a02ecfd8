/**
 * The truncation control: could the base model have got the aligned model's figures by merely saying less? Its answers
 * lose last sentences until they are as short as the aligned model's on average (docs/embedded.md).
 */
import { randomFrom, seedFor } from "../random.ts";
import type { Scored, ScoredCandidate } from "../schemas/sample.ts";
import type { Bench } from "./bench.ts";

/** `drop`: sentences taken from each answer on average; 0 where the base is no longer than the aligned model. */
export type Truncation = { samples: Scored[]; drop: number };

/**
 * @param sentences mean sentences per answer of the two models (`Figures.sentences`)
 * @returns the base's samples, each answer without its last ⌊drop⌋ or ⌈drop⌉ sentences, chosen by seed, at least one is
 *   left. Shortened answers have no claim list any more: only text figures can be measured on them.
 */
export function truncateToMean(
  bench: Bench,
  base: readonly Scored[],
  sentences: { base: number; aligned: number },
  seed: number,
): Truncation {
  const drop = Math.max(0, sentences.base - sentences.aligned);
  const shorten = (candidate: ScoredCandidate): ScoredCandidate => {
    const random = randomFrom(seedFor(seed, candidate.candidateId, "truncate"));
    const dropped = Math.floor(drop) + Number(random() < drop % 1);
    return dropped === 0 ? candidate : withoutLast(bench, candidate, dropped);
  };
  return { samples: base.map((sample) => ({ ...sample, candidates: sample.candidates.map(shorten) })), drop };
}

function withoutLast(bench: Bench, candidate: ScoredCandidate, dropped: number): ScoredCandidate {
  const sentences = bench.sentences(candidate.text).map(({ text }) => text);
  if (sentences.length <= 1) return candidate;
  const kept = sentences.slice(0, Math.max(1, sentences.length - dropped));
  const unusable = candidate.unusable ?? "no_claims";
  return { ...candidate, text: kept.join(" "), claims: [], score: null, unusable };
}
