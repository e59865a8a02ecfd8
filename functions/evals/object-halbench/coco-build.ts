/** Gathers, per image, the categories and captions of COCO annotation files; the pixels' outlines are skipped unread. */
import { shapeOf } from "../../rlaifv-files/json-scan.ts";
import { EvaluationError } from "../problems.ts";
import { type CocoList, readCocoLists } from "./coco-json.ts";

export type CocoFiles = { instances: readonly string[]; captions: readonly string[] };

/** Images in the order of their ids. */
export type CocoContents = {
  /** Name of each category id. */
  names: ReadonlyMap<number, string>;
  ids: Int32Array;
  /** The image at this place of `ids`: its category ids, ascending. */
  categoriesOf(place: number): number[];
  /** JSON texts of its captions, in the order of the files. */
  captionsOf(place: number): string[];
};

/** COCO's category ids end at 90. */
const LARGEST_CATEGORY = 127;
const WORDS = (LARGEST_CATEGORY + 1) / 32;
const FIRST_TEXT_BYTES = 1 << 24;

const ADVICE = "give the files of annotations_trainval2014.zip, unchanged";

/** Reads all files, one after the other. @throws EvaluationError naming file, record and field */
export async function readCoco(files: CocoFiles): Promise<CocoContents> {
  const gathered = new Gathered();
  for (const path of files.instances) await readInstances(path, gathered);
  for (const path of files.captions) await readCaptions(path, gathered);
  return gathered.contents();
}

/** One record of a list, with what an error about it tells. */
type Found = { bytes: Buffer; slots: Int32Array; path: string; list: string; record: number };

/** A list whose records are read by `take`; the wanted fields get slots 0, 1, … */
function listOf(path: string, list: string, fields: string[], take: (found: Found) => void): CocoList {
  return {
    shape: shapeOf(fields),
    slotCount: fields.length,
    onRecord: (bytes, slots, record) => take({ bytes, slots, path, list, record }),
  };
}

async function readInstances(path: string, gathered: Gathered): Promise<void> {
  const seen = await readCocoLists(path, {
    images: listOf(path, "images", ["id"], (found) => {
      gathered.rowOf(idIn(found, 0, "id"));
    }),
    annotations: listOf(path, "annotations", ["image_id", "category_id"], (found) => {
      const row = gathered.rowOf(idIn(found, 0, "image_id"));
      const category = idIn(found, 1, "category_id");
      if (category > LARGEST_CATEGORY)
        throw bad(found, "category_id", `${category} is larger than ${LARGEST_CATEGORY}`);
      gathered.addCategory(row, category);
    }),
    categories: listOf(path, "categories", ["id", "name"], (found) => {
      const token = tokenIn(found, 1, "name");
      if (!token.startsWith('"')) throw bad(found, "name", `${token} is no text`);
      gathered.names.set(idIn(found, 0, "id"), JSON.parse(token));
    }),
  });
  needLists(path, seen, ["annotations", "categories"], "an instances file");
}

async function readCaptions(path: string, gathered: Gathered): Promise<void> {
  const seen = await readCocoLists(path, {
    annotations: listOf(path, "annotations", ["image_id", "caption"], (found) => {
      const { bytes, slots } = found;
      const row = gathered.rowOf(idIn(found, 0, "image_id"));
      if (!tokenIn(found, 1, "caption").startsWith('"')) throw bad(found, "caption", "it is no text");
      gathered.addCaption(row, bytes.subarray(slots[2]!, slots[3]!));
    }),
  });
  needLists(path, seen, ["annotations"], "a captions file");
}

function needLists(path: string, seen: ReadonlySet<string>, names: readonly string[], kind: string): void {
  const missing = names.filter((name) => !seen.has(name));
  if (missing.length > 0) {
    throw new EvaluationError(`${path} is not ${kind} of COCO: it has no list ${missing.join(", ")}`, ADVICE);
  }
}

