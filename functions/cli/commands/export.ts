import { rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Command, Option } from "commander";
import { pairingKey } from "../../../shared/keys.ts";
import { ExportFormat } from "../../../shared/schemas/lineage.ts";
import { folderBlobStore } from "../../adapters/files/blob-store.ts";
import { exportRound } from "../../runtime/finish.ts";
import { UserError } from "../errors.ts";
import { openOutput } from "../output.ts";
import { findRun, inKnownFolder, wholeNumber, withCommonOptions, withDataOption } from "./shared.ts";

type ExportOptions = { data: string; round: number; format: ExportFormat; out?: string; json?: boolean };

export function exportCommand(): Command {
  const command = new Command("export")
    .argument("<run>", "the run's id")
    .description("write a round's pairs as a dataset, with a card and a lineage file")
    .requiredOption("--round <n>", "which round", wholeNumber(1))
    .addOption(
      new Option("--format <format>", "jsonl, parquet (RLAIF-V-Dataset columns), trl, rlaifv")
        .choices(ExportFormat.options)
        .default("parquet"),
    )
    .option("--out <dir>", "folder to write to (default: RUN-roundN-FORMAT)");
  return withDataOption(withCommonOptions(command)).action(async (id: string, options: ExportOptions) => {
    const output = openOutput(options);
    await inKnownFolder(options.data, async (local) => {
      const { runId } = await findRun(id, local);
      if ((await local.blobs.read(pairingKey(runId, options.round), { offset: 0, length: 1 })) === undefined) {
        throw new UserError(`round ${options.round} of ${runId} has no pairs yet`, {
          fix: `see how far it is: rlaifv status ${runId}`,
        });
      }
      const folder = resolve(options.out ?? `${runId}-round${options.round}-${options.format}`);
      const made = await exportRound({ runId, ...options }, local, {
        store: await folderBlobStore(folder),
        prefix: "",
      });
      await rm(join(folder, "~tmp"), { recursive: true, force: true }); // the store's own scratch
      output.result(
        { folder, ...made },
        `${made.pairs} pairs with ${made.images} images as ${options.format}: ${folder}`,
      );
    });
  });
}
