import * as op from "../autodiff/ops.ts";
import { compile, type Feeds, floats, floatsOf, integers } from "../autodiff/session.ts";
import { feedsOf, type Weights } from "../autodiff/weights.ts";
import { HEADS, IMAGE_TOKENS, PATCH_VALUES, PATCHES, shapeOf, WIDTH } from "./architecture.ts";
import { attentionMask, decoder, type Layout, ModelGraph, vision } from "./layers.ts";
import type { PackedRows } from "./rows.ts";
import { OBJECT_IDS, PAD } from "./tokenizer.ts";

/** Places of a pretraining row: room for three captions, or two and a handful of questions, about one picture. */
export const ROW_LENGTH = 96;

/** `cells`: what is in each cell, as a place in `OBJECTS`, or `NOTHING`. */
export type PretrainingBatch = { patches: Float32Array; text: PackedRows; cells: Int32Array };
export const NOTHING = OBJECT_IDS.length;

export type PretrainingStep = {
  loss: number;
  textLoss: number;
  cellLoss: number;
  gradients: Record<string, Float32Array>;
};

/**
 * Forward and backward of pretraining. The loss is the weighted cross-entropy of the text plus `cellWeight` times that of
 * naming each cell's object by the word embeddings: the image tokens learn to speak the language of the text.
 */
export async function pretrainingGraph(batch: number) {
  const m = new ModelGraph({ trains: true });
  const patches = m.input("patches", [batch * PATCHES, PATCH_VALUES]);
  const tokens = m.input("tokens", [batch * ROW_LENGTH], "int64");
  const targets = m.input("targets", [batch * ROW_LENGTH], "int64");
  const weights = m.input("weights", [batch * ROW_LENGTH]);
  const cells = m.input("cells", [batch * IMAGE_TOKENS], "int64");
  const cellWeight = m.input("cellWeight", []);

  const image = vision(m, patches, batch);
  const logits = decoder(m, { image, tokens, batch, length: ROW_LENGTH }, segmentLayout(m, batch));
  const textLogprob = op.sum(m.g, op.multiply(m.g, op.targetLogprobs(m.g, logits, targets), weights), [0]);
  const names = m.g.ints([...OBJECT_IDS, PAD]); // an empty cell is the padding word
  const nameEmbeddings = op.gather(m.g, m.weight("text.embedding"), names);
  const nameLogits = op.matmul(m.g, image, nameEmbeddings, { transB: true, alpha: 0.12 });
  const cellLogprob = op.sum(m.g, op.targetLogprobs(m.g, nameLogits, cells), [0]);
  const textLoss = op.scale(m.g, textLogprob, -1);
  const cellLoss = op.scale(m.g, cellLogprob, -1 / (batch * IMAGE_TOKENS));
  const loss = op.add(m.g, textLoss, op.multiply(m.g, cellLoss, cellWeight));

  const trained = [...m.weights.keys()];
  const gradients = m.g.gradients(loss, [...m.weights.values()]);
  const program = await compile(m.g, [loss, textLoss, cellLoss, ...gradients]);
  const buffers = gradients.map((_, i) => floats(new Float32Array(size(trained[i]!)), shapeOf(trained[i]!)));
  const into: Feeds = Object.fromEntries(gradients.map(({ name }, i) => [name, buffers[i]!]));

  /** One pass. The gradients' arrays are used again by the next step. */
  async function step(model: Weights, data: PretrainingBatch, weight: number): Promise<PretrainingStep> {
    const feeds: Feeds = {
      ...feedsOf(model, trained),
      patches: floats(data.patches, [batch * PATCHES, PATCH_VALUES]),
      tokens: integers(data.text.tokens, [batch * ROW_LENGTH]),
      targets: integers(data.text.targets, [batch * ROW_LENGTH]),
      weights: floats(data.text.weights, [batch * ROW_LENGTH]),
      positions: integers(
        data.text.positions.map((position) => position + IMAGE_TOKENS),
        [batch * ROW_LENGTH],
      ),
      mask: floats(attentionMask(data.text.segments, batch), [batch, HEADS, TOTAL, TOTAL]),
      cells: integers(data.cells, [batch * IMAGE_TOKENS]),
      cellWeight: floats(Float32Array.of(weight), []),
    };
    const out = await program.run(feeds, into);
    const [total, text, cell] = [loss, textLoss, cellLoss].map(({ name }) => floatsOf(out[name])[0]!) as [
      number,
      number,
      number,
    ];
    const found = Object.fromEntries(trained.map((name, i) => [name, floatsOf(buffers[i])]));
    return { loss: total, textLoss: text, cellLoss: cell, gradients: found };
  }
  return { step, release: program.release };
}

const TOTAL = IMAGE_TOKENS + ROW_LENGTH;

/** Rows of several segments: positions and mask come with the batch. */
function segmentLayout(m: ModelGraph, batch: number): Layout {
  const positions = m.input("positions", [batch * ROW_LENGTH], "int64");
  const mask = m.input("mask", [batch, HEADS, TOTAL, TOTAL]);
  const table = m.weight("text.position");
  const image = op.slice(m.g, table, { axis: 0, from: 0, to: IMAGE_TOKENS });
  const everyImage = op.add(
    m.g,
    op.reshape(m.g, image, [1, IMAGE_TOKENS, WIDTH]),
    m.g.constant(new Float32Array(batch), [batch, 1, 1]),
  );
  const text = op.reshape(m.g, op.gather(m.g, table, positions), [batch, ROW_LENGTH, WIDTH]);
  return { position: op.concatenate(m.g, everyImage, text, 1), mask };
}

const size = (name: string): number => shapeOf(name).reduce((product, length) => product * length, 1);
