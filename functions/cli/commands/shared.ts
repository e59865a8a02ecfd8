/** What commands have in common. */
import { access, readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Command } from "commander";
import type { RunConfig } from "../../../shared/schemas/config.ts";
import type { Checkpoint, RunRow } from "../../../shared/schemas/rows.ts";
import type { Submitted } from "../../../shared/schemas/sample.ts";
import { knowsImage } from "../../embedded/image-check.ts";
import { acceptImage } from "../../intake/accept-image.ts";
import { embeddedConfig } from "../../runtime/embedded-models.ts";
import { type Local, openLocal, STATE_FILE } from "../../runtime/local.ts";
import { promotedUpTo, readConfig } from "../../workers/files.ts";
import { readConfigFile } from "../config-file.ts";
import { UserError } from "../errors.ts";
import { DEFAULT_DATA_DIR } from "../execute.ts";

/** The options every command has. */
export function withCommonOptions(command: Command): Command {
  return command.option("--json", "print one JSON value on stdout");
}

export function withDataOption(command: Command): Command {
  return command.option("--data <dir>", "folder of runs, images and state", DEFAULT_DATA_DIR);
}

/** Opens the data folder, and closes it whatever happens. */
export async function inFolder<T>(dataDir: string, work: (local: Local) => Promise<T>): Promise<T> {
  const local = await openLocal({
    dataDir: dataDir === DEFAULT_DATA_DIR ? dataDir : resolve(dataDir),
    env: process.env,
  });
  try {
    return await work(local);
  } finally {
    await local.close();
  }
}

/** A whole number of at least `least`, for commander. */
export function wholeNumber(least: number) {
  return function parseWholeNumber(text: string): number {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least) {
      throw new UserError(`"${text}" is not a whole number of at least ${least}`, {
        fix: `give e.g. ${Math.max(least, 1)}`,
      });
    }
    return value;
  };
}

/** Opens a folder that has runs already; it is not made by looking at it. */
export async function inKnownFolder<T>(dataDir: string, work: (local: Local) => Promise<T>): Promise<T> {
  const known = await access(resolve(dataDir, STATE_FILE)).then(
    () => true,
    () => false,
  );
  if (!known) {
    throw new UserError(`there are no runs in ${dataDir}`, {
      fix: 'name the folder with --data DIR, or start with "rlaifv demo"',
    });
  }
  return inFolder(dataDir, work);
}

/** The run with this id, or the newest that fits. */
export async function findRun(
  id: string | undefined,
  { store }: Pick<Local, "store">,
  fits: (run: RunRow) => boolean = () => true,
): Promise<RunRow> {
  if (id !== undefined) {
    const run = await store.runs.get(id);
    if (run !== undefined) return run;
    throw new UserError(`there is no run ${id} in this folder`, {
      fix: 'list them with "rlaifv status", or name the folder with --data DIR',
    });
  }
  const newest = (await store.runs.list({ limit: 100 })).items.find(fits);
  if (newest !== undefined) return newest;
  throw new UserError("there is no such run in this folder", {
    fix: 'start one with "rlaifv demo" or "rlaifv run CONFIG"',
  });
}

export type AskedModels = { config: RunConfig; checkpoint: Checkpoint | undefined };

/** Whose models answer: those of `--run` with its last promoted checkpoint, those of `--config`, or the embedded ones. */
export async function askedModels(options: { run?: string; config?: string }, local: Local): Promise<AskedModels> {
  if (options.run !== undefined) {
    const { runId, rounds } = await findRun(options.run, local);
    return { config: await readConfig(local.blobs, runId), checkpoint: await promotedUpTo(local.blobs, runId, rounds) };
  }
  if (options.config !== undefined) return { config: await readConfigFile(options.config), checkpoint: undefined };
  const none = "none"; // no data is read
  return {
    config: embeddedConfig({ name: "ask", seed: 1, rounds: 1, data: none, selection: none, evaluation: none }),
    checkpoint: undefined,
  };
}

/** Takes an image file in as a manifest's would be, and keeps it. */
export async function readImage(
  path: string,
  { config }: AskedModels,
  { blobs }: Local,
): Promise<{ image: Submitted["image"]; warnings: string[] }> {
  const bytes = await readFile(path).catch(() => {
    throw new UserError(`cannot read ${path}`, { fix: "give the path of a JPEG, PNG or WebP file" });
  });
  const accepted = await acceptImage(bytes);
  if (accepted.outcome === "refused") throw new UserError(`${path}: ${accepted.reason}`, { fix: accepted.fix });
  const embedded = [config.policy, ...config.labelers].some(({ engine }) => engine === "embedded");
  const strange = embedded && !(await knowsImage(accepted.bytes));
  const warnings = strange
    ? ["the embedded engine knows only its own picture world: what it says about this image means nothing"]
    : [];
  return {
    image: {
      sha256: await blobs.writeContent(accepted.bytes),
      path,
      width: accepted.width,
      height: accepted.height,
    },
    warnings,
  };
}
