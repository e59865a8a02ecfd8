/** What a run's benchmark has to know of its pictures, found before the run starts and kept beside the samples. */
import { join, resolve } from "node:path";
import type { AmberRunWords } from "../../shared/evaluation/amber/run-bench.ts";
import { truthOf } from "../../shared/evaluation/object-halbench/fold.ts";
import { ObjectTruth, unknownObjects } from "../../shared/evaluation/object-halbench/run-bench.ts";
import { COCO_VOCABULARY } from "../../shared/evaluation/object-halbench/vocabulary.ts";
import { contentHash } from "../../shared/ids.ts";
import type { EvaluateConfig } from "../../shared/schemas/config.ts";
import type { Submitted } from "../../shared/schemas/sample.ts";
import { findCocoFiles, openCocoIndex } from "./object-halbench/coco-index.ts";
import { EvaluationError } from "./problems.ts";
import { type AmberFound, amberTruth } from "./run-truth-amber.ts";

export type RunSplits = { selection: Submitted[]; evaluation: Submitted[] };

/** `digest`: of the truth, which decides the figures; `undefined` for scenes, whose pictures tell their truth. */
export type KnownTruth = {
  splits: RunSplits;
  digest: string | undefined;
  warnings: string[];
  /** The bench's own words, kept with the run. */
  words?: AmberRunWords;
};

/**
 * The splits with the truth in the samples' metadata: COCO's, or what the rows say themselves.
 * @throws EvaluationError for an unreadable annotation, a row that is wrong, and a split nothing is known about
 */
export async function withTruth(
  evaluate: EvaluateConfig | undefined,
  splits: RunSplits,
  { dataDir }: { dataDir: string },
): Promise<KnownTruth> {
  if (evaluate === undefined || evaluate.bench === "scenes") return { splits, digest: undefined, warnings: [] };
  const { coco, amber } = evaluate;
  const all = [...splits.selection, ...splits.evaluation];
  if (amber !== undefined) return withAnnotations(splits, await amberTruth(all, amber));
  const objects = coco === undefined ? ownTruth(all) : await cocoTruth(all, coco, dataDir);
  const known = (samples: Submitted[]) =>
    samples.map((sample) => {
      const found = objects.get(sample);
      return found === undefined ? sample : { ...sample, metadata: { ...sample.metadata, objects: found } };
    });
  return {
    splits: { selection: known(splits.selection), evaluation: known(splits.evaluation) },
    digest: contentHash(all.map((sample) => objects.get(sample) ?? null)),
    warnings: Object.entries(splits).flatMap(([split, samples]) => missingIn({ split, samples }, objects, OBJECTS)),
  };
}

function withAnnotations(splits: RunSplits, { metadata, words }: AmberFound): KnownTruth {
  const known = (samples: Submitted[]) =>
    samples.map((sample) => ({ ...sample, metadata: metadata.get(sample) ?? sample.metadata }));
  const told = [...splits.selection, ...splits.evaluation].map((sample) => metadata.get(sample)?.["amber"] ?? null);
  const missing = { bench: "amber", fix: "name the pictures as AMBER does (AMBER_1.jpg), or choose another bench" };
  return {
    splits: { selection: known(splits.selection), evaluation: known(splits.evaluation) },
    digest: contentHash([told, words]),
    warnings: Object.entries(splits).flatMap(([split, samples]) => missingIn({ split, samples }, metadata, missing)),
    words,
  };
}

type Truths = ReadonlyMap<Submitted, readonly string[]>;

const OBJECTS = {
  bench: "object-halbench",
  fix: 'give every row "objects": ["dog", …], or name COCO\'s annotations with evaluate.coco and the pictures by their official names or "image_id"',
};

function missingIn(
  { split, samples }: { split: string; samples: readonly Submitted[] },
  known: ReadonlyMap<Submitted, unknown>,
  { bench, fix }: typeof OBJECTS,
): string[] {
  const missing = samples.filter((sample) => !known.has(sample));
  if (missing.length === 0) return [];
  if (missing.length < samples.length) {
    return [
      `${bench}: nothing is known of ${missing.length} of ${samples.length} pictures of the ${split} split (the first: ${missing[0]!.image.path}): they are in no figure of objects`,
    ];
  }
  throw new EvaluationError(
    `${bench}: nothing is known of any picture of the ${split} split (evaluate.${split === "evaluation" ? "data" : "selection"})`,
    fix,
  );
}

/** The rows' own field `objects`. */
function ownTruth(samples: readonly Submitted[]): Truths {
  const objects = new Map<Submitted, readonly string[]>();
  for (const sample of samples) {
    if (sample.metadata["objects"] === undefined) continue;
    const told = ObjectTruth.safeParse(sample.metadata);
    const where = `object-halbench: ${sample.image.path}: objects`;
    if (!told.success)
      throw new EvaluationError(`${where} is no list of words`, 'write e.g. "objects": ["dog", "bench"]');
    const unknown = unknownObjects(told.data.objects);
    if (unknown.length > 0) {
      throw new EvaluationError(
        `${where}: "${unknown[0]}" stands for none of COCO's 80 classes`,
        "use their names (docs/evaluation.md), and leave out what is none of them",
      );
    }
    objects.set(sample, told.data.objects);
  }
  return objects;
}

async function cocoTruth(samples: readonly Submitted[], coco: string, dataDir: string): Promise<Truths> {
  const index = await openCocoIndex(await findCocoFiles(coco), join(resolve(dataDir), "evals", "cache"));
  const ids = new Map(samples.flatMap((sample) => (cocoId(sample) === undefined ? [] : [[sample, cocoId(sample)!]])));
  const evidence = await index.evidence(new Set(ids.values()));
  return new Map(
    [...ids].flatMap(([sample, id]) => {
      const known = evidence.get(id);
      return known === undefined ? [] : [[sample, truthOf(known, COCO_VOCABULARY, "strict")] as const];
    }),
  );
}

/** `image_id` of the row, or the number in an official name: `COCO_val2014_000000391895.jpg`. */
function cocoId({ metadata, image }: Submitted): number | undefined {
  const told = metadata["image_id"];
  if (typeof told === "number" && Number.isSafeInteger(told)) return told;
  if (typeof told === "string" && /^\d+$/.test(told)) return Number(told);
  const official = /COCO_(?:train|val)2014_(\d{12})\.\w+$/.exec(image.path);
  return official === null ? undefined : Number(official[1]);
}
