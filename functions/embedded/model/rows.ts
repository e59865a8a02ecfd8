import { TEXT_LENGTH } from "./architecture.ts";
import { CAPTION, decode, END, encode, QUESTION } from "./tokenizer.ts";

/**
 * A text as the model learns it: token `i` should be followed by `targets[i]`, which counts `weights[i]` in the loss.
 * Questions about one picture share a row as segments that do not see each other; positions start anew in each.
 */
export type Row = { tokens: number[]; targets: number[]; weights: number[]; positions: number[]; segments: number[] };

const emptyRow = (): Row => ({ tokens: [], targets: [], weights: [], positions: [], segments: [] });

/** Adds one segment; `counted` says from which token on the targets count. What does not fit the row is cut. */
function addSegment(row: Row, ids: readonly number[], counted: number): void {
  const segment = (row.segments.at(-1) ?? -1) + 1;
  const room = Math.min(ids.length - 1, TEXT_LENGTH - row.tokens.length);
  for (let i = 0; i < room; i++) {
    row.tokens.push(ids[i]!);
    row.targets.push(ids[i + 1]!);
    row.weights.push(i + 1 >= counted ? 1 : 0);
    row.positions.push(i);
    row.segments.push(segment);
  }
}

/** A caption row: every token of the answer and its end count 1. A text that is too long is cut and has no end. */
export function captionRow(text: string): Row {
  const row = emptyRow();
  addSegment(row, [CAPTION, ...encode(text).ids, END], 1);
  return row;
}

export const questionIds = (question: string): number[] => [QUESTION, ...encode(question).ids];

/** As many questions as fit, each with its answer, each a segment of its own; only the answers count. */
export function questionRow(draw: () => { question: string; answer: string }): Row {
  const row = emptyRow();
  for (;;) {
    const { question, answer } = draw();
    const asked = questionIds(question);
    const ids = [...asked, ...encode(answer).ids];
    if (row.tokens.length + ids.length - 1 > TEXT_LENGTH) return row;
    addSegment(row, ids, asked.length);
  }
}

/** The counted part of a row as text, for messages and tests. */
export const answerOf = (row: Row): string => decode(row.targets.filter((_, i) => row.weights[i]! > 0));

/** Rows laid out as `rows * TEXT_LENGTH` numbers, padded with zeros. */
export type PackedRows = {
  tokens: Int32Array;
  targets: Int32Array;
  weights: Float32Array;
  positions: Int32Array;
  segments: Int32Array;
};

export function emptyRows(rows: number): PackedRows {
  const numbers = () => new Int32Array(rows * TEXT_LENGTH);
  const weights = new Float32Array(rows * TEXT_LENGTH);
  return { tokens: numbers(), targets: numbers(), weights, positions: numbers(), segments: numbers() };
}

/** Writes a row at its place; each weight is multiplied by `scale`. */
export function placeRow(packed: PackedRows, index: number, row: Row, scale = 1): void {
  const start = index * TEXT_LENGTH;
  packed.tokens.set(row.tokens, start);
  packed.targets.set(row.targets, start);
  packed.positions.set(row.positions, start);
  packed.segments.set(row.segments, start);
  const scaled = row.weights.map((weight) => weight * scale);
  packed.weights.set(scaled, start);
}
