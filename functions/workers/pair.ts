/** Makes a round's pairs from its scored samples, and ends every sample as paired or unpaired. */
import { readPointed, readRecord } from "../../shared/jsonl.ts";
import { pairingKey, pairsKey } from "../../shared/keys.ts";
import type { BlobStore } from "../../shared/ports/blob-store.ts";
import { type PairResult, PassInput } from "../../shared/schemas/loop.ts";
import { Pairing } from "../../shared/schemas/rounds.ts";
import type { PassId, Pointer, SampleMove } from "../../shared/schemas/rows.ts";
import { Scored } from "../../shared/schemas/sample.ts";
import { lengthsOf } from "../../shared/stages/length-balance.ts";
import { addPairDrops, type PairContext, type PairDrops, pairSample } from "../../shared/stages/pair.ts";
import type { WorkerDeps } from "./deps.ts";
import { readConfig, readJson, writeJson } from "./files.ts";
import { paidScoredKeys } from "./money.ts";
import { balanceRound, type Decided, type SampleLengths } from "./pair-round.ts";

type PairDeps = Pick<WorkerDeps, "store" | "blobs" | "emit">;

/** Files that are read side by side, a line of each at a time. Our choice: one is parsed while others arrive. */
const SHARDS_AT_ONCE = 4;
/** Samples whose content is in memory together while pairs are written. Our choice: 64 of 50 kB. */
const READ_AT_ONCE = 64;
/** Rows of one call to the store. Our choice: large against a transaction, small against memory. */
const MOVES_AT_ONCE = 10_000;

/**
 * Reads a round twice, so that it never is in memory: first every sample, of which only the lengths of its pairs are kept
 * (docs/scale.md says how much that is), then those with a pair that stays, by their place in the files.
 */
export async function pair(event: unknown, deps: PairDeps): Promise<PairResult> {
  const { runId, round, passId } = PassInput.parse(event);
  const made = await readJson(deps.blobs, pairingKey(runId, round), Pairing);
  if (made !== undefined) return { pairs: made.pairs };
  const config = await readConfig(deps.blobs, runId);
  const context = { config: config.pair, seed: config.seed, round };
  const listed = await listSamples(await paidScoredKeys(deps, runId, passId), context, deps.blobs);
  const { decided, pairing } = balanceRound(listed, context);
  await deps.blobs.write(pairsKey(runId, round), pairLines(decided, context, deps.blobs));
  await endSamples({ runId, passId }, decided, deps);
  await writeJson(deps.blobs, pairingKey(runId, round), pairing); // last: its presence says that the rest is done
  deps.emit({ kind: "paired", round, pairs: pairing.pairs, samples: pairing.paired });
  return { pairs: pairing.pairs };
}

type Listed = SampleLengths & { pointer: Pointer };

async function listSamples(
  keys: readonly string[],
  context: PairContext,
  blobs: Pick<BlobStore, "stream">,
): Promise<{ samples: Listed[]; dropped: PairDrops }> {
  const samples: Listed[] = [];
  let dropped: PairDrops = {};
  const listFile = async (key: string) => {
    for await (const { record, pointer } of readPointed(blobs, key)) {
      const sample = Scored.parse(record);
      const made = pairSample(sample, context);
      samples.push({ sampleId: sample.sampleId, lengths: made.pairs.map(lengthsOf), pointer });
      dropped = addPairDrops(dropped, made.dropped);
    }
  };
  for (let start = 0; start < keys.length; start += SHARDS_AT_ONCE)
    await Promise.all(keys.slice(start, start + SHARDS_AT_ONCE).map(listFile));
  return { samples, dropped };
}

/** The pairs that stay, a JSON line each, made again from the samples' content. */
async function* pairLines(
  decided: readonly Decided<Listed>[],
  context: PairContext,
  blobs: Pick<BlobStore, "read">,
): AsyncGenerator<string> {
  const paired = decided.filter(({ stays }) => stays.includes(true));
  for (let start = 0; start < paired.length; start += READ_AT_ONCE) {
    const group = paired.slice(start, start + READ_AT_ONCE);
    const records = await Promise.all(group.map(({ pointer }) => readRecord(blobs, pointer)));
    yield records.map((record, at) => linesOf(Scored.parse(record), group[at]!.stays, context)).join("");
  }
}

function linesOf(sample: Scored, stays: readonly boolean[], context: PairContext): string {
  const { pairs } = pairSample(sample, context);
  return pairs.flatMap((one, at) => (stays[at] ? [`${JSON.stringify(one)}\n`] : [])).join("");
}

async function endSamples(
  pass: { runId: string; passId: PassId },
  decided: readonly Decided<Listed>[],
  { store }: Pick<PairDeps, "store">,
): Promise<void> {
  for (let start = 0; start < decided.length; start += MOVES_AT_ONCE) {
    const moves = decided.slice(start, start + MOVES_AT_ONCE).map(({ sampleId, stays }): SampleMove => {
      const to = stays.includes(true) ? "paired" : "unpaired";
      return { sampleId, from: "scored", attempt: 0, to };
    });
    await store.samples.move(pass.runId, pass.passId, moves);
  }
}
