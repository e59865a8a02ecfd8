import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sceneRows } from "./manifest.ts";
import type { Split } from "./scene.ts";

const MANIFEST = "manifest.jsonl";

/** Writes scenes as PNG files with a manifest, once; gives the manifest's path. */
export async function writeScenes(scenes: {
  folder: string;
  split: Split;
  seed: number;
  count: number;
}): Promise<string> {
  const { folder, ...which } = scenes;
  const manifest = join(folder, MANIFEST);
  if ((await readFile(manifest).catch(() => undefined)) !== undefined) return manifest;
  await mkdir(folder, { recursive: true });
  const lines: string[] = [];
  for await (const { id, image, question, metadata } of sceneRows(which)) {
    const file = `${id}.png`;
    await writeFile(join(folder, file), image);
    lines.push(`${JSON.stringify({ id, image: file, question, ...metadata })}\n`);
  }
  await writeFile(manifest, lines.join("")); // last: its presence says that the pictures are there
  return manifest;
}
