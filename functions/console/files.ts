/** The built console in a folder: where it runs there may be neither its sources nor a bundler. */
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { extname, join } from "node:path";
import type { ConsoleAssets } from "./bundle.ts";

const TYPES: Readonly<Record<string, string>> = {
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
};

/** Writes `index.html` and `assets/<name>` into the folder. */
export async function writeConsole({ index, files }: ConsoleAssets, folder: string): Promise<void> {
  await mkdir(join(folder, "assets"), { recursive: true });
  await writeFile(join(folder, "index.html"), index);
  for (const [name, { body }] of files) await writeFile(join(folder, "assets", name), body);
}

/** What `writeConsole` wrote, as `bundleConsole` gives it. */
export async function readConsole(folder: string): Promise<ConsoleAssets> {
  const index = await readFile(join(folder, "index.html"), "utf8");
  const names = await readdir(join(folder, "assets"));
  const files = await Promise.all(
    names.map(async (name) => {
      const type = TYPES[extname(name)];
      if (type === undefined)
        throw new Error(`${join(folder, "assets", name)}: not a file of the console; build it again`);
      return [name, { body: new Uint8Array(await readFile(join(folder, "assets", name))), type }] as const;
    }),
  );
  return { index, files: new Map(files) };
}
