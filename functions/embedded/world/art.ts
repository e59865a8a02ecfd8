import { readFile } from "node:fs/promises";
import sharp from "sharp";
import { type ObjectName, objectIndex } from "./objects.ts";

/** Sizes at which each object is drawn, in pixels; all fit a cell of 32. */
export const SIZES = [22, 24, 26, 28, 30] as const;
export const TILE = 32; // pixels; one tile of the sheet holds one object at one size, at its top left

/** RGBA, 8 bit, row after row. */
export type Sprite = { size: number; rgba: Uint8Array };
export type Art = { sprite(object: ObjectName, sizeIndex: number): Sprite };

export const SHEET = new URL("../assets/sprites.png", import.meta.url);

/** Reads the sprite sheet: one row for each object, one column for each size (made by `scripts/sprites.ts`). */
export async function loadArt(): Promise<Art> {
  const { data, info } = await sharp(await readFile(SHEET))
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const cut = (row: number, column: number): Sprite => {
    const size = SIZES[column]!;
    const rgba = new Uint8Array(size * size * 4);
    for (let y = 0; y < size; y++) {
      const start = ((row * TILE + y) * info.width + column * TILE) * 4;
      rgba.set(data.subarray(start, start + size * 4), y * size * 4);
    }
    return { size, rgba };
  };
  const sprites = Array.from({ length: info.height / TILE }, (_, row) => SIZES.map((_, column) => cut(row, column)));
  return { sprite: (object, sizeIndex) => sprites[objectIndex(object)]![sizeIndex]! };
}
