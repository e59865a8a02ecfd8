import type { WebProblem } from "./web-error.ts";

/** Why a row of a manifest cannot become a sample. Stable words: reports and tests switch on them. */
export type BadRowCode =
  | "not_json"
  | "not_utf8"
  | "not_an_object"
  | "row_too_long"
  | "unclosed_array"
  | "missing_question"
  | "empty_question"
  | "wrong_type"
  | "missing_image"
  | "image_not_found"
  | "image_outside_folder"
  | "image_is_a_url"
  | "image_is_a_file"
  | `image_url.${WebProblem}`
  | "unknown_encoding"
  | "unknown_image_format"
  | "broken_image"
  | "image_too_large"
  | "animated_image"
  | "duplicate_id"
  | "duplicate_question";

/** What is wrong with one field, before the row's place in the manifest is known. */
export type Problem = { code: BadRowCode; field: string; value: string; reason: string; fix: string };

/** A row that was left out. `line` is the line of a JSONL file; in arrays, parquet files and folders the place from 1. */
export type BadRow = { outcome: "bad_row"; line: number } & Problem;

const SHOWN_CHARACTERS = 80; // our choice: one terminal line

/** A value as one short line for messages; long base64 and line breaks do not flood a terminal. */
export function shorten(value: unknown): string {
  const text = (typeof value === "string" ? value : (JSON.stringify(value) ?? String(value))).replaceAll(/\s+/g, " ");
  if (text.length <= SHOWN_CHARACTERS) return text.toWellFormed();
  return `${text.slice(0, SHOWN_CHARACTERS).toWellFormed()}… (${text.length} characters)`;
}

/** A problem whose value is shortened for display. */
export function problem(
  code: BadRowCode,
  [field, value]: readonly [string, unknown],
  reason: string,
  fix: string,
): Problem {
  return { code, field, value: shorten(value), reason, fix };
}
