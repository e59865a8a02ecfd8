import { type Random, randomOf } from "../random.ts";
import { type Art, SIZES, type Sprite, TILE } from "./art.ts";
import { columnOf, rowOf, type Scene } from "./scene.ts";

export const SIDE = 96; // pixels: three cells of 32
/** RGB, 8 bit, row after row: `SIDE * SIDE * 3` bytes. */
export type Pixels = Uint8Array | Uint8ClampedArray;
export const PIXEL_BYTES = SIDE * SIDE * 3;

const GRAIN = 3; // our choice: steps of 255 by which the background flickers; PNG files stay near ten kilobytes

/** A vertical gradient between two neighbouring light colours, with a little grain. */
function paintBackground(pixels: Pixels, random: Random): void {
  const top = [0, 1, 2].map(() => 255 * (0.35 + 0.6 * random()));
  const bottom = top.map((value) => value + 255 * 0.3 * (random() - 0.5));
  let at = 0;
  for (let y = 0; y < SIDE; y++) {
    const [red, green, blue] = top.map((value, i) => value + ((bottom[i]! - value) * y) / SIDE) as [
      number,
      number,
      number,
    ];
    for (let x = 0; x < SIDE; x++) {
      const grain = 2 * GRAIN * (random() - 0.5);
      pixels[at++] = red + grain;
      pixels[at++] = green + grain;
      pixels[at++] = blue + grain;
    }
  }
}

type Position = { left: number; top: number; mirrored: boolean };

function paintSprite(pixels: Pixels, { size, rgba }: Sprite, { left, top, mirrored }: Position): void {
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const from = (y * size + (mirrored ? size - 1 - x : x)) * 4;
      const alpha = rgba[from + 3]! / 255;
      if (alpha === 0) continue;
      const to = ((top + y) * SIDE + left + x) * 3;
      for (let channel = 0; channel < 3; channel++) {
        pixels[to + channel] = pixels[to + channel]! * (1 - alpha) + rgba[from + channel]! * alpha;
      }
    }
  }
}

/** The picture of a scene. Each object stays inside its cell; size, jitter and mirroring follow from `scene.look`. */
export function renderScene(scene: Scene, art: Art): Pixels {
  const random = randomOf("look", scene.look);
  const pixels = new Uint8ClampedArray(PIXEL_BYTES); // rounds, and stops at 0 and 255
  paintBackground(pixels, random);
  for (const { object, cell } of scene.objects) {
    const sprite = art.sprite(object, Math.floor(random() * SIZES.length));
    const room = TILE - sprite.size + 1;
    const left = columnOf(cell) * TILE + Math.floor(random() * room);
    const top = rowOf(cell) * TILE + Math.floor(random() * room);
    paintSprite(pixels, sprite, { left, top, mirrored: random() < 0.5 });
  }
  return pixels;
}
