import type { Problem } from "./bad-row.ts";

/** A row as it stands in its container, or why it could not even be read. `line` counts from 1. */
export type RawRow = { line: number } & ({ kind: "row"; row: unknown } | { kind: "problem"; problem: Problem });

/** The manifest as a whole cannot be read; the message says what to do. */
export class ManifestError extends Error {
  override readonly name: string = "ManifestError";
}
