/** Builds the console into an empty folder: `node scripts/build-console.ts FOLDER`. */
import { rm } from "node:fs/promises";
import { bundleConsole } from "../functions/console/bundle.ts";
import { writeConsole } from "../functions/console/files.ts";

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error("say where: node scripts/build-console.ts FOLDER");
await rm(folder, { recursive: true, force: true });
await writeConsole(await bundleConsole(), folder);
