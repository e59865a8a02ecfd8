/** The answers of a `….gq.jsonl` file, in groups of one instruction, each joined to its labels. */
import { wordCount } from "../../shared/stages/text.ts";
import { Arena, type ByteTape } from "./arena.ts";
import { shapeOf, skipSpace, skipString } from "./json-scan.ts";
import { type AnswerId, type AnswerLabels, canonicalToken, idOf, type LabelFile, tokenOf } from "./labels.ts";
import { type FoundRecord, type RecordIssue, readRecords } from "./records.ts";

/** Why an answer cannot stand in a pair. */
export type AnswerDrop =
  | "later_run"
  | "not_judged"
  | "no_vote"
  | "question_count_mismatch"
  | "image_differs"
  | "ds_question_id_differs"
  | "bad_record";

/** One answer that may be paired. JSON texts are kept as bytes: they go to the output as they came. */
export type Answer = {
  group: Group;
  score: number;
  words: number;
  /** Three JSON texts in a row: the answer, its `{facts, changed_facts}`, its `{judge, score}`. */
  bytes: Buffer;
  infosAt: number;
  scoresAt: number;
};

/** One instruction: what all of its answers share, as JSON tokens (bytes as Latin-1). */
export type Group = {
  dsQuestionId: string;
  question: string;
  imagePath: string;
  reference: string;
  answers: Answer[];
};

export type AnswerCounts = { answers: number; dropped: Partial<Record<AnswerDrop, number>> };

/** Where bytes live that outlast their record. */
type Kept = { arena: Arena; questions: ByteTape };

const SHAPE = [
  "question_id",
  "ds_question_id",
  "raw_question",
  "answer",
  "facts",
  "changed_facts",
  "metainfos.image_path",
  "metainfos.reference",
  "metainfos.metainfos.reference",
];
const [
  QUESTION_ID,
  DS_QUESTION_ID,
  RAW_QUESTION,
  ANSWER,
  FACTS,
  CHANGED_FACTS,
  IMAGE_PATH,
  REFERENCE,
  INNER_REFERENCE,
] = SHAPE.map((_, slot) => slot) as [number, number, number, number, number, number, number, number, number];
const NEEDED = [QUESTION_ID, DS_QUESTION_ID, RAW_QUESTION, ANSWER, FACTS, CHANGED_FACTS, IMAGE_PATH];

/**
 * Reads the answers and calls `onGroup` for each instruction. As in RLAIF-V only the first contiguous run of an instruction
 * counts (rlaifv-spec §1.7, 1). Two answers of one `question_id` are an exception: labels could not be told apart.
 */
export async function readAnswers(
  path: string,
  labels: LabelFile,
  on: { group: (group: Group) => void; issue: (issue: RecordIssue) => void; strict: boolean },
): Promise<AnswerCounts> {
  const counts: AnswerCounts = { answers: 0, dropped: {} };
  const drop = (reason: AnswerDrop) => {
    counts.dropped[reason] = (counts.dropped[reason] ?? 0) + 1;
  };
  const seenIds = new Set<AnswerId>();
  const kept: Kept = { arena: new Arena(), questions: labels.questions };
  const seenKeys = new Set<string>();
  let key: string | undefined;
  let group: Group | undefined;
  const endGroup = () => {
    if (group !== undefined) on.group(group);
    group = undefined;
  };
  const record = (found: FoundRecord) => {
    counts.answers++;
    const missing = NEEDED.find((slot) => found.slots[2 * slot]! < 0);
    if (missing !== undefined) {
      on.issue({ file: path, record: found.record, reason: `${SHAPE[missing]} is missing: the answer is left out` });
      return drop("bad_record");
    }
    const id = uniqueId(found, seenIds, path);
    const nextKey = `${canonicalToken(found, DS_QUESTION_ID)}\n${canonicalToken(found, RAW_QUESTION)}`;
    if (nextKey !== key) {
      endGroup();
      key = nextKey;
      if (!seenKeys.has(key)) group = newGroup(found, on.strict);
      seenKeys.add(key);
    }
    const judged = labels.byAnswer.get(id);
    labels.byAnswer.delete(id); // used up: half of the memory otherwise
    const reason = group === undefined ? "later_run" : addAnswer(group, found, judged, kept);
    if (reason !== undefined) drop(reason);
  };
  await readRecords(path, shapeOf(SHAPE), SHAPE.length, { record, issue: on.issue });
  endGroup();
  return counts;
}

