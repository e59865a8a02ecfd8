/** AMBER's annotations of a run's pictures, and its words: found by the names that AMBER gives its pictures. */
import { basename, join } from "node:path";
import type { AmberRunWords } from "../../shared/evaluation/amber/run-bench.ts";
import type { Submitted } from "../../shared/schemas/sample.ts";
import { loadAmber } from "./amber/load.ts";

export type AmberFound = {
  /** By sample: its metadata with the annotation. */
  metadata: Map<Submitted, Submitted["metadata"]>;
  words: AmberRunWords;
};

/** @param folder AMBER's `data` @throws EvaluationError naming the file that is missing or wrong */
export async function amberTruth(samples: readonly Submitted[], folder: string): Promise<AmberFound> {
  const { items, words } = await loadAmber({
    annotations: join(folder, "annotations.json"),
    queries: join(folder, "query", "query_generative.json"),
    relation: join(folder, "relation.json"),
    safeWords: join(folder, "safe_words.txt"),
  });
  const known = new Map(items.flatMap((item) => (item.task === "generative" ? [[item.image, item] as const] : [])));
  const metadata = new Map<Submitted, Submitted["metadata"]>();
  for (const sample of samples) {
    const item = known.get(basename(sample.image.path));
    if (item === undefined) continue;
    metadata.set(sample, { ...sample.metadata, amber: { truth: [...item.truth], hallu: [...item.hallu] } });
  }
  return {
    metadata,
    words: { association: { ...words.association } as AmberRunWords["association"], safe: [...words.safe].sort() },
  };
}
