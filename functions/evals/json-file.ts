/** Whole JSON files of benchmarks; an error names the file, the field and the way out. */
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import type { z } from "zod";
import { EvaluationError } from "./problems.ts";

export async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new EvaluationError(
      `cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`,
      "give the path of a file that is there",
    );
  }
}

/** Whether the file is one JSON array, and not JSON Lines. */
export const isArrayFile = async (path: string): Promise<boolean> => (await readText(path)).trimStart().startsWith("[");

/** @throws EvaluationError; entries of arrays are counted from 0 in it, as JSON does */
export async function readJsonFile<T>(path: string, schema: z.ZodType<T>): Promise<T> {
  const text = await readText(path);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new EvaluationError(`${path} is not JSON`, "fetch or write the file anew");
  }
  const checked = schema.safeParse(value);
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  const field = issue === undefined || issue.path.length === 0 ? "the file" : issue.path.join(".");
  throw new EvaluationError(`${path}: ${field}: ${issue?.message}`, "mend the entry, or fetch the file anew");
}

/** An answer of white space only is none. */
export const answerText = (text: string | null | undefined): string | null =>
  text === null || text === undefined || text.trim() === "" ? null : text;

/** The file name at the end of an image's address. */
export const imageName = (url: string): string => basename(url.replace(/[?#].*$/, ""));
