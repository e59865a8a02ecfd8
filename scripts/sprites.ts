/** Draws the sprite sheet from Google's Noto Emoji. Run once: `node scripts/sprites.ts`; the sheet is committed. */
import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import sharp from "sharp";
import { SHEET, SIZES, TILE } from "../functions/embedded/world/art.ts";
import { ICONS, OBJECTS } from "../functions/embedded/world/objects.ts";

type IconSet = { icons: Record<string, { body: string }>; width?: number; height?: number };

const file = createRequire(import.meta.url).resolve("@iconify-json/noto/icons.json");
const set = JSON.parse(await readFile(file, "utf8")) as IconSet;

function svgOf(icon: string): Buffer {
  const body = set.icons[icon]?.body;
  if (!body) throw new Error(`@iconify-json/noto has no icon "${icon}"`);
  const box = `0 0 ${set.width ?? 128} ${set.height ?? 128}`;
  return Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="512" height="512" viewBox="${box}">${body}</svg>`);
}

const tiles = OBJECTS.flatMap((object, row) =>
  SIZES.map(async (size, column) => ({
    input: await sharp(svgOf(ICONS[object])).resize(size, size).png().toBuffer(),
    left: column * TILE,
    top: row * TILE,
  })),
);
const sheet = sharp({
  create: {
    width: SIZES.length * TILE,
    height: OBJECTS.length * TILE,
    channels: 4,
    background: { r: 0, g: 0, b: 0, alpha: 0 },
  },
});
await writeFile(
  SHEET,
  await sheet
    .composite(await Promise.all(tiles))
    .png({ compressionLevel: 9 })
    .toBuffer(),
);
