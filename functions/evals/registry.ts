/** Every benchmark there is. */
import type { BenchName } from "../../shared/schemas/evaluation.ts";
import type { BenchEntry, OpenedBench } from "./bench.ts";
import { isOwnForm, readAnswers } from "./files.ts";
import { mmhalEntry } from "./mmhal/open.ts";
import { amberEntry } from "./open-amber.ts";
import { objectHalbenchEntry } from "./open-object-halbench.ts";
import { popeEntry } from "./open-pope.ts";
import { scenesEntry } from "./open-scenes.ts";
import { EvaluationError } from "./problems.ts";
import { refombEntry } from "./refomb/open.ts";

export const BENCHES: readonly BenchEntry[] = [
  scenesEntry,
  objectHalbenchEntry,
  amberEntry,
  popeEntry,
  mmhalEntry,
  refombEntry,
];

/** Whatever an original's layout is, the answers that an evaluation left are read, too. */
const readingOwnForm = (opened: OpenedBench): OpenedBench => ({
  ...opened,
  readAnswers: async (path) => ((await isOwnForm(path)) ? readAnswers(path) : opened.readAnswers(path)),
});

export function benchEntry(name: string): BenchEntry {
  const entry = BENCHES.find((one) => one.name === (name as BenchName));
  if (entry !== undefined) return { ...entry, open: async (...named) => readingOwnForm(await entry.open(...named)) };
  throw new EvaluationError(
    `there is no bench "${name}"`,
    `choose one of: ${BENCHES.map((one) => one.name).join(", ")}`,
  );
}
