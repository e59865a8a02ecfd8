import { type ElementType, Graph, type Shape, type Value } from "../autodiff/graph.ts";
import * as op from "../autodiff/ops.ts";
import {
  HEAD_WIDTH,
  HEADS,
  IMAGE_HEADS,
  IMAGE_TOKENS,
  PATCHES,
  shapeOf,
  TEXT_BLOCK,
  TEXT_BLOCKS,
  TEXT_LENGTH,
  VISION_BLOCK,
  VISION_BLOCKS,
  WIDTH,
} from "./architecture.ts";

/** A graph that takes the model's weights as inputs, each declared when a layer first asks for it. */
export class ModelGraph {
  readonly g = new Graph();
  readonly weights = new Map<string, Value>();
  readonly #tracked: boolean;

  constructor({ trains }: { trains: boolean }) {
    this.#tracked = trains;
  }

  weight(name: string): Value {
    const known = this.weights.get(name);
    if (known) return known;
    const value = this.g.input(name, shapeOf(name), { tracked: this.#tracked });
    this.weights.set(name, value);
    return value;
  }

  input(name: string, shape: Shape, type: ElementType = "float32"): Value {
    return this.g.input(name, shape, { type });
  }

  linear(x: Value, name: string): Value {
    return op.linear(this.g, x, this.weight(`${name}.weight`), this.weight(`${name}.bias`));
  }

  norm(x: Value, name: string): Value {
    return op.layerNorm(this.g, x, this.weight(`${name}.weight`), this.weight(`${name}.bias`));
  }
}

/** Rows of a batch: x is (batch * length, WIDTH). */
export type Rows = { x: Value; batch: number; length: number };

/** (batch * length, WIDTH) -> (batch, HEADS, length, HEAD_WIDTH) */
export function splitHeads(m: ModelGraph, { x, batch, length }: Rows): Value {
  return op.transpose(m.g, op.reshape(m.g, x, [batch, length, HEADS, HEAD_WIDTH]), [0, 2, 1, 3]);
}

function joinHeads(m: ModelGraph, { x, batch, length }: Rows): Value {
  return op.reshape(m.g, op.transpose(m.g, x, [0, 2, 1, 3]), [batch * length, WIDTH]);
}

/** x + MLP(norm(x)) */
export function feedForward(m: ModelGraph, x: Value, prefix: string): Value {
  const up = op.gelu(m.g, m.linear(m.norm(x, `${prefix}norm2`), `${prefix}up`));
  return op.add(m.g, x, m.linear(up, `${prefix}down`));
}

export type BlockResult = { x: Value; key: Value; value: Value };

/** A pre-norm transformer block; `mask` is added to the attention scores. Keys and values are handed out for a cache. */
export function block(m: ModelGraph, rows: Rows, prefix: string, mask?: Value): BlockResult {
  const { batch, length } = rows;
  const normed = m.norm(rows.x, `${prefix}norm1`);
  const project = (name: string) => splitHeads(m, { x: m.linear(normed, `${prefix}${name}`), batch, length });
  const [query, key, value] = [project("query"), project("key"), project("value")];
  const scores = op.matmul(m.g, query, key, { transB: true, alpha: 1 / Math.sqrt(HEAD_WIDTH) });
  const attention = op.softmax(m.g, mask ? op.add(m.g, scores, mask) : scores);
  const seen = joinHeads(m, { x: op.matmul(m.g, attention, value), batch, length });
  const x = op.add(m.g, rows.x, m.linear(seen, `${prefix}output`));
  return { x: feedForward(m, x, prefix), key, value };
}

/** Patches (batch * 36, 768) to image tokens (batch * 9, WIDTH). */
export function vision(m: ModelGraph, patches: Value, batch: number): Value {
  const embedded = op.reshape(m.g, m.linear(patches, "vision.patch"), [batch, PATCHES, WIDTH]);
  const placed = op.add(m.g, embedded, m.weight("vision.position"));
  let x = op.reshape(m.g, placed, [batch * PATCHES, WIDTH]);
  for (let i = 0; i < VISION_BLOCKS; i++) x = block(m, { x, batch, length: PATCHES }, VISION_BLOCK(i)).x;
  const cells = op.reshape(m.g, x, [batch * IMAGE_TOKENS, 4 * WIDTH]);
  return m.norm(m.linear(cells, "vision.merge"), "vision.norm");
}

export const HIDDEN = -1e9; // added to a score that must not count: exp of it is 0 in 32 bits

/**
 * Image tokens see each other, text sees the image and the earlier text of its own segment; the first heads of text see
 * the image only. Shape (rows, HEADS, length, length), where `segments` holds `length - 9` numbers a row.
 */
export function attentionMask(segments: Int32Array, rows: number): Float32Array {
  const text = segments.length / rows;
  const length = IMAGE_TOKENS + text;
  const mask = new Float32Array(rows * HEADS * length * length);
  for (let row = 0; row < rows; row++) {
    const own = segments.subarray(row * text, (row + 1) * text);
    for (let head = 0; head < HEADS; head++) {
      const start = (row * HEADS + head) * length * length;
      hideText(mask.subarray(start, start + length * length), own, head < IMAGE_HEADS);
    }
  }
  return mask;
}

/** Hides in one head's square of scores the text that a token must not see. */
function hideText(square: Float32Array, segments: Int32Array, imageOnly: boolean): void {
  const length = IMAGE_TOKENS + segments.length;
  for (let from = 0; from < length; from++) {
    for (let to = IMAGE_TOKENS; to < length; to++) {
      const earlier = to <= from && segments[to - IMAGE_TOKENS] === segments[from - IMAGE_TOKENS];
      if (imageOnly || !earlier) square[from * length + to] = HIDDEN;
    }
  }
}

/** The logits of every vocabulary token after each text position. */
export function readOut(m: ModelGraph, x: Value): Value {
  return m.linear(m.norm(x, "text.norm"), "text.head");
}

export type TextInputs = { image: Value; tokens: Value; batch: number; length: number };
/** What tells tokens apart by place: an embedding added to them (…, 9 + length, WIDTH), and who sees whom. */
export type Layout = { position: Value; mask: Value };

/** The layout of one segment a row, starting at the first position. */
export function plainLayout(m: ModelGraph, length: number): Layout {
  const total = IMAGE_TOKENS + length;
  const all = m.weight("text.position");
  const mask = m.g.constant(attentionMask(new Int32Array(length), 1), [1, HEADS, total, total]);
  return { position: length === TEXT_LENGTH ? all : op.slice(m.g, all, { axis: 0, from: 0, to: total }), mask };
}

/** Image tokens (batch * 9, WIDTH) and text tokens (batch * length) to logits (batch * length, vocabulary). */
export function decoder(
  m: ModelGraph,
  { image, tokens, batch, length }: TextInputs,
  { position, mask }: Layout,
): Value {
  const total = IMAGE_TOKENS + length;
  const text = op.reshape(m.g, op.gather(m.g, m.weight("text.embedding"), tokens), [batch, length, WIDTH]);
  const joined = op.concatenate(m.g, op.reshape(m.g, image, [batch, IMAGE_TOKENS, WIDTH]), text, 1);
  let x = op.reshape(m.g, op.add(m.g, joined, position), [batch * total, WIDTH]);
  for (let i = 0; i < TEXT_BLOCKS; i++) x = block(m, { x, batch, length: total }, TEXT_BLOCK(i), mask).x;
  const rows = op.reshape(m.g, x, [batch, total, WIDTH]);
  const written = op.slice(m.g, rows, { axis: 1, from: IMAGE_TOKENS, to: total });
  return readOut(m, op.reshape(m.g, written, [batch * length, WIDTH]));
}