function bad({ path, list, record }: Found, field: string, problem: string): EvaluationError {
  return new EvaluationError(`${path}, ${list}, record ${record}: ${field}: ${problem}`, ADVICE);
}

function tokenIn(found: Found, slot: number, field: string): string {
  const [start, end] = [found.slots[2 * slot]!, found.slots[2 * slot + 1]!];
  if (start < 0) throw bad(found, field, "it is missing");
  return found.bytes.toString("utf8", start, end);
}

function idIn(found: Found, slot: number, field: string): number {
  const token = tokenIn(found, slot, field);
  const id = Number(token);
  if (!/^\d+$/.test(token) || id > 0x7fffffff)
    throw bad(found, field, `${token} is no whole number from 0 to 2147483647`);
  return id;
}

/** Grows with the files: 16 bytes of categories an image, the captions' bytes, and 12 bytes a caption. */
class Gathered {
  readonly names = new Map<number, string>();
  readonly #rows = new Map<number, number>();
  #categories = new Uint32Array(WORDS * 1024);
  /** The captions' JSON texts one behind the other; row, start and end of each. */
  #texts = Buffer.alloc(FIRST_TEXT_BYTES);
  #textsEnd = 0;
  #captions = new Int32Array(3 * 1024);
  #captionCount = 0;

  rowOf(id: number): number {
    const known = this.#rows.get(id);
    if (known !== undefined) return known;
    const row = this.#rows.size;
    this.#rows.set(id, row);
    if (WORDS * (row + 1) > this.#categories.length) this.#categories = doubled(this.#categories);
    return row;
  }

  addCategory(row: number, category: number): void {
    this.#categories[WORDS * row + (category >> 5)]! |= 1 << (category & 31);
  }

  /** `text`: the caption's JSON text. */
  addCaption(row: number, text: Uint8Array): void {
    const start = this.#textsEnd;
    const end = start + text.length;
    while (end > this.#texts.length) this.#texts = Buffer.concat([this.#texts, Buffer.alloc(this.#texts.length)]);
    this.#texts.set(text, start);
    const at = 3 * this.#captionCount;
    if (at + 3 > this.#captions.length) this.#captions = doubled(this.#captions);
    this.#captions[at] = row;
    this.#captions[at + 1] = start;
    this.#captions[at + 2] = end;
    this.#captionCount++;
    this.#textsEnd = end;
  }

  contents(): CocoContents {
    const sorted = [...this.#rows].sort(([a], [b]) => a - b);
    const { first, next } = this.#captionLists();
    return {
      names: this.names,
      ids: Int32Array.from(sorted, ([id]) => id),
      categoriesOf: (place) => this.#categoriesAt(sorted[place]![1]),
      captionsOf: (place) => {
        const texts: string[] = [];
        for (let at = first[sorted[place]![1]]!; at >= 0; at = next[at]!) {
          texts.push(this.#texts.toString("utf8", this.#captions[3 * at + 1]!, this.#captions[3 * at + 2]!));
        }
        return texts;
      },
    };
  }

  /** Each row's captions as a chain in the order they came. */
  #captionLists(): { first: Int32Array; next: Int32Array } {
    const first = new Int32Array(this.#rows.size).fill(-1);
    const next = new Int32Array(this.#captionCount).fill(-1);
    for (let at = this.#captionCount - 1; at >= 0; at--) {
      const row = this.#captions[3 * at]!;
      next[at] = first[row]!;
      first[row] = at;
    }
    return { first, next };
  }

  #categoriesAt(row: number): number[] {
    const ids: number[] = [];
    for (let id = 0; id <= LARGEST_CATEGORY; id++) {
      if ((this.#categories[WORDS * row + (id >> 5)]! >>> (id & 31)) & 1) ids.push(id);
    }
    return ids;
  }
}

function doubled<T extends Int32Array | Uint32Array>(values: T): T {
  const larger = new (values.constructor as new (length: number) => T)(2 * values.length);
  larger.set(values);
  return larger;
}
