import type { Value } from "../autodiff/graph.ts";
import * as op from "../autodiff/ops.ts";
import { compile, type Feeds, floats, floatsOf, integers } from "../autodiff/session.ts";
import { feedsOf, type Weights } from "../autodiff/weights.ts";
import { IMAGE_TOKENS, shapeOf, TEXT_LENGTH, WIDTH } from "./architecture.ts";
import { decoder, ModelGraph, plainLayout } from "./layers.ts";
import { packRows, type Row } from "./rows.ts";
import { type ImageTokens, stackImages } from "./vision-graph.ts";

/** One answer to a picture, as a caption row. */
export type AnswerRow = { image: ImageTokens; row: Row };

/** Text logprobs of every row, nats, summed over the counted tokens: (batch). */
function rowLogprobs(m: ModelGraph, batch: number) {
  const image = m.input("image", [batch * IMAGE_TOKENS, WIDTH]);
  const tokens = m.input("tokens", [batch * TEXT_LENGTH], "int64");
  const targets = m.input("targets", [batch * TEXT_LENGTH], "int64");
  const weights = m.input("weights", [batch * TEXT_LENGTH]);
  const logits = decoder(m, { image, tokens, batch, length: TEXT_LENGTH }, plainLayout(m, TEXT_LENGTH));
  const counted = op.multiply(m.g, op.targetLogprobs(m.g, logits, targets), weights);
  return op.sum(m.g, op.reshape(m.g, counted, [batch, TEXT_LENGTH]), [1]);
}

function rowFeeds(rows: readonly AnswerRow[], batch: number): Feeds {
  const packed = packRows(
    rows.map(({ row }) => row),
    batch,
  );
  const images = stackImages(
    rows.map(({ image }) => image),
    batch,
  );
  return {
    image: floats(images, [batch * IMAGE_TOKENS, WIDTH]),
    tokens: integers(packed.tokens, [batch * TEXT_LENGTH]),
    targets: integers(packed.targets, [batch * TEXT_LENGTH]),
    weights: floats(packed.weights, [batch * TEXT_LENGTH]),
  };
}

const LOGPROB_BATCH = 32;

/** Summed logprobs of answers, nats, without training: what the reference model thinks of them. */
export async function logprobGraph() {
  const m = new ModelGraph({ trains: false });
  const logprobs = rowLogprobs(m, LOGPROB_BATCH);
  const program = await compile(m.g, [logprobs]);
  const names = [...m.weights.keys()];

  /** Throws the signal's reason between two passes when it is raised. */
  async function measure(weights: Weights, rows: readonly AnswerRow[], signal?: AbortSignal): Promise<number[]> {
    const measured: number[] = [];
    for (let start = 0; start < rows.length; start += LOGPROB_BATCH) {
      signal?.throwIfAborted();
      const part = rows.slice(start, start + LOGPROB_BATCH);
      const out = await program.run({ ...feedsOf(weights, names), ...rowFeeds(part, LOGPROB_BATCH) });
      measured.push(...floatsOf(out[logprobs.name]).subarray(0, part.length));
    }
    return measured;
  }
  return { measure, release: program.release };
}

/** A pair as the training graph sees it; the reference logprobs are frozen numbers. */
export type PreferencePair = {
  chosen: AnswerRow;
  rejected: AnswerRow;
  referenceChosen: number;
  referenceRejected: number;
};

/** `dpoWeight`: of the preference loss, 1 without it; 0 leaves imitation of the chosen answers only. */
export type PreferenceOptions = { beta: number; sftWeight: number; dpoWeight?: number };
export type PreferenceStep = {
  loss: number;
  /** Summed logprobs under the policy before this step, nats, pair by pair. */
  chosen: number[];
  rejected: number[];
  gradients: Record<string, Float32Array>;
};

/**
 * Forward and backward of `dpoWeight * mean(softplus(-beta * margin)) + sftWeight * mean(nll per token of the chosen)`, where margin
 * is the policy's log-ratio of chosen to rejected minus the reference's (Rafailov et al. 2023, eq. 7). Pictures come as
 * image tokens: vision is not trained here.
 */
export async function preferenceGraph(pairs: number) {
  const m = new ModelGraph({ trains: true });
  const logprobs = rowLogprobs(m, 2 * pairs); // chosen rows first, then the rejected ones
  const reference = m.input("reference", [2 * pairs]);
  const beta = m.input("beta", []);
  const pairWeights = m.input("pairWeights", [pairs]);
  const sftWeights = m.input("sftWeights", [pairs]);
  const half = (value: Value, from: number) => op.slice(m.g, value, { axis: 0, from, to: from + pairs });
  const ratios = op.subtract(m.g, logprobs, reference);
  const margins = op.subtract(m.g, half(ratios, pairs), half(ratios, 0)); // rejected minus chosen: the sign softplus wants
  const losses = op.softplus(m.g, op.multiply(m.g, margins, beta));
  const dpo = op.sum(m.g, op.multiply(m.g, losses, pairWeights), [0]);
  const sft = op.sum(m.g, op.multiply(m.g, half(logprobs, 0), sftWeights), [0]);
  const loss = op.subtract(m.g, dpo, sft);

  const trained = [...m.weights.keys()];
  const gradients = m.g.gradients(loss, [...m.weights.values()]);
  const program = await compile(m.g, [loss, logprobs, ...gradients]);
  const buffers: Feeds = {};
  gradients.forEach(({ name }, i) => {
    const shape = shapeOf(trained[i]!);
    buffers[name] = floats(new Float32Array(shape.reduce((product, size) => product * size, 1)), shape);
  });

  /** One pass over at most `pairs` pairs. The gradients' arrays are used again by the next step. */
  async function step(
    weights: Weights,
    batch: readonly PreferencePair[],
    options: PreferenceOptions,
  ): Promise<PreferenceStep> {
    const out = await program.run({ ...feedsOf(weights, trained), ...pairFeeds(batch, pairs, options) }, buffers);
    const all = [...floatsOf(out[logprobs.name])];
    return {
      loss: floatsOf(out[loss.name])[0]!,
      chosen: all.slice(0, batch.length),
      rejected: all.slice(pairs, pairs + batch.length),
      gradients: Object.fromEntries(trained.map((name, i) => [name, floatsOf(buffers[gradients[i]!.name])])),
    };
  }
  return { step, trained, release: program.release };
}

/** Lays a batch out; a batch that is not full is filled with copies of its last pair that weigh nothing. */
function pairFeeds(
  batch: readonly PreferencePair[],
  pairs: number,
  { beta, sftWeight, dpoWeight = 1 }: PreferenceOptions,
): Feeds {
  const full = Array.from({ length: pairs }, (_, i) => batch[Math.min(i, batch.length - 1)]!);
  const counted = (weight: (pair: PreferencePair) => number) =>
    Float32Array.from(full, (pair, i) => (i < batch.length ? weight(pair) / batch.length : 0));
  const reference = [...full.map((pair) => pair.referenceChosen), ...full.map((pair) => pair.referenceRejected)];
  return {
    ...rowFeeds([...full.map(({ chosen }) => chosen), ...full.map(({ rejected }) => rejected)], 2 * pairs),
    reference: floats(Float32Array.from(reference), [2 * pairs]),
    beta: floats(Float32Array.of(beta), []),
    pairWeights: floats(
      counted(() => dpoWeight),
      [pairs],
    ),
    sftWeights: floats(
      counted(({ chosen }) => sftWeight / chosen.row.tokens.length),
      [pairs],
    ),
  };
}
