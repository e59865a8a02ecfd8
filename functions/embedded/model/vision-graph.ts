import { compile, floats, floatsOf } from "../autodiff/session.ts";
import { feedsOf, type Weights } from "../autodiff/weights.ts";
import type { Pixels } from "../world/render.ts";
import { IMAGE_TOKENS, PATCH_VALUES, PATCHES, WIDTH } from "./architecture.ts";
import { ModelGraph, vision } from "./layers.ts";
import { IMAGE_VALUES, writePatches } from "./patches.ts";

/** The nine image tokens of one picture: `9 * WIDTH` numbers. */
export type ImageTokens = Float32Array;
export const IMAGE_TOKEN_VALUES = IMAGE_TOKENS * WIDTH;

const BATCH = 20; // pictures a pass; fixed, so that a picture's numbers never depend on how many come with it

/** Reads pictures into image tokens. */
export async function visionGraph() {
  const m = new ModelGraph({ trains: false });
  const patches = m.input("patches", [BATCH * PATCHES, PATCH_VALUES]);
  const image = vision(m, patches, BATCH);
  const program = await compile(m.g, [image]);
  const names = [...m.weights.keys()];

  /** Throws the signal's reason between two passes when it is raised. */
  async function see(weights: Weights, pictures: readonly Pixels[], signal?: AbortSignal): Promise<ImageTokens[]> {
    const seen: ImageTokens[] = [];
    for (let start = 0; start < pictures.length; start += BATCH) {
      signal?.throwIfAborted();
      const part = pictures.slice(start, start + BATCH);
      const data = new Float32Array(BATCH * IMAGE_VALUES);
      part.forEach((pixels, i) => {
        writePatches(pixels, data, i * IMAGE_VALUES);
      });
      const out = await program.run({
        ...feedsOf(weights, names),
        patches: floats(data, [BATCH * PATCHES, PATCH_VALUES]),
      });
      const tokens = floatsOf(out[image.name]);
      seen.push(...part.map((_, i) => tokens.slice(i * IMAGE_TOKEN_VALUES, (i + 1) * IMAGE_TOKEN_VALUES)));
    }
    return seen;
  }
  return { see, release: program.release };
}

/** Image tokens laid one after the other; rows beyond the last repeat it, so that a fixed batch is always full. */
export function stackImages(images: readonly ImageTokens[], rows: number): Float32Array {
  const stacked = new Float32Array(rows * IMAGE_TOKEN_VALUES);
  for (let row = 0; row < rows; row++) stacked.set(images[Math.min(row, images.length - 1)]!, row * IMAGE_TOKEN_VALUES);
  return stacked;
}
