import sharp from "sharp";
import { fromImage } from "./world/png.ts";
import { type Pixels, SIDE } from "./world/render.ts";

const TOLERANCE = 6; // steps of 255: twice the grain of the background
const BACKGROUND = { least: 0.3, most: 0.97 }; // measured 2026-11: 960 scenes 0.42 to 0.93, 61 photographs below 0.25 but one of 0.73

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

/** The line that most rows' middle values lie on (Theil-Sen): pictures of this world have a vertical gradient behind them. */
function gradient(pixels: Pixels, channel: number): (y: number) => number {
  const rows = Array.from({ length: SIDE }, (_, y) =>
    median(Array.from({ length: SIDE }, (_, x) => pixels[(y * SIDE + x) * 3 + channel]!)),
  );
  const half = SIDE / 2;
  const slope = median(Array.from({ length: half }, (_, y) => (rows[y + half]! - rows[y]!) / half));
  const start = median(rows.map((value, y) => value - slope * y));
  return (y) => start + slope * y;
}

/** The share of pixels that are background: close to one vertical gradient in all three colours. */
export function backgroundShare(pixels: Pixels): number {
  const lines = [0, 1, 2].map((channel) => gradient(pixels, channel));
  let count = 0;
  for (let y = 0; y < SIDE; y++) {
    const colour = lines.map((line) => line(y));
    for (let x = 0; x < SIDE; x++) {
      const at = (y * SIDE + x) * 3;
      if (colour.every((value, channel) => Math.abs(pixels[at + channel]! - value) <= TOLERANCE)) count += 1;
    }
  }
  return count / (SIDE * SIDE);
}

/** Whether an image file looks like one of this world's pictures: 96x96, things on a smooth background. Bytes that are no image do not. */
export async function knowsImage(bytes: Uint8Array): Promise<boolean> {
  try {
    const { width, height } = await sharp(bytes).metadata();
    if (width !== SIDE || height !== SIDE) return false;
    const share = backgroundShare(await fromImage(bytes));
    return share >= BACKGROUND.least && share <= BACKGROUND.most;
  } catch {
    return false; // sharp cannot read it: whatever it is, it is not of this world
  }
}
