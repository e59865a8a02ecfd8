/** Items of the scenes bench: generated pictures, or those of a manifest. */
import { join, resolve } from "node:path";
import type { Submitted } from "../../shared/schemas/sample.ts";
import { writeScenes } from "../embedded/world/write-scenes.ts";
import { readManifest } from "../intake/manifest.ts";
import type { BenchEntry, BenchOptions, BenchWorld, OpenedBench } from "./bench.ts";
import { readAnswers } from "./files.ts";
import { EvaluationError } from "./problems.ts";
import { type SceneItem, scenesEvaluation } from "./scenes.ts";

export const scenesEntry: BenchEntry = {
  name: "scenes",
  summary: "the embedded world's own pictures with exact truth; nothing to download",
  open: openScenes,
};

async function openScenes(options: BenchOptions, { dataDir, blobs }: BenchWorld): Promise<OpenedBench> {
  const { seed, count } = options;
  const folder = join(resolve(dataDir), "scenes", `report-${seed}-${count}`);
  const path = options.data ?? (await writeScenes({ folder, split: "report", seed, count }));
  const items: SceneItem[] = [];
  let bad = 0;
  for await (const row of readManifest({ path }, { blobs })) {
    if (row.outcome === "sample") items.push(sceneItem(row.sample));
    else bad++;
  }
  if (items.length === 0) {
    throw new EvaluationError(`${path} has no row that can be used`, "give a manifest of scenes, or leave out --data");
  }
  return openedScenes(items, {
    settings: options.data === undefined ? { seed, pictures: count } : {},
    notes: bad === 0 ? [] : [`${bad} rows of the manifest could not be used.`],
  });
}

export const sceneItem = ({ sampleId, image, question, metadata }: Submitted): SceneItem => ({
  itemId: sampleId,
  image: image.sha256,
  question,
  metadata,
});

export function openedScenes(items: readonly SceneItem[], told: Pick<OpenedBench, "settings" | "notes">): OpenedBench {
  return { bench: scenesEvaluation, items, ...told, readAnswers };
}
