import type { Weights } from "../autodiff/weights.ts";
import { gaussian, type Random, randomOf } from "../random.ts";
import { SIDE } from "../world/render.ts";
import { VOCABULARY_SIZE } from "./tokenizer.ts";

/**
 * The model: a vision transformer reads 36 patches and hands nine image tokens, one for each cell, to a small language
 * model that sees them before its text (docs/embedded.md). About 1.2 million weights.
 */
export const WIDTH = 128;
export const HEADS = 4;
export const HEAD_WIDTH = WIDTH / HEADS;
export const VISION_BLOCKS = 2;
export const TEXT_BLOCKS = 3;
/** Heads of a text block that see the image only: without them the small model trusts its own words too much. */
export const IMAGE_HEADS = 2;
export const PATCH_SIDE = 16; // pixels
export const PATCHES = (SIDE / PATCH_SIDE) ** 2; // 36
export const PATCH_VALUES = PATCH_SIDE * PATCH_SIDE * 3;
export const IMAGE_TOKENS = PATCHES / 4; // each joins the 2x2 patches of one cell
/** Longest text, its mode token included and its end token excluded. */
export const TEXT_LENGTH = 48;

export const VISION_BLOCK = (index: number): string => `vision.${index}.`;
export const TEXT_BLOCK = (index: number): string => `text.${index}.`;

type Fill = "zeros" | "ones" | { deviation: number };
type Parameter = { name: string; shape: readonly number[]; fill: Fill };

const normal = (deviation: number): Fill => ({ deviation });

function blockParameters(prefix: string, queryGain: number): Parameter[] {
  const square = (name: string, gain: number): Parameter[] => [
    { name: `${prefix}${name}.weight`, shape: [WIDTH, WIDTH], fill: normal(gain / Math.sqrt(WIDTH)) },
    { name: `${prefix}${name}.bias`, shape: [WIDTH], fill: "zeros" },
  ];
  return [
    ...normParameters(`${prefix}norm1`),
    ...square("query", queryGain),
    ...square("key", 0.7),
    ...square("value", 0.7),
    ...square("output", 0.7),
    ...normParameters(`${prefix}norm2`),
    { name: `${prefix}up.weight`, shape: [WIDTH, 4 * WIDTH], fill: normal(0.7 / Math.sqrt(WIDTH)) },
    { name: `${prefix}up.bias`, shape: [4 * WIDTH], fill: "zeros" },
    { name: `${prefix}down.weight`, shape: [4 * WIDTH, WIDTH], fill: normal(0.02) },
    { name: `${prefix}down.bias`, shape: [WIDTH], fill: "zeros" },
  ];
}

const normParameters = (prefix: string): Parameter[] => [
  { name: `${prefix}.weight`, shape: [WIDTH], fill: "ones" },
  { name: `${prefix}.bias`, shape: [WIDTH], fill: "zeros" },
];

const blocks = (count: number, each: (index: number) => Parameter[]) =>
  Array.from({ length: count }, (_, i) => each(i)).flat();

/** Every weight of the model, in the order of its file. */
export const PARAMETERS: readonly Parameter[] = [
  { name: "vision.patch.weight", shape: [PATCH_VALUES, WIDTH], fill: normal(1 / Math.sqrt(PATCH_VALUES)) },
  { name: "vision.patch.bias", shape: [WIDTH], fill: "zeros" },
  { name: "vision.position", shape: [PATCHES, WIDTH], fill: normal(0.25) },
  ...blocks(VISION_BLOCKS, (i) => blockParameters(VISION_BLOCK(i), 0.7)),
  { name: "vision.merge.weight", shape: [4 * WIDTH, WIDTH], fill: normal(1 / Math.sqrt(4 * WIDTH)) },
  { name: "vision.merge.bias", shape: [WIDTH], fill: "zeros" },
  ...normParameters("vision.norm"),
  { name: "text.embedding", shape: [VOCABULARY_SIZE, WIDTH], fill: normal(0.7) },
  { name: "text.position", shape: [IMAGE_TOKENS + TEXT_LENGTH, WIDTH], fill: normal(0.25) },
  ...blocks(TEXT_BLOCKS, (i) => blockParameters(TEXT_BLOCK(i), 1.1)),
  ...normParameters("text.norm"),
  { name: "text.head.weight", shape: [WIDTH, VOCABULARY_SIZE], fill: normal(0.7 / Math.sqrt(WIDTH)) },
  { name: "text.head.bias", shape: [VOCABULARY_SIZE], fill: "zeros" },
];

const SHAPES = new Map(PARAMETERS.map(({ name, shape }) => [name, shape]));

export function shapeOf(name: string): readonly number[] {
  const shape = SHAPES.get(name);
  if (!shape) throw new Error(`weight: the model has none called "${name}"`);
  return shape;
}

function filled(length: number, fill: Fill, random: Random): Float32Array {
  if (fill === "zeros") return new Float32Array(length);
  if (fill === "ones") return new Float32Array(length).fill(1);
  return Float32Array.from({ length }, () => fill.deviation * gaussian(random));
}

/** Fresh weights. Text blocks start with equal query and key matrices: like then attends to like from the first step. */
export function initialWeights(seed: number): Weights {
  const random = randomOf("weights", seed);
  const weights: Weights = {};
  for (const { name, shape, fill } of PARAMETERS) {
    const length = shape.reduce((product, size) => product * size, 1);
    weights[name] = { shape, data: filled(length, fill, random) };
  }
  for (let i = 0; i < TEXT_BLOCKS; i++) {
    weights[`${TEXT_BLOCK(i)}key.weight`]!.data.set(weights[`${TEXT_BLOCK(i)}query.weight`]!.data);
  }
  return weights;
}

/** Refuses weights of another model, naming the first difference. */
export function checkWeights(weights: Weights, from: string): Weights {
  for (const { name, shape } of PARAMETERS) {
    const found = weights[name];
    if (!found) throw new Error(`${from}: has no weight "${name}"; it is not a checkpoint of this model`);
    if (`${found.shape}` !== `${shape}`) throw new Error(`${from}: "${name}" is [${found.shape}], expected [${shape}]`);
  }
  return weights;
}
