import type { Value } from "../autodiff/graph.ts";
import * as op from "../autodiff/ops.ts";
import { compile, type Feeds, floats, floatsOf, integers } from "../autodiff/session.ts";
import { feedsOf, type Weights } from "../autodiff/weights.ts";
import {
  HEAD_WIDTH,
  HEADS,
  IMAGE_HEADS,
  IMAGE_TOKENS,
  TEXT_BLOCK,
  TEXT_BLOCKS,
  TEXT_LENGTH,
  WIDTH,
} from "./architecture.ts";
import { feedForward, HIDDEN, ModelGraph, readOut } from "./layers.ts";
import { PREFIX_VALUES, type Prefix } from "./prefix-graph.ts";
import { VOCABULARY_SIZE } from "./tokenizer.ts";

const TEXT_HEADS = HEADS - IMAGE_HEADS; // only these look back at text, so only they need a cache of it
const CACHE_VALUES = TEXT_HEADS * TEXT_LENGTH * HEAD_WIDTH;
const SCALE = 1 / Math.sqrt(HEAD_WIDTH);

type BlockCache = { imageKey: Value; imageValue: Value; textKey: Value; textValue: Value };
type Step = { x: Value; mask: Value; slots: number };

/** Attention of one new token: image heads over the picture; text heads over the picture, the cached text and itself. */
function attend(m: ModelGraph, { x, mask, slots }: Step, prefix: string, cache: BlockCache) {
  const { g } = m;
  const normed = m.norm(x, `${prefix}norm1`);
  const heads = (name: string) => op.reshape(g, m.linear(normed, `${prefix}${name}`), [slots, HEADS, 1, HEAD_WIDTH]);
  const ofText = (value: Value) => op.slice(g, value, { axis: 1, from: IMAGE_HEADS, to: HEADS });
  const ofImage = (value: Value) => op.slice(g, value, { axis: 1, from: 0, to: IMAGE_HEADS });
  const [query, key, value] = [heads("query"), ofText(heads("key")), ofText(heads("value"))];
  const scores = (q: Value, k: Value) => op.matmul(g, q, k, { transB: true, alpha: SCALE });
  const overImage = scores(query, cache.imageKey);
  const textQuery = ofText(query);
  const overText = op.concatenate(g, scores(textQuery, cache.textKey), scores(textQuery, key), 3);
  const attention = op.softmax(g, op.concatenate(g, ofText(overImage), op.add(g, overText, mask), 3));
  const part = (from: number, to: number) => op.slice(g, attention, { axis: 3, from, to });
  const end = IMAGE_TOKENS + TEXT_LENGTH;
  const fromImage = op.matmul(g, part(0, IMAGE_TOKENS), ofText(cache.imageValue));
  const fromText = op.matmul(g, part(IMAGE_TOKENS, end), cache.textValue);
  const fromSelf = op.multiply(g, part(end, end + 1), value);
  const textHeads = op.add(g, op.add(g, fromImage, fromText), fromSelf);
  const imageHeads = op.matmul(g, op.softmax(g, ofImage(overImage)), ofImage(cache.imageValue));
  const joined = op.reshape(g, op.concatenate(g, imageHeads, textHeads, 1), [slots, WIDTH]);
  const next = op.add(g, x, m.linear(joined, `${prefix}output`));
  return { x: feedForward(m, next, prefix), key, value };
}

function buildStep(slots: number) {
  const m = new ModelGraph({ trains: false });
  const tokens = m.input("tokens", [slots], "int64");
  const positions = m.input("positions", [slots], "int64");
  const mask = m.input("mask", [slots, 1, 1, TEXT_LENGTH + 1]);
  const embedded = op.gather(m.g, m.weight("text.embedding"), tokens);
  let x = op.add(m.g, embedded, op.gather(m.g, m.weight("text.position"), positions));
  const fresh: { key: Value; value: Value }[] = [];
  for (let i = 0; i < TEXT_BLOCKS; i++) {
    const image = (kind: string) => m.input(`image${kind}${i}`, [slots, HEADS, IMAGE_TOKENS, HEAD_WIDTH]);
    const text = (kind: string) => m.input(`text${kind}${i}`, [slots, TEXT_HEADS, TEXT_LENGTH, HEAD_WIDTH]);
    const cache = {
      imageKey: image("Key"),
      imageValue: image("Value"),
      textKey: text("Key"),
      textValue: text("Value"),
    };
    const { x: next, key, value } = attend(m, { x, mask, slots }, TEXT_BLOCK(i), cache);
    x = next;
    fresh.push({ key, value });
  }
  return { m, logits: readOut(m, x), fresh };
}

