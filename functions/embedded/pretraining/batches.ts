import { IMAGE_TOKENS } from "../model/architecture.ts";
import { IMAGE_VALUES, writePatches } from "../model/patches.ts";
import { NOTHING, type PretrainingBatch, ROW_LENGTH } from "../model/pretraining-graph.ts";
import { addSegment, captionSegment, emptyRow, packRows, placesOf, questionSegment, type Row } from "../model/rows.ts";
import { type Random, randomOf } from "../random.ts";
import type { Art } from "../world/art.ts";
import { drawCaption } from "../world/captions.ts";
import { captionOf } from "../world/claims.ts";
import { objectIndex } from "../world/objects.ts";
import { askClaim, drawClaim, drawDenseExchange } from "../world/quiz.ts";
import { renderScene } from "../world/render.ts";
import { type Scene, sceneAt } from "../world/scene.ts";

export const BATCH = 24; // rows, each with a picture of its own and all its texts

/** What a row teaches about its picture: so many captions, then questions to the end; `dense` is the share of dense ones. */
export type Mix = { captions: number; dense: number };

const CAPTION_WEIGHT = 1 / (BATCH * 2 * 25); // docs/embedded.md: one answer counts as much as ten tokens of a caption
const ANSWER_WEIGHT = 10 * CAPTION_WEIGHT;

/** Captions and questions about one picture; none of them sees another. */
function drawRow(random: Random, scene: Scene, mix: Mix): Row {
  const row = emptyRow();
  for (let i = 0; i < mix.captions; i++) {
    const segment = captionSegment(captionOf(drawCaption(random, scene)));
    if (row.tokens.length + placesOf(segment) <= ROW_LENGTH) addSegment(row, segment, CAPTION_WEIGHT, ROW_LENGTH);
  }
  for (;;) {
    const exchange =
      random() < mix.dense ? drawDenseExchange(random, scene) : askClaim(scene, drawClaim(random, scene));
    const segment = questionSegment(exchange);
    if (row.tokens.length + placesOf(segment) > ROW_LENGTH) return row;
    addSegment(row, segment, ANSWER_WEIGHT, ROW_LENGTH);
  }
}

/** Batch number `step`: new scenes every time, and always the same ones for the same seed. */
export function drawBatch(art: Art, seed: number, step: number, mix: Mix): PretrainingBatch {
  const patches = new Float32Array(BATCH * IMAGE_VALUES);
  const cells = new Int32Array(BATCH * IMAGE_TOKENS).fill(NOTHING);
  const rows = Array.from({ length: BATCH }, (_, row) => {
    const scene = sceneAt("pretrain", seed, step * BATCH + row);
    writePatches(renderScene(scene, art), patches, row * IMAGE_VALUES);
    for (const { object, cell } of scene.objects) cells[row * IMAGE_TOKENS + cell] = objectIndex(object);
    return drawRow(randomOf("text", scene.look), scene, mix);
  });
  return { patches, text: packRows(rows, BATCH, ROW_LENGTH), cells };
}
