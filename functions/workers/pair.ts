/** Makes a round's pairs from its scored samples, and ends every sample as paired or unpaired. */
import { pairingKey, pairsKey } from "../../shared/keys.ts";
import type { RunConfig } from "../../shared/schemas/config.ts";
import { type PairResult, PassInput } from "../../shared/schemas/loop.ts";
import type { Pair } from "../../shared/schemas/pair.ts";
import { Pairing } from "../../shared/schemas/rounds.ts";
import type { PassId, SampleMove } from "../../shared/schemas/rows.ts";
import type { Scored } from "../../shared/schemas/sample.ts";
import { addPairDrops, balancePairs, pairSample } from "../../shared/stages/pair.ts";
import { wordCount } from "../../shared/stages/text.ts";
import type { WorkerDeps } from "./deps.ts";
import { readConfig, readJson, writeJson } from "./files.ts";
import { paidScored } from "./money.ts";

type PairDeps = Pick<WorkerDeps, "store" | "blobs" | "emit">;

export async function pair(event: unknown, deps: PairDeps): Promise<PairResult> {
  const { runId, round, passId } = PassInput.parse(event);
  const made = await readJson(deps.blobs, pairingKey(runId, round), Pairing);
  if (made !== undefined) return { pairs: made.pairs };
  const config = await readConfig(deps.blobs, runId);
  const scored = await paidScored(deps, runId, passId);
  const { pairs, pairing } = pairRound(scored, config, round);
  await deps.blobs.write(pairsKey(runId, round), pairs.map((one) => `${JSON.stringify(one)}\n`).join(""));
  await endSamples({ runId, passId }, scored, pairs, deps);
  await writeJson(deps.blobs, pairingKey(runId, round), pairing); // last: its presence says that the rest is done
  deps.emit({ kind: "paired", round, pairs: pairs.length, samples: pairing.paired });
  return { pairs: pairs.length };
}

/** Pure: the same scored samples give the same pairs in the same order, whatever order the shards came in. */
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

async function endSamples(
  pass: { runId: string; passId: PassId },
  scored: readonly Scored[],
  pairs: readonly Pair[],
  { store }: Pick<PairDeps, "store">,
): Promise<void> {
  const paired = new Set(pairs.map(({ sampleId }) => sampleId));
  const moves = scored.map(
    ({ sampleId }): SampleMove => ({
      sampleId,
      from: "scored",
      attempt: 0,
      to: paired.has(sampleId) ? "paired" : "unpaired",
    }),
  );
  await store.samples.move(pass.runId, pass.passId, moves);
}
