/** Hashes of files, and what can go wrong with one. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";

/** `unreachable`: no answer; `refused`: an answer that is not the file; `wrong_hash`: another file; `not_found`: not in the place that was named. */
export type FetchProblem = "unreachable" | "refused" | "wrong_hash" | "not_found";

/** One file could not be fetched; the others go on. */
export class FetchError extends Error {
  override name = "FetchError";
  readonly problem: FetchProblem;
  constructor(problem: FetchProblem, message: string) {
    super(message);
    this.problem = problem;
  }
}

export async function fileHash(path: string): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { sha256: hash.digest("hex"), bytes };
}
