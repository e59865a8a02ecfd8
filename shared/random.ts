/**
 * Seeded randomness. Every random choice of a run draws from a seed made of (run seed, round, sample, purpose),
 * never from a shared stream: the order in which work is done cannot change its result.
 */
import { canonicalJson, sha256Hex } from "./ids.ts";

/** Uniform numbers in [0, 1), 32 bits each. */
export type Random = () => number;

/** A 32-bit seed from any facts, e.g. `seedFor(config.seed, round, sampleId, "pair")`. */
export function seedFor(...facts: readonly (string | number)[]): number {
  return Number.parseInt(sha256Hex(canonicalJson(facts)).slice(0, 8), 16);
}

/** Mulberry32 (public domain, T. Ettinger): 32 bits of state: enough to choose pairs, not for cryptography. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return function next() {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** A new array in random order (Fisher–Yates); the input is left alone. */
export function shuffled<T>(items: readonly T[], random: Random): T[] {
  const result = [...items];
  for (let last = result.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [result[last], result[other]] = [result[other] as T, result[last] as T];
  }
  return result;
}

/** Up to `count` items without replacement, kept in their original order. */
export function drawn<T>(items: readonly T[], count: number, random: Random): T[] {
  if (items.length <= count) return [...items];
  const kept = new Set(
    shuffled(
      items.map((_, index) => index),
      random,
    ).slice(0, count),
  );
  return items.filter((_, index) => kept.has(index));
}
