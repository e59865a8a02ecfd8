/** Which pairs of a round stay, decided without their content. Pure. */
import type { RunConfig } from "../../shared/schemas/config.ts";
import type { Pair } from "../../shared/schemas/pair.ts";
import type { Pairing } from "../../shared/schemas/rounds.ts";
import type { Scored } from "../../shared/schemas/sample.ts";
import type { PairLengths } from "../../shared/stages/length-balance.ts";
import {
  addPairDrops,
  balanceLengths,
  balancePairs,
  type PairContext,
  type PairDrops,
  pairSample,
} from "../../shared/stages/pair.ts";
import { wordCount } from "../../shared/stages/text.ts";

/** What the decision needs of a sample: the lengths of its pairs in their order. */
export type SampleLengths = { sampleId: string; lengths: PairLengths[] };

/** `stays`: for each of the sample's pairs, whether it is of the round. */
export type Decided<S> = S & { stays: boolean[] };

/**
 * The samples by their ids, whatever order they came in, each with its pairs that stay; and the round's figures.
 * @param dropped what did not become a pair, of all samples
 */
export function balanceRound<S extends SampleLengths>(
  { samples, dropped }: { samples: readonly S[]; dropped: PairDrops },
  context: PairContext,
): { decided: Decided<S>[]; pairing: Pairing } {
  const ordered = [...samples].sort((a, b) => (a.sampleId < b.sampleId ? -1 : 1));
  const lengths = ordered.flatMap((sample) => sample.lengths);
  const { keeps, ratio, table, ...balance } = balanceLengths(lengths, context);
  let first = 0;
  const decided = ordered.map((sample) => {
    const stays = keeps.slice(first, first + sample.lengths.length);
    first += sample.lengths.length;
    return { ...sample, stays };
  });
  const kept = lengths.filter((_, at) => keeps[at]);
  const words = (side: "chosen" | "rejected") =>
    kept.length === 0 ? null : kept.reduce((sum, one) => sum + one[side], 0) / kept.length;
  const pairing = {
    samples: samples.length,
    paired: decided.reduce((sum, { stays }) => sum + (stays.includes(true) ? 1 : 0), 0),
    pairs: kept.length,
    dropped: addPairDrops(dropped, balance.dropped),
    meanChosenWords: words("chosen"),
    meanRejectedWords: words("rejected"),
    balance: table === null ? null : { ratio, table },
  };
  return { decided, pairing };
}

/** The same for samples that fit into memory, with the pairs themselves: the same pairs in the same order. */
export function pairRound(
  scored: readonly Scored[],
  config: RunConfig,
  round: number,
): { pairs: Pair[]; pairing: Pairing } {
  const context = { config: config.pair, seed: config.seed, round };
  const ordered = [...scored].sort((a, b) => (a.sampleId < b.sampleId ? -1 : 1));
  const made = ordered.map((sample) => pairSample(sample, context));
  const balanced = balancePairs(
    made.flatMap(({ pairs }) => pairs),
    context,
  );
  const { pairs } = balanced;
  const words = (side: "chosen" | "rejected") =>
    pairs.length === 0 ? null : pairs.reduce((sum, one) => sum + wordCount(one[side].text), 0) / pairs.length;
  const pairing = {
    samples: scored.length,
    paired: new Set(pairs.map(({ sampleId }) => sampleId)).size,
    pairs: pairs.length,
    dropped: addPairDrops(...made.map(({ dropped }) => dropped), balanced.dropped),
    meanChosenWords: words("chosen"),
    meanRejectedWords: words("rejected"),
    balance: balanced.table === null ? null : { ratio: balanced.ratio, table: balanced.table },
  };
  return { pairs, pairing };
}
