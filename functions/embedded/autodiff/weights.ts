import { type Feeds, floats } from "./session.ts";

/** Named arrays of 32-bit floats, row after row. */
export type Weights = Record<string, { shape: readonly number[]; data: Float32Array }>;

/** A copy that shares nothing: freeze a reference model before Adam starts to write. */
export const cloneWeights = (weights: Weights): Weights =>
  Object.fromEntries(Object.entries(weights).map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]));

/** The weights as inputs of a graph; the tensors see every later change of the arrays. */
export const feedsOf = (weights: Weights, names: readonly string[]): Feeds =>
  Object.fromEntries(names.map((name) => [name, floats(weights[name]!.data, weights[name]!.shape)]));

export const countWeights = (weights: Weights): number =>
  Object.values(weights).reduce((total, { data }) => total + data.length, 0);
