/** Runs the embedded model on a few pictures and texts and writes inputs, outputs and gradients: `node … FILE`. */
import { writeFile } from "node:fs/promises";
import { writeSafetensors } from "../../functions/embedded/autodiff/safetensors.ts";
import type { Weights } from "../../functions/embedded/autodiff/weights.ts";
import {
  IMAGE_TOKENS,
  initialWeights,
  PATCH_VALUES,
  PATCHES,
  WIDTH,
} from "../../functions/embedded/model/architecture.ts";
import { attentionMask } from "../../functions/embedded/model/layers.ts";
import { logprobGraph, preferenceGraph } from "../../functions/embedded/model/preference-graph.ts";
import { pretrainingGraph, ROW_LENGTH } from "../../functions/embedded/model/pretraining-graph.ts";
import { captionRow, packRows } from "../../functions/embedded/model/rows.ts";
import { OBJECT_IDS, PAD } from "../../functions/embedded/model/tokenizer.ts";
import { stackImages, visionGraph } from "../../functions/embedded/model/vision-graph.ts";
import { BATCH, drawBatch } from "../../functions/embedded/pretraining/batches.ts";
import { randomOf } from "../../functions/embedded/random.ts";
import { loadArt } from "../../functions/embedded/world/art.ts";
import { drawCaption } from "../../functions/embedded/world/captions.ts";
import { captionOf } from "../../functions/embedded/world/claims.ts";
import { renderScene } from "../../functions/embedded/world/render.ts";
import { sceneAt } from "../../functions/embedded/world/scene.ts";

const dump: Weights = {};
const put = (name: string, shape: readonly number[], data: ArrayLike<number>) => {
  dump[name] = { shape, data: Float32Array.from(data) };
};
const putGradients = (prefix: string, gradients: Record<string, Float32Array>) => {
  for (const [name, values] of Object.entries(gradients)) put(`${prefix}${name}`, weights[name]!.shape, values);
};

const art = await loadArt();
const weights = initialWeights(11);
for (const [name, { shape, data }] of Object.entries(weights)) put(`weight.${name}`, shape, data);

// Pretraining: captions and questions in one row, and the naming of cells.
const batch = drawBatch(art, 5, 0, { captions: 2, dense: 0.5 });
const pretraining = await pretrainingGraph(BATCH);
const step = await pretraining.step(weights, batch, 0.7);
const total = IMAGE_TOKENS + ROW_LENGTH;
put("pretraining.patches", [BATCH, PATCHES, PATCH_VALUES], batch.patches);
for (const name of ["tokens", "targets", "weights", "positions"] as const) {
  put(`pretraining.${name}`, [BATCH, ROW_LENGTH], batch.text[name]);
}
put("pretraining.mask", [BATCH, 4, total, total], attentionMask(batch.text.segments, BATCH));
put("pretraining.cells", [BATCH, IMAGE_TOKENS], batch.cells);
put("pretraining.names", [OBJECT_IDS.length + 1], [...OBJECT_IDS, PAD]);
put("pretraining.losses", [3], [step.loss, step.textLoss, step.cellLoss]);
putGradients("pretraining.gradient.", step.gradients);

// DPO: three pairs, reference logprobs a little off so that the margins are not zero.
const scenes = [0, 1, 2].map((i) => sceneAt("tuning", 5, i));
const images = await (await visionGraph()).see(
  weights,
  scenes.map((scene) => renderScene(scene, art)),
);
const rows = scenes.flatMap((scene, i) =>
  ["a", "b"].map((side) => ({ image: images[i]!, row: captionRow(captionOf(drawCaption(randomOf(side, i), scene))) })),
);
const logprobs = await (await logprobGraph()).measure(weights, rows);
const pairs = [0, 1, 2].map((i) => ({
  chosen: rows[2 * i]!,
  rejected: rows[2 * i + 1]!,
  referenceChosen: logprobs[2 * i]! - i,
  referenceRejected: logprobs[2 * i + 1]! + 2 * i,
}));
const dpo = await (await preferenceGraph(3)).step(weights, pairs, { beta: 0.1, sftWeight: 0.3 });
const ordered = [...pairs.map(({ chosen }) => chosen), ...pairs.map(({ rejected }) => rejected)];
const packed = packRows(
  ordered.map(({ row }) => row),
  6,
);
put(
  "dpo.images",
  [6, IMAGE_TOKENS, WIDTH],
  stackImages(
    ordered.map(({ image }) => image),
    6,
  ),
);
for (const name of ["tokens", "targets", "weights"] as const) put(`dpo.${name}`, [6, packed.length], packed[name]);
put(
  "dpo.mask",
  [1, 4, IMAGE_TOKENS + packed.length, IMAGE_TOKENS + packed.length],
  attentionMask(new Int32Array(packed.length), 1),
);
put(
  "dpo.reference",
  [6],
  [...pairs.map((pair) => pair.referenceChosen), ...pairs.map((pair) => pair.referenceRejected)],
);
put("dpo.logprobs", [6], [...dpo.chosen, ...dpo.rejected]);
put("dpo.loss", [1], [dpo.loss]);
putGradients("dpo.gradient.", dpo.gradients);

await writeFile(process.argv[2]!, writeSafetensors(dump, "F32"));
