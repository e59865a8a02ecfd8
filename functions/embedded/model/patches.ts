import { type Pixels, SIDE } from "../world/render.ts";
import { IMAGE_TOKENS, PATCH_SIDE, PATCH_VALUES, PATCHES } from "./architecture.ts";

export const IMAGE_VALUES = PATCHES * PATCH_VALUES;

/** Where each input value of the model is found in the pixels: cells in reading order, in each the 2x2 patches. */
const ORDER: Uint16Array = (() => {
  const order = new Uint16Array(IMAGE_VALUES);
  let next = 0;
  for (let patch = 0; patch < PATCHES; patch++) {
    const [cell, quarter] = [Math.floor(patch / 4), patch % 4];
    const side = Math.sqrt(IMAGE_TOKENS);
    const top = (Math.floor(cell / side) * 2 + Math.floor(quarter / 2)) * PATCH_SIDE;
    const left = ((cell % side) * 2 + (quarter % 2)) * PATCH_SIDE;
    for (let y = top; y < top + PATCH_SIDE; y++) {
      for (let value = 0; value < PATCH_SIDE * 3; value++) order[next++] = (y * SIDE + left) * 3 + value;
    }
  }
  return order;
})();

/** Writes the pixels as patches of numbers in [-1, 1], `IMAGE_VALUES` of them from `offset`. */
export function writePatches(pixels: Pixels, into: Float32Array, offset: number): void {
  for (let i = 0; i < IMAGE_VALUES; i++) into[offset + i] = pixels[ORDER[i]!]! / 127.5 - 1;
}
