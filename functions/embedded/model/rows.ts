import { TEXT_LENGTH } from "./architecture.ts";
import { CAPTION, decode, END, encode, QUESTION } from "./tokenizer.ts";

/**
 * A text as the model learns it: token `i` should be followed by `targets[i]`, which counts `weights[i]` in the loss.
 * Questions about one picture share a row as segments that do not see each other; positions start anew in each.
 */
export type Row = { tokens: number[]; targets: number[]; weights: number[]; positions: number[]; segments: number[] };

export const emptyRow = (): Row => ({ tokens: [], targets: [], weights: [], positions: [], segments: [] });

/** Tokens of which those from `counted` on are to be learned. */
export type Segment = { ids: readonly number[]; counted: number };

export const captionSegment = (text: string): Segment => ({ ids: [CAPTION, ...encode(text).ids, END], counted: 1 });

export const questionIds = (question: string): number[] => [QUESTION, ...encode(question).ids];

/** A question and its answer; only the answer counts. */
export function questionSegment({ question, answer }: { question: string; answer: string }): Segment {
  const asked = questionIds(question);
  return { ids: [...asked, ...encode(answer).ids], counted: asked.length };
}

/** How many places of a row a segment takes: its last token is a target only. */
export const placesOf = ({ ids }: Segment): number => ids.length - 1;

/** Adds a segment behind the others; each token weighs `weight`. What does not fit into `length` places is cut. */
export function addSegment(row: Row, segment: Segment, weight = 1, length = TEXT_LENGTH): void {
  const number = (row.segments.at(-1) ?? -1) + 1;
  const room = Math.min(placesOf(segment), length - row.tokens.length);
  for (let i = 0; i < room; i++) {
    row.tokens.push(segment.ids[i]!);
    row.targets.push(segment.ids[i + 1]!);
    row.weights.push(i + 1 >= segment.counted ? weight : 0);
    row.positions.push(i);
    row.segments.push(number);
  }
}

/** A caption alone: every token of the answer and its end count 1. A text that is too long is cut and has no end. */
export function captionRow(text: string): Row {
  const row = emptyRow();
  addSegment(row, captionSegment(text));
  return row;
}

/** The counted part of a row as text, for messages and tests. */
export const answerOf = (row: Row): string => decode(row.targets.filter((_, i) => row.weights[i]! > 0));

/** Rows laid out as `rows * length` numbers, padded with zeros. */
export type PackedRows = {
  length: number;
  tokens: Int32Array;
  targets: Int32Array;
  weights: Float32Array;
  positions: Int32Array;
  segments: Int32Array;
};

export function packRows(rows: readonly Row[], batch: number, length = TEXT_LENGTH): PackedRows {
  const numbers = () => new Int32Array(batch * length);
  const weights = new Float32Array(batch * length);
  const packed = { length, tokens: numbers(), targets: numbers(), weights, positions: numbers(), segments: numbers() };
  rows.forEach((row, i) => {
    packed.tokens.set(row.tokens, i * length);
    packed.targets.set(row.targets, i * length);
    packed.weights.set(row.weights, i * length);
    packed.positions.set(row.positions, i * length);
    packed.segments.set(row.segments, i * length);
  });
  return packed;
}
