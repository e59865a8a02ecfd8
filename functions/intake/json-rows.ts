/** Rows of JSON lines, or of one JSON array (RLAIF-V writes arrays into .jsonl files too, rlaifv-spec §1.1). */
import { type Problem, problem } from "./bad-row.ts";
import type { RawRow } from "./raw-row.ts";
import { arraySegments, isBlank, lineSegments, MAX_ROW_BYTES, type Segment } from "./segments.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });

type Parsed = { kind: "row"; row: unknown } | { kind: "problem"; problem: Problem };

/** The value of one JSON text. */
export function parseText(text: string): Parsed {
  try {
    return { kind: "row", row: JSON.parse(text) };
  } catch (error) {
    const reason = `not JSON (${(error as Error).message.slice(0, 120)})`;
    return { kind: "problem", problem: problem("not_json", ["row", text], reason, "Write one JSON object per line.") };
  }
}

function parseBytes(bytes: Uint8Array): Parsed {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    const shown = new TextDecoder().decode(bytes.subarray(0, 200)); // enough to recognise the row
    return {
      kind: "problem",
      problem: problem("not_utf8", ["row", shown], "the row is not UTF-8", "Save the file as UTF-8."),
    };
  }
  return parseText(text);
}

function parseSegment(segment: Segment): RawRow {
  const { line } = segment;
  if (segment.kind === "text") return { line, ...parseBytes(segment.bytes) };
  if (segment.kind === "unclosed") {
    const fix = "The file was cut; write it again.";
    return {
      line,
      kind: "problem",
      problem: problem("unclosed_array", ["row", ""], "the JSON array is not closed", fix),
    };
  }
  const reason = `${segment.length} bytes in one row are more than ${MAX_ROW_BYTES}`;
  const fix = "Put the image into a file and name its path.";
  return { line, kind: "problem", problem: problem("row_too_long", ["row", ""], reason, fix) };
}

/** Rows of a JSON text in order; blank lines are passed over. `isArray` says which of the two containers it is. */
export async function* jsonRows(chunks: AsyncIterable<Uint8Array>, isArray: boolean): AsyncGenerator<RawRow> {
  for await (const segment of isArray ? arraySegments(chunks) : lineSegments(chunks)) {
    if (segment.kind !== "text" || !isBlank(segment.bytes)) yield parseSegment(segment);
  }
}
