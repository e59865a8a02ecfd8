/** From raw rows to samples: the same for every manifest, whatever it came in. */
import { sampleIdOf } from "../../shared/ids.ts";
import type { Submitted } from "../../shared/schemas/sample.ts";
import { type BadRow, type Problem, problem } from "./bad-row.ts";
import { EXTENSION_OF } from "./image-check.ts";
import type { ImageSource } from "./image-source.ts";
import { mapInOrder } from "./in-order.ts";
import type { KeptImage } from "./kept-images.ts";
import type { RawRow } from "./raw-row.ts";
import { type Draft, readRecord } from "./record.ts";

/** One row's ending. `line` counts from 1. */
export type ManifestRow = { outcome: "sample"; line: number; sample: Submitted } | BadRow;

/** The image a row's field stands for, kept; `name` is what the user calls it. */
export type ImageDoor = (
  source: ImageSource,
) => Promise<{ outcome: "opened"; image: KeptImage; name: string | undefined } | Problem>;

export type RowRules = {
  door: ImageDoor;
  /** Serves rows that name no question. */
  fallbackQuestion: string | undefined;
  /** Rows worked on at the same time; each may hold an image. */
  concurrency: number;
};

type Checked = { line: number; draft: Draft; image: Submitted["image"] } | BadRow;

function badRow(line: number, what: Problem): BadRow {
  return { outcome: "bad_row", line, ...what };
}

async function checkRow(raw: RawRow, { door, fallbackQuestion }: RowRules): Promise<Checked> {
  const { line } = raw;
  if (raw.kind === "problem") return badRow(line, raw.problem);
  const draft = readRecord(raw.row, fallbackQuestion);
  if ("code" in draft) return badRow(line, draft);
  const opened = await door(draft.image);
  if ("code" in opened) return badRow(line, opened);
  const { sha256, format, width, height } = opened.image;
  const path = opened.name ?? `${sha256}.${EXTENSION_OF[format]}`;
  return { line, draft: withoutImage(draft), image: { sha256, path, width, height } };
}

/** Lets go of inline bytes, which would otherwise live as long as the row waits for its turn. */
function withoutImage(draft: Draft): Draft {
  return { ...draft, image: { kind: "text", field: draft.image.field, text: "" } };
}

/** Turns checked rows into samples one after the other and tells repetitions apart; remembers ids only. */
class Assembler {
  readonly #lineOfId = new Map<string, number>();
  readonly #lineOfSample = new Map<string, number>();

  /** Undefined for a further pair of a sample that is already there. */
  assemble(checked: Checked): ManifestRow | undefined {
    if ("outcome" in checked) return checked;
    const { line, draft, image } = checked;
    const sampleId = sampleIdOf({ imageSha256: image.sha256, question: draft.question, row: draft.id });
    const first = this.#lineOfSample.get(sampleId);
    if (first !== undefined && draft.isPair) return undefined;
    const repeated = this.#repetition(draft, first);
    if (repeated) return badRow(line, repeated);
    if (draft.id !== undefined) this.#lineOfId.set(draft.id, line);
    this.#lineOfSample.set(sampleId, line);
    const reference = draft.reference === undefined ? {} : { reference: draft.reference };
    return {
      outcome: "sample",
      line,
      sample: { sampleId, image, question: draft.question, ...reference, metadata: draft.metadata },
    };
  }

  #repetition(draft: Draft, firstLine: number | undefined): Problem | undefined {
    const sameId = draft.id === undefined ? undefined : this.#lineOfId.get(draft.id);
    if (sameId !== undefined && !draft.isPair) {
      return problem(
        "duplicate_id",
        ["id", draft.id],
        `line ${sameId} has the same id`,
        "Give every row an id of its own.",
      );
    }
    if (firstLine === undefined) return undefined;
    const fix = "Leave the row out, or give it an id if it is meant twice.";
    return problem(
      "duplicate_question",
      ["question", draft.question],
      `line ${firstLine} asks the same about the same image`,
      fix,
    );
  }
}

/** The rows in order, one ending each; a further pair of a sample that is already there has none. */
export async function* checkRows(rows: AsyncIterable<RawRow>, rules: RowRules): AsyncGenerator<ManifestRow> {
  const assembler = new Assembler();
  for await (const checked of mapInOrder(rows, rules.concurrency, (raw) => checkRow(raw, rules))) {
    const row = assembler.assemble(checked);
    if (row) yield row;
  }
}