function uniqueId(found: FoundRecord, seen: Set<AnswerId>, path: string): AnswerId {
  const id = idOf(found, QUESTION_ID);
  if (!seen.has(id)) {
    seen.add(id);
    return id;
  }
  const advice = "give every answer an id of its own after repeating the questions, in both files";
  throw new Error(`${path}, record ${found.record}: question_id ${id} stands at two answers; ${advice}`);
}

/** parity: RLAIF-V looks for the reference one level too high, so it is usually lost (golden `end_to_end_feedback`). */
function newGroup(found: FoundRecord, strict: boolean): Group {
  const slots = strict ? [REFERENCE, INNER_REFERENCE] : [REFERENCE];
  const reference = slots
    .map((slot) => (found.slots[2 * slot]! < 0 ? '""' : tokenOf(found, slot)))
    .find((token) => token !== '""');
  return {
    dsQuestionId: canonicalToken(found, DS_QUESTION_ID),
    question: tokenOf(found, RAW_QUESTION),
    imagePath: tokenOf(found, IMAGE_PATH),
    reference: reference ?? '""',
    answers: [],
  };
}

function addAnswer(
  group: Group,
  found: FoundRecord,
  labels: AnswerLabels | undefined,
  kept: Kept,
): AnswerDrop | undefined {
  if (labels === undefined) return "not_judged";
  if (labels.dsQuestionId !== group.dsQuestionId) return "ds_question_id_differs";
  if (tokenOf(found, IMAGE_PATH) !== group.imagePath) return "image_differs";
  if (labels.accepted.length !== filledTexts(found, FACTS)) return "question_count_mismatch";
  if (labels.votes === 0) return "no_vote";
  group.answers.push(answerOf(group, found, labels, kept));
  return undefined;
}

/** How many texts of a JSON list are not empty. */
function filledTexts({ bytes, slots }: FoundRecord, slot: number): number {
  const end = slots[2 * slot + 1]! - 1;
  let count = 0;
  let here = skipSpace(bytes, slots[2 * slot]! + 1);
  while (here < end) {
    if (bytes[here] !== 0x22) {
      here++; // a comma or white space
      continue;
    }
    const next = skipString(bytes, here);
    if (next > here + 2) count++;
    here = next;
  }
  return count;
}

function answerOf(group: Group, found: FoundRecord, labels: AnswerLabels, kept: Kept): Answer {
  const { bytes, slots } = found;
  const { arena, questions } = kept;
  const text: unknown = JSON.parse(bytes.toString("utf8", slots[2 * ANSWER]!, slots[2 * ANSWER + 1]!));
  if (typeof text !== "string") throw new SyntaxError(`answer is ${JSON.stringify(text)}, expected a text`);
  const score = 0 - labels.rejected;
  arena.addBytes(bytes, slots[2 * ANSWER]!, slots[2 * ANSWER + 1]!);
  const infosAt = arena.size;
  arena.addText('{"facts": ');
  arena.addBytes(bytes, slots[2 * FACTS]!, slots[2 * FACTS + 1]!);
  arena.addText(', "changed_facts": ');
  arena.addBytes(bytes, slots[2 * CHANGED_FACTS]!, slots[2 * CHANGED_FACTS + 1]!);
  arena.addText("}");
  const scoresAt = arena.size;
  arena.addText('{"judge": {');
  for (const [at, accepted] of labels.accepted.entries()) {
    const question = questions.slice(labels.questions[2 * at]!, labels.questions[2 * at + 1]!);
    if (at > 0) arena.addText(", ");
    arena.addBytes(question, 0, question.length);
    arena.addText(accepted ? ': "1"' : ': "0"');
  }
  arena.addText(`}, "score": "${score}"}`);
  return { group, score, words: wordCount(text), bytes: arena.take(), infosAt, scoresAt };
}

/** The answer's text, decoded. */
export function textOf(answer: Answer): string {
  return JSON.parse(answer.bytes.toString("utf8", 0, answer.infosAt)) as string;
}
