/** Benchmarks over samples that tell their truth themselves: those of a manifest, or a run's own reported split. */
import { type AmberItem, amberEvaluation } from "../../shared/evaluation/amber/amber.ts";
import type { AmberWords } from "../../shared/evaluation/amber/objects.ts";
import { AmberTruth } from "../../shared/evaluation/amber/run-bench.ts";
import { objectHalbench } from "../../shared/evaluation/object-halbench/object-halbench.ts";
import { ObjectTruth, unknownObjects } from "../../shared/evaluation/object-halbench/run-bench.ts";
import { COCO_VOCABULARY } from "../../shared/evaluation/object-halbench/vocabulary.ts";
import { readLines } from "../../shared/jsonl.ts";
import type { BlobStore } from "../../shared/ports/blob-store.ts";
import type { BenchName } from "../../shared/schemas/evaluation.ts";
import { Submitted } from "../../shared/schemas/sample.ts";
import type { OpenedBench } from "./bench.ts";
import { readAnswers } from "./files.ts";
import { TAGGER_NAME, winkTagger } from "./object-halbench/wink.ts";
import { openedScenes, sceneItem } from "./open-scenes.ts";
import { EvaluationError } from "./problems.ts";

export type SampledBench = Extract<BenchName, "scenes" | "object-halbench">;

export const isSampledBench = (name: BenchName): name is SampledBench =>
  name === "scenes" || name === "object-halbench";

/** `undefined`: there is no such file. */
export async function samplesIn(
  key: string,
  blobs: Pick<BlobStore, "read" | "stream">,
): Promise<Submitted[] | undefined> {
  if ((await blobs.read(key, { offset: 0, length: 1 })) === undefined) return undefined;
  const samples: Submitted[] = [];
  for await (const record of readLines(blobs, key)) samples.push(Submitted.parse(record));
  return samples;
}

/** @throws EvaluationError for a sample that does not tell what is in its picture */
export function openedSamples(bench: SampledBench, samples: readonly Submitted[]): OpenedBench {
  if (bench === "scenes") return openedScenes(samples.map(sceneItem), { settings: {}, notes: [] });
  const items = samples.map((sample) => {
    const truth = objectsOf(sample);
    const { sampleId, image, question } = sample;
    return { itemId: sampleId, image: image.sha256, question, truth: { strict: truth, parity: truth } };
  });
  return {
    bench: objectHalbench({ extraction: { by: "wink" }, tagger: winkTagger() }) as OpenedBench["bench"],
    items,
    settings: { extraction: "wink", tagger: TAGGER_NAME, synonyms: "own" },
    notes: ["What is in the pictures is told by the items themselves, not by COCO's annotations."],
    readAnswers,
  };
}

/** Of a run that AMBER measures: the annotations its samples hold, with the words kept beside them. */
export function openedAmber(samples: readonly Submitted[], words: AmberWords): OpenedBench {
  const items = samples.map(({ sampleId, image, question, metadata }): AmberItem => {
    const { truth, hallu } = AmberTruth.parse(metadata).amber;
    return { itemId: sampleId, image: image.sha256, question, task: "generative", truth, hallu };
  });
  const settings = { nouns: words.extraction };
  return { bench: amberEvaluation(words) as OpenedBench["bench"], items, settings, notes: [], readAnswers };
}

function objectsOf({ image, metadata }: Submitted): string[] {
  const told = ObjectTruth.safeParse(metadata);
  const unknown = told.success ? unknownObjects(told.data.objects) : [];
  if (!told.success || unknown.length > 0) {
    const what = told.success ? `"${unknown[0]}" stands for none of COCO's 80 classes` : "it is no list of words";
    throw new EvaluationError(`the row of ${image.path}: objects: ${what}`, 'give every row "objects": ["dog", …]');
  }
  return [...new Set(told.data.objects.map((word) => COCO_VOCABULARY.classOf.get(word)!))].sort();
}