/** The caches of one block for all slots, written in place between steps. */
type Caches = { imageKey: Float32Array; imageValue: Float32Array; textKey: Float32Array; textValue: Float32Array }[];

/**
 * Writes one token for each of a fixed number of slots. A slot holds a text of its own, at a position of its own: a new
 * text can start in one while the others go on. A slot's logits depend on nothing outside the slot, bit by bit
 * (checked by a test), because the batch always has the same shape.
 */
export async function stepGraph(weights: Weights, slots: number) {
  const { m, logits, fresh } = buildStep(slots);
  // One thread: the products are small, and waking a second thread for each costs more than it helps (measured 2026-11).
  const program = await compile(m.g, [logits, ...fresh.flatMap(({ key, value }) => [key, value])], 1);
  const caches: Caches = Array.from({ length: TEXT_BLOCKS }, () => ({
    imageKey: new Float32Array(slots * PREFIX_VALUES),
    imageValue: new Float32Array(slots * PREFIX_VALUES),
    textKey: new Float32Array(slots * CACHE_VALUES),
    textValue: new Float32Array(slots * CACHE_VALUES),
  }));
  const mask = new Float32Array(slots * (TEXT_LENGTH + 1)).fill(HIDDEN);
  const inputs = { ...feedsOf(weights, [...m.weights.keys()]), ...cacheFeeds(caches, mask, slots) };

  /** Empties a slot and gives it a picture. */
  function start(slot: number, prefix: Prefix): void {
    caches.forEach((cache, i) => {
      cache.imageKey.set(prefix.keys[i]!, slot * PREFIX_VALUES);
      cache.imageValue.set(prefix.values[i]!, slot * PREFIX_VALUES);
    });
    const first = slot * (TEXT_LENGTH + 1);
    mask.fill(HIDDEN, first, first + TEXT_LENGTH);
    mask[first + TEXT_LENGTH] = 0; // a token always sees itself
  }

  function remember(slot: number, position: number, out: Feeds): void {
    fresh.forEach(({ key, value }, i) => {
      for (const [kept, made] of [
        [caches[i]!.textKey, floatsOf(out[key.name])],
        [caches[i]!.textValue, floatsOf(out[value.name])],
      ] as const) {
        for (let head = 0; head < TEXT_HEADS; head++) {
          const from = (slot * TEXT_HEADS + head) * HEAD_WIDTH;
          const to = ((slot * TEXT_HEADS + head) * TEXT_LENGTH + position) * HEAD_WIDTH;
          for (let i = 0; i < HEAD_WIDTH; i++) kept[to + i] = made[from + i]!;
        }
      }
    });
    mask[slot * (TEXT_LENGTH + 1) + position] = 0;
  }

  /** One token in, the logits of the next out: (slots, vocabulary). `positions` count from 0; -1 marks an idle slot. */
  async function step(tokens: Int32Array, positions: Int32Array): Promise<Float32Array> {
    const out = await program.run({
      ...inputs,
      tokens: integers(tokens, [slots]),
      positions: integers(
        positions.map((position) => IMAGE_TOKENS + Math.max(0, position)),
        [slots],
      ),
    });
    for (let slot = 0; slot < slots; slot++) {
      const position = positions[slot]!;
      if (position >= 0) remember(slot, position, out);
    }
    return floatsOf(out[logits.name]);
  }
  return { start, step, slots, release: program.release };
}

export const logitsOf = (logits: Float32Array, slot: number): Float32Array =>
  logits.subarray(slot * VOCABULARY_SIZE, (slot + 1) * VOCABULARY_SIZE);

function cacheFeeds(caches: Caches, mask: Float32Array, slots: number): Feeds {
  const image = [slots, HEADS, IMAGE_TOKENS, HEAD_WIDTH];
  const text = [slots, TEXT_HEADS, TEXT_LENGTH, HEAD_WIDTH];
  const feeds: Feeds = { mask: floats(mask, [slots, 1, 1, TEXT_LENGTH + 1]) };
  caches.forEach((cache, i) => {
    feeds[`imageKey${i}`] = floats(cache.imageKey, image);
    feeds[`imageValue${i}`] = floats(cache.imageValue, image);
    feeds[`textKey${i}`] = floats(cache.textKey, text);
    feeds[`textValue${i}`] = floats(cache.textValue, text);
  });
  return feeds;
}
