/** Writes one export of every format, and what they must hold (`expected.json`), into the folder named by the argument. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ExportFormat } from "../../shared/schemas/lineage.ts";
import { exportTo, makePairs } from "../exports/support.ts";

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error("usage: node test/python/make_export.ts FOLDER");

const made = await makePairs(250);
for (const format of ExportFormat.options) await exportTo(join(folder, format), format, made, 1_000_000);
await exportTo(join(folder, "empty"), "parquet", { ...made, pairs: [] });
await mkdir(folder, { recursive: true });
await writeFile(join(folder, "expected.json"), JSON.stringify(made.pairs));
