/** The judged claims of an `autocheck…` file, gathered by answer. */
import { verdictOf } from "../../shared/stages/verdict.ts";
import { ByteTape } from "./arena.ts";
import { shapeOf } from "./json-scan.ts";
import type { RlaifvPairsOptions } from "./options.ts";
import { type FoundRecord, type RecordIssue, readRecords } from "./records.ts";

/** What the labeler said about one answer. */
export type AnswerLabels = {
  /** The answer's `ds_question_id` as a JSON token. */
  dsQuestionId: string;
  /** Distinct claim questions in file order: start and end of each JSON token on the file's tape. */
  questions: number[];
  /** The last verdict of each. */
  accepted: boolean[];
  /** Rows with a rejection, and rows with any vote: in strict mode a row may have none. */
  rejected: number;
  votes: number;
};

/** A number for whole numbers, also in quotes; else the text. */
export type AnswerId = number | string;

export type LabelFile = { rows: number; byAnswer: Map<AnswerId, AnswerLabels>; questions: ByteTape };

const SHAPE = ["question_id", "ds_question_id", "raw_question", "scores.yes", "scores.Yes", "scores.no", "scores.No"];
const QUESTION_ID = 0;
const DS_QUESTION_ID = 1;
const RAW_QUESTION = 2;
const FORMS = [3, 4, 5, 6] as const;

/** A row without an id, a question or the four probabilities is an issue; its answer will then have too few questions. */
export async function readLabels(
  path: string,
  options: RlaifvPairsOptions,
  onIssue: (issue: RecordIssue) => void,
): Promise<LabelFile> {
  const file: LabelFile = { rows: 0, byAnswer: new Map(), questions: new ByteTape() };
  const record = (found: FoundRecord) => {
    file.rows++;
    const missing = [QUESTION_ID, RAW_QUESTION, ...FORMS].find((slot) => found.slots[2 * slot]! < 0);
    if (missing === undefined) addRow(file, found, options);
    else
      onIssue({
        file: path,
        record: found.record,
        reason: `${SHAPE[missing]} is missing: the claim counts as not judged`,
      });
  };
  await readRecords(path, shapeOf(SHAPE), SHAPE.length, { record, issue: onIssue });
  return file;
}

function addRow(file: LabelFile, found: FoundRecord, options: RlaifvPairsOptions): void {
  const labels = labelsOf(file.byAnswer, found);
  const accepted = isAccepted(found, options);
  if (accepted !== undefined) labels.votes++;
  if (accepted === false) labels.rejected++;
  const { bytes, start, end } = canonicalBytes(found, RAW_QUESTION);
  for (let at = 0; at < labels.accepted.length; at++) {
    const [from, to] = [labels.questions[2 * at]!, labels.questions[2 * at + 1]!];
    if (to - from !== end - start || !file.questions.holdsAt(from, bytes, start, end)) continue;
    labels.accepted[at] = accepted === true;
    return;
  }
  const from = file.questions.append(bytes, start, end);
  labels.questions.push(from, from + end - start);
  labels.accepted.push(accepted === true);
}

function labelsOf(byAnswer: Map<AnswerId, AnswerLabels>, found: FoundRecord): AnswerLabels {
  const id = idOf(found, QUESTION_ID);
  const known = byAnswer.get(id);
  if (known !== undefined) return known;
  const dsQuestionId = found.slots[2 * DS_QUESTION_ID]! < 0 ? "null" : canonicalToken(found, DS_QUESTION_ID);
  const labels = { dsQuestionId, questions: [], accepted: [], rejected: 0, votes: 0 };
  byAnswer.set(id, labels);
  return labels;
}

/** Undefined: no vote (strict). p_yes = P(yes) + P(Yes), p_no likewise (golden `claim_scoring`). */
function isAccepted(found: FoundRecord, options: RlaifvPairsOptions): boolean | undefined {
  const [yes, capitalYes, no, capitalNo] = FORMS;
  const label = {
    pYes: numberOf(found, yes) + numberOf(found, capitalYes),
    pNo: numberOf(found, no) + numberOf(found, capitalNo),
  };
  if (options.mode === "parity") return label.pYes > label.pNo;
  const verdict = verdictOf([label], {
    mode: "strict",
    margin: options.margin,
    minMass: options.minMass,
    consensus: 1,
  });
  return verdict === "abstained" ? undefined : verdict === "accepted";
}

/** The value's own bytes as a Latin-1 text: nothing is decoded, and writing it back as Latin-1 restores the bytes. */
export function tokenOf(found: FoundRecord, slot: number): string {
  return found.bytes.toString("latin1", found.slots[2 * slot], found.slots[2 * slot + 1]);
}

/** A token whose escapes are brought to one form, so that equal texts are equal tokens. */
export function canonicalToken(found: FoundRecord, slot: number): string {
  const { bytes, start, end } = canonicalBytes(found, slot);
  return bytes.toString("latin1", start, end);
}

function canonicalBytes({ bytes, slots }: FoundRecord, slot: number): { bytes: Buffer; start: number; end: number } {
  const [start, end] = [slots[2 * slot]!, slots[2 * slot + 1]!];
  if (!hasEscape(bytes, start, end)) return { bytes, start, end };
  const text: unknown = JSON.parse(bytes.toString("utf8", start, end));
  const canonical = Buffer.from(JSON.stringify(text));
  return { bytes: canonical, start: 0, end: canonical.length };
}

function hasEscape(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    if (bytes[at] === 0x5c) return true;
  }
  return false;
}

/** Not a number (NaN) is what Python writes as NaN: it compares false, as there. */
function numberOf(found: FoundRecord, slot: number): number {
  return Number(tokenOf(found, slot));
}

export function idOf(found: FoundRecord, slot: number): AnswerId {
  return wholeNumber(found, slot) ?? canonicalToken(found, slot);
}

const MOST_DIGITS = 15; // below 2^53 every whole number is exact

/** The number that plain digits spell, without making a text of them. */
function wholeNumber({ bytes, slots }: FoundRecord, slot: number): number | undefined {
  const quoted = bytes[slots[2 * slot]!] === 0x22 ? 1 : 0;
  const start = slots[2 * slot]! + quoted;
  const end = slots[2 * slot + 1]! - quoted;
  if (end === start || end - start > MOST_DIGITS || (bytes[start] === 0x30 && end > start + 1)) return undefined;
  let number = 0;
  for (let at = start; at < end; at++) {
    const digit = bytes[at]! - 0x30;
    if (digit < 0 || digit > 9) return undefined;
    number = 10 * number + digit;
  }
  return number;
}
