import { CAPTION, PAD, QUESTION } from "../model/tokenizer.ts";
import type { Random } from "../random.ts";

export type Decoding = { temperature: number; topP: number };

/** Tokens that structure a row and are never part of an answer. */
const NEVER = new Set([PAD, CAPTION, QUESTION]);

/** ln softmax, nats. */
export function logSoftmax(logits: ArrayLike<number>): Float64Array {
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < logits.length; i++) max = Math.max(max, logits[i]!);
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp(logits[i]! - max);
  const offset = max + Math.log(sum);
  return Float64Array.from({ length: logits.length }, (_, i) => logits[i]! - offset);
}

function greedy(logits: ArrayLike<number>): number {
  let best = -1;
  for (let i = 0; i < logits.length; i++) {
    if (!NEVER.has(i) && (best < 0 || logits[i]! > logits[best]!)) best = i;
  }
  return best;
}

/** The fewest likeliest tokens whose probabilities reach `topP`, likeliest first; ties keep the vocabulary's order. */
function nucleus(weights: Float64Array, topP: number): number[] {
  const order = Array.from(weights.keys()).sort((a, b) => weights[b]! - weights[a]! || a - b);
  const enough = topP * weights.reduce((sum, weight) => sum + weight, 0);
  let mass = 0;
  const end = order.findIndex((id) => {
    mass += weights[id]!;
    return mass >= enough;
  });
  return end < 0 ? order : order.slice(0, end + 1);
}

const all = new Map<number, number[]>();

/** 0 … length − 1, made once for each length. */
function everyId(length: number): readonly number[] {
  const known = all.get(length) ?? Array.from({ length }, (_, id) => id);
  all.set(length, known);
  return known;
}

/** The next token. Temperature 0 takes the likeliest and draws nothing; otherwise one number is drawn. */
export function chooseToken(logits: ArrayLike<number>, { temperature, topP }: Decoding, random: Random): number {
  const best = greedy(logits);
  if (temperature === 0) return best;
  const weights = new Float64Array(logits.length);
  for (let id = 0; id < logits.length; id++) {
    if (!NEVER.has(id)) weights[id] = Math.exp((logits[id]! - logits[best]!) / temperature);
  }
  const allowed = topP < 1 ? nucleus(weights, topP) : everyId(weights.length);
  let total = 0;
  for (const id of allowed) total += weights[id]!;
  let rest = random() * total;
  for (const id of allowed) {
    rest -= weights[id]!;
    if (rest < 0 && weights[id]! > 0) return id;
  }
  return best; // reached only when rounding leaves a rest beyond the last token
}
