/** Lines of a body as they arrive. */

import { ProblemError } from "./problem.ts";
import { PROBLEM_CODES } from "./problem-codes.ts";

/** Longest line: a row with an image of 20 MiB in base64. */
const MOST_LINE_CHARACTERS = 28 * 1024 * 1024;

/** Never holds more than one line and one piece. A line that is too long is a ProblemError 413 that names it. */
export async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let pieces: string[] = [];
  let [held, line] = [0, 1];
  for await (const bytes of body) {
    const parts = decoder.decode(bytes, { stream: true }).split("\n");
    for (const [at, part] of parts.entries()) {
      if (at > 0) {
        yield pieces.join("");
        [pieces, held] = [[], 0];
        line++;
      }
      pieces.push(part);
      held += part.length;
      if (held > MOST_LINE_CHARACTERS) throw lineTooLong(line);
    }
  }
  pieces.push(decoder.decode());
  const last = pieces.join("");
  if (last !== "") yield last;
}

function lineTooLong(line: number): ProblemError {
  const { status, fix } = PROBLEM_CODES["body.line_too_long"];
  const detail = `Line ${line} of the body is longer than ${MOST_LINE_CHARACTERS} characters.`;
  return new ProblemError({ status, code: "body.line_too_long", field: `line ${line}`, detail, fix });
}
