/** The files of an evaluation: answers and judge calls as JSON Lines, one folder for each result. */
import { createReadStream } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import type { z } from "zod";
import { EvaluationAnswer, EvaluationResult, ItemScore, JudgeCall } from "../../shared/schemas/evaluation.ts";
import { EvaluationError } from "./problems.ts";
import { comparisonHtml, type ShownComparison } from "./report/comparison.ts";

export const RESULT_FILE = "result.json";
export const ITEMS_FILE = "items.jsonl";
export const ANSWERS_FILE = "answers.jsonl";
export const JUDGE_FILE = "judge.jsonl";
export const REPORT_HTML = "report.html";
export const REPORT_MARKDOWN = "report.md";

/** Lines of JSON, each checked; an error names the file, the line and what is wrong. */
export async function readJsonLines<T>(path: string, schema: z.ZodType<T>): Promise<T[]> {
  const records: T[] = [];
  let line = 0;
  const lines = createInterface({ input: createReadStream(path, "utf8"), crlfDelay: Number.POSITIVE_INFINITY });
  try {
    for await (const text of lines) {
      line++;
      if (text.trim() !== "") records.push(parsed(text, schema, `${path}, line ${line}`));
    }
  } catch (error) {
    throw unreadable(error, path);
  }
  return records;
}

function parsed<T>(text: string, schema: z.ZodType<T>, where: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new EvaluationError(`${where}: this is not JSON`, "mend the line, or remove it");
  }
  const checked = schema.safeParse(value);
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  const field = issue === undefined || issue.path.length === 0 ? "the record" : issue.path.join(".");
  throw new EvaluationError(`${where}: ${field}: ${issue?.message}`, "mend the line, or remove it");
}

function unreadable(error: unknown, path: string): unknown {
  if (error instanceof Error && "code" in error && error.code === "ENOENT") {
    return new EvaluationError(`cannot read ${path}: there is no such file`, "give the path of a file that is there");
  }
  return error;
}

/** Answers in this project's own form: `{"itemId": …, "text": …}` a line; a null text is a missing answer. */
export const readAnswers = (path: string): Promise<EvaluationAnswer[]> => readJsonLines(path, EvaluationAnswer);

/** Whether the file's first line is an answer in this project's own form. */
export async function isOwnForm(path: string): Promise<boolean> {
  const lines = createInterface({ input: createReadStream(path, "utf8"), crlfDelay: Number.POSITIVE_INFINITY });
  try {
    for await (const text of lines) {
      if (text.trim() === "") continue;
      const value: unknown = JSON.parse(text);
      return typeof value === "object" && value !== null && "itemId" in value && "text" in value;
    }
  } catch {
    // no JSON Lines, or no file: the bench's own reader says what is wrong
  } finally {
    lines.close();
  }
  return false;
}

export const readCalls = (path: string): Promise<JudgeCall[]> => readJsonLines(path, JudgeCall);

/** A finished evaluation. */
export type ResultFolder = { result: EvaluationResult; scores: ItemScore[] };

export async function readResultFolder(folder: string): Promise<ResultFolder> {
  const path = join(folder, RESULT_FILE);
  const text = await readFile(path, "utf8").catch(() => {
    throw new EvaluationError(
      `${folder} is no folder of an evaluation: ${path} cannot be read`,
      "give the --out folder of an evaluation",
    );
  });
  return {
    result: parsed(text, EvaluationResult, path),
    scores: await readJsonLines(join(folder, ITEMS_FILE), ItemScore),
  };
}

/** The result that lies beside stored answers, where they are those of an evaluation. */
export async function resultBeside(answersPath: string): Promise<EvaluationResult | undefined> {
  const text = await readFile(join(dirname(answersPath), RESULT_FILE), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return EvaluationResult.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined; // some other tool's result.json
  }
}

/** The figures, and a page about them. */
export async function writeComparison(folder: string, shown: ShownComparison): Promise<void> {
  await writeWhole(join(folder, "comparison.json"), `${JSON.stringify(shown.comparison, null, 2)}\n`);
  await writeWhole(join(folder, "comparison.html"), comparisonHtml(shown));
}

/** Whole or not at all. */
export async function writeWhole(path: string, text: string | AsyncIterable<string>): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const partial = `${path}.partial`;
  await writeFile(partial, text);
  await rename(partial, path);
}

export async function writeJsonLines(path: string, records: readonly unknown[]): Promise<void> {
  await writeWhole(path, lines(records));
}

async function* lines(records: readonly unknown[]): AsyncGenerator<string> {
  for (const record of records) yield `${JSON.stringify(record)}\n`;
}
