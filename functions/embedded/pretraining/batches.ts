import { IMAGE_TOKENS } from "../model/architecture.ts";
import { IMAGE_VALUES, writePatches } from "../model/patches.ts";
import { NOTHING, type PretrainingBatch } from "../model/pretraining-graph.ts";
import { captionRow, emptyRows, placeRow, questionRow } from "../model/rows.ts";
import { randomOf } from "../random.ts";
import type { Art } from "../world/art.ts";
import { drawCaption } from "../world/captions.ts";
import { captionOf } from "../world/claims.ts";
import { objectIndex } from "../world/objects.ts";
import { askClaim, drawClaim, drawDenseExchange } from "../world/quiz.ts";
import { renderScene } from "../world/render.ts";
import { sceneAt } from "../world/scene.ts";

export const BATCH = 32; // rows, each with a picture of its own

/** What the rows of a batch teach, as shares: captions against questions, and dense questions among the questions. */
export type Mix = { captions: number; dense: number };

// embedded.md §4: captions and questions weigh alike for a caption of 25 tokens and a row of 5 answers at double weight
const CAPTION_WEIGHT = 1 / (BATCH * 25);
const ANSWER_WEIGHT = 2 / (BATCH * 5);

/** Batch number `step`: new scenes every time, and always the same ones for the same seed. */
export function drawBatch(art: Art, seed: number, step: number, mix: Mix): PretrainingBatch {
  const patches = new Float32Array(BATCH * IMAGE_VALUES);
  const text = emptyRows(BATCH);
  const cells = new Int32Array(BATCH * IMAGE_TOKENS).fill(NOTHING);
  for (let row = 0; row < BATCH; row++) {
    const scene = sceneAt("pretrain", seed, step * BATCH + row);
    const random = randomOf("text", scene.look);
    writePatches(renderScene(scene, art), patches, row * IMAGE_VALUES);
    for (const { object, cell } of scene.objects) cells[row * IMAGE_TOKENS + cell] = objectIndex(object);
    if (random() < mix.captions) {
      placeRow(text, row, captionRow(captionOf(drawCaption(random, scene))), CAPTION_WEIGHT);
    } else {
      const ask = () =>
        random() < mix.dense ? drawDenseExchange(random, scene) : askClaim(scene, drawClaim(random, scene));
      placeRow(text, row, questionRow(ask), ANSWER_WEIGHT);
    }
  }
  return { patches, text, cells };
}
