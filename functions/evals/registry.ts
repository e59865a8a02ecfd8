/** Every benchmark there is. */
import type { BenchName } from "../../shared/schemas/evaluation.ts";
import type { BenchEntry } from "./bench.ts";
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

export function benchEntry(name: string): BenchEntry {
  const entry = BENCHES.find((one) => one.name === (name as BenchName));
  if (entry !== undefined) return entry;
  throw new EvaluationError(
    `there is no bench "${name}"`,
    `choose one of: ${BENCHES.map((one) => one.name).join(", ")}`,
  );
}
