/** From object words to classes, as RLAIF-V maps words to the 80 classes of COCO (rlaifv-spec §4.1). */
import type { Mention } from "./bench.ts";

/** Each row lists the words for one class; the first word names it. A word of two rows belongs to the later one. */
export function synonymTable(rows: readonly (readonly string[])[]): ReadonlyMap<string, string> {
  return new Map(rows.flatMap((words) => words.map((word) => [word, words[0] ?? word] as const)));
}

/** The words that name a class of the table. Beside a toilet, "seat" is the toilet's own and no chair. */
export function mentionsOf(words: readonly string[], objectOf: ReadonlyMap<string, string>): Mention[] {
  const ownSeat = words.includes("toilet");
  return words.flatMap((word) => {
    const object = objectOf.get(word);
    return object === undefined || (ownSeat && word === "seat") ? [] : [{ word, object }];
  });
}
