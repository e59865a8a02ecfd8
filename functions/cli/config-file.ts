/** Reads a run's config: JSON with comments and trailing commas. */
import { readFile } from "node:fs/promises";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { type ParseError, parse, printParseErrorCode } from "jsonc-parser";
import { z } from "zod";
import { readConfigInput } from "../../shared/config-input.ts";
import type { DataRef, RunConfig } from "../../shared/schemas/config.ts";
import { UserError } from "./errors.ts";

/** Paths in the file are relative to the file. Every problem is told at once. */
export async function readConfigFile(path: string): Promise<RunConfig> {
  const text = await readFile(path, "utf8").catch(() => {
    throw new UserError(`cannot read ${path}`, { fix: 'give the path of a config; "rlaifv init" writes one' });
  });
  const problems: ParseError[] = [];
  const value: unknown = parse(text, problems, { allowTrailingComma: true });
  const [first] = problems;
  if (first !== undefined) {
    const line = text.slice(0, first.offset).split("\n").length;
    throw new UserError(`${path}:${line}: ${printParseErrorCode(first.error)}`, { fix: "mend the JSON at this line" });
  }
  return withPathsFrom(dirname(path), checked(path, value));
}

function checked(path: string, value: unknown): RunConfig {
  const read = readConfigInput(value);
  if (read.outcome === "read") return read.config;
  if (read.outcome === "unknown_preset") {
    throw new UserError(read.message, { fix: 'choose one that "rlaifv models" lists for this role' });
  }
  throw new UserError(`${path}:\n${z.prettifyError(read.error)}`, {
    fix: 'mend these fields; "rlaifv init" writes a config that explains each',
  });
}

function withPathsFrom(folder: string, config: RunConfig): RunConfig {
  const resolved = (ref: DataRef): DataRef =>
    "path" in ref && !isAbsolute(ref.path) ? { ...ref, path: join(folder, ref.path) } : ref;
  if (config.evaluate === undefined) return { ...config, data: resolved(config.data) };
  const { data, selection, amber, ...rest } = config.evaluate;
  const evaluate = {
    ...rest,
    data: resolved(data),
    ...(amber === undefined ? {} : { amber: resolve(folder, amber) }),
    ...(selection === undefined ? {} : { selection: resolved(selection) }),
  };
  return { ...config, data: resolved(config.data), evaluate };
}
