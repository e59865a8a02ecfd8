/** Labels of people or ground truth beside a labeler's verdicts: JSON Lines, one claim a line. */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import type { AgreementRow } from "../../shared/evaluation/agreement.ts";
import type { Verdict } from "../../shared/schemas/sample.ts";
import { shorten } from "../intake/bad-row.ts";
import { EvaluationError } from "./problems.ts";

/** Why a line is left out. `line` counts from 1. */
export type BadLabel = { line: number; field: string; value: string; reason: string; fix: string };

export type Labels = {
  rows: AgreementRow[];
  problems: BadLabel[];
  /** Usable rows that name no image: each counts as an image of its own. */
  withoutImage: number;
};

type Read = { outcome: "read"; row: AgreementRow } | ({ outcome: "bad" } & Omit<BadLabel, "line">);

const FORM = '{"image": "a.jpg", "truth": true, "verdict": "accepted", "p_yes": 0.9, "p_no": 0.1}';

/**
 * `truth`: whether the claim holds. `verdict` may be missing where `p_yes` and `p_no` are there: the larger decides, a
 * tie abstains. Lines that cannot be used are told in `problems`.
 * @throws EvaluationError if the file cannot be read; NoUsableLabels if no line can be used
 */
export async function readLabels(path: string): Promise<Labels> {
  const labels: Labels = { rows: [], problems: [], withoutImage: 0 };
  const lineOf = new Map<string, number>();
  let line = 0;
  for await (const text of linesOf(path)) {
    line++;
    if (text.trim() === "") continue;
    const read = unrepeated(readLine(text, line), lineOf, line);
    if (read.outcome === "bad") {
      const { field, value, reason, fix } = read;
      labels.problems.push({ line, field, value, reason, fix });
      continue;
    }
    labels.rows.push(read.row);
    if (read.row.cluster.startsWith(ALONE)) labels.withoutImage++;
  }
  if (labels.rows.length === 0) throw noneUsable(path, labels.problems);
  return labels;
}

export const badLabelText = ({ line, field, value, reason, fix }: BadLabel): string =>
  `line ${line}: ${field} = ${value}: ${reason}; ${fix}`;

async function* linesOf(path: string): AsyncGenerator<string> {
  const lines = createInterface({ input: createReadStream(path, "utf8"), crlfDelay: Number.POSITIVE_INFINITY });
  let first = true;
  try {
    for await (const text of lines) {
      yield first ? text.replace(/^\ufeff/, "") : text;
      first = false;
    }
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    throw new EvaluationError(`cannot read --labels ${path}: ${error.message}`, "give the path of a JSON Lines file");
  }
}

/** The file is there, but no line of it can be used. */
export class NoUsableLabels extends EvaluationError {
  override name = "NoUsableLabels";
}

function noneUsable(path: string, problems: readonly BadLabel[]): NoUsableLabels {
  const [first] = problems;
  if (first === undefined) return new NoUsableLabels(`${path} has no labels`, `give lines such as ${FORM}`);
  return new NoUsableLabels(
    `${path}: no line can be used (${problems.length} read); ${badLabelText(first)}`,
    `mend the lines; a good one: ${FORM}`,
  );
}

/** A label that stands twice would count twice. */
function unrepeated(read: Read, lineOf: Map<string, number>, line: number): Read {
  if (read.outcome === "bad") return read;
  const { itemId } = read.row;
  const earlier = lineOf.get(itemId);
  lineOf.set(itemId, earlier ?? line);
  if (earlier === undefined) return read;
  return bad("itemId", itemId, `line ${earlier} has it already`, "keep one; several labelers go into several files");
}

const bad = (field: string, value: unknown, reason: string, fix: string): Read => ({
  outcome: "bad",
  ...{ field, value: shorten(value), reason, fix },
});

function readLine(text: string, line: number): Read {
  const record = recordOf(text);
  if (record === undefined) return bad("the line", text, "this is no JSON object", `write e.g. ${FORM}`);
  const truth = yesNo(record["truth"]);
  if (truth === undefined) {
    return bad("truth", record["truth"], "not true, false, yes, no, 1 or 0", "write whether the claim holds");
  }
  const names = namesOf(record, line);
  if ("outcome" in names) return names;
  const said = probabilities(record);
  if ("outcome" in said) return said;
  const verdict = verdictOf(record["verdict"], said);
  if (verdict === undefined) {
    return bad(
      ...(["verdict", record["verdict"], "not accepted, rejected, abstained, or yes or no"] as const),
      "write one of them, or leave it out and give p_yes and p_no",
    );
  }
  return { outcome: "read", row: { ...names, truth, verdict, ...said } };
}

function recordOf(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

const absent = (value: unknown) => value === undefined || value === null;

const YES: readonly unknown[] = [true, 1, "yes"];
const NO: readonly unknown[] = [false, 0, "no"];

function yesNo(value: unknown): boolean | undefined {
  const word = typeof value === "string" ? value.trim().toLowerCase() : value;
  if (YES.includes(word)) return true;
  return NO.includes(word) ? false : undefined;
}

/** Marks the cluster of a row without an image; no path or URL begins so. */
const ALONE = "\u0000line ";

/** Numbers are names, too: `{"itemId": 7}`. */
function namesOf(record: Record<string, unknown>, line: number): Pick<AgreementRow, "itemId" | "cluster"> | Read {
  for (const field of ["itemId", "image"]) {
    const value = record[field];
    if (absent(value) || typeof value === "number" || (typeof value === "string" && value !== "")) continue;
    return bad(field, value, "not a name", "write a string that is not empty, or leave it out");
  }
  const { itemId, image } = record;
  return {
    itemId: absent(itemId) ? `${ALONE}${line}` : String(itemId),
    cluster: absent(image) ? `${ALONE}${line}` : String(image),
  };
}

function probabilities(record: Record<string, unknown>): { pYes?: number; pNo?: number } | Read {
  const { p_yes: pYes, p_no: pNo } = record;
  if (absent(pYes) && absent(pNo)) return {};
  for (const [field, value] of [
    ["p_yes", pYes],
    ["p_no", pNo],
  ] as const) {
    if (typeof value === "number" && value >= 0 && value <= 1) continue;
    return bad(field, value, "not a probability between 0 and 1", "give both p_yes and p_no, or neither");
  }
  return { pYes: pYes as number, pNo: pNo as number };
}

const VERDICTS: readonly unknown[] = ["accepted", "rejected", "abstained"] satisfies Verdict[];

function verdictOf(value: unknown, { pYes, pNo }: { pYes?: number; pNo?: number }): Verdict | undefined {
  if (VERDICTS.includes(value)) return value as Verdict;
  if (!absent(value)) {
    const accepted = yesNo(value);
    return accepted === undefined ? undefined : accepted ? "accepted" : "rejected";
  }
  if (pYes === undefined || pNo === undefined) return undefined;
  if (pYes === pNo) return "abstained";
  return pYes > pNo ? "accepted" : "rejected";
}
