/** From RLAIF-V's answers and labels to its preference pairs, without its pipeline. */
import { drawn, randomFrom, seedFor } from "../../shared/random.ts";
import { type RatioRow, searchRatio } from "../../shared/stages/length-balance.ts";
import { type Answer, type AnswerCounts, type Group, readAnswers, textOf } from "./answers.ts";
import { readLabels } from "./labels.ts";
import type { RlaifvPairsOptions } from "./options.ts";
import { PairLines } from "./pair-lines.ts";
import type { RecordIssue } from "./records.ts";

export type PairsSummary = {
  answers: number;
  /** Rows of the labels file. */
  judgedClaims: number;
  droppedAnswers: AnswerCounts["dropped"];
  /** Combinations with the score gap. */
  validPairs: number;
  /** Why valid pairs are not in the output. */
  droppedPairs: { overCap: number; identicalText: number; chosenTooShort: number };
  /** In the output. */
  pairs: number;
  meanChosenWords: number | null;
  meanRejectedWords: number | null;
  /** Null without `balance`. */
  balance: { ratio: number | null; table: RatioRow[] } | null;
  /** Records that could not be used: how many, and the first of them. */
  badRecords: number;
  issues: RecordIssue[];
};

const SHOWN_ISSUES = 20; // our choice: enough to see a pattern

type Found = { chosen: Answer; rejected: Answer };

/**
 * Reads both files once, in constant memory apart from the answers that can be paired, and writes the pairs in the order of
 * the answers. The same files, options and seed give the same bytes.
 */
export async function makePairs(options: RlaifvPairsOptions): Promise<PairsSummary> {
  const issues: RecordIssue[] = [];
  let badRecords = 0;
  const issue = (one: RecordIssue) => {
    badRecords++;
    if (issues.length < SHOWN_ISSUES) issues.push(one);
  };
  const labels = await readLabels(options.labels, options, issue);
  const found: Found[] = [];
  const group = (one: Group) => addPairs(one, options.minGap, found);
  const counts = await readAnswers(options.answers, labels, { group, issue, strict: options.mode === "strict" });
  const chosen = choosePairs(found, options);
  await writePairs(chosen.pairs, options);
  return {
    answers: counts.answers,
    judgedClaims: labels.rows,
    droppedAnswers: counts.dropped,
    validPairs: found.length,
    droppedPairs: chosen.dropped,
    pairs: chosen.pairs.length,
    meanChosenWords: meanWords(chosen.pairs, "chosen"),
    meanRejectedWords: meanWords(chosen.pairs, "rejected"),
    balance: chosen.balance,
    badRecords,
    issues,
  };
}

function addPairs({ answers }: Group, minGap: number, found: Found[]): void {
  for (let at = 0; at < answers.length; at++) {
    for (let other = at + 1; other < answers.length; other++) {
      const [first, second] = [answers[at]!, answers[other]!];
      if (Math.abs(first.score - second.score) < minGap) continue;
      found.push(
        first.score > second.score ? { chosen: first, rejected: second } : { chosen: second, rejected: first },
      );
    }
  }
}

type Chosen = { pairs: Found[]; dropped: PairsSummary["droppedPairs"]; balance: PairsSummary["balance"] };

function choosePairs(found: readonly Found[], options: RlaifvPairsOptions): Chosen {
  const strict = options.mode === "strict";
  const different = strict ? found.filter((pair) => !isSame(pair)) : found;
  const capped = options.perQuestion === "all" ? different : drawPairs(different, options.perQuestion, options);
  const dropped = {
    overCap: different.length - capped.length,
    identicalText: found.length - different.length,
    chosenTooShort: 0,
  };
  if (!options.balance) return { pairs: [...capped], dropped, balance: null };
  const lengths = capped.map((pair) => ({
    chosen: pair.chosen.words,
    rejected: pair.rejected.words,
    same: isSame(pair),
  }));
  const { ratio, table, keeps } = searchRatio(lengths, strict ? options.minRetained : 0);
  const pairs = capped.filter((_, at) => keeps(lengths[at]!));
  const same = lengths.filter((pair) => pair.same).length;
  dropped.identicalText += same;
  dropped.chosenTooShort = capped.length - pairs.length - same;
  return { pairs, dropped, balance: { ratio, table } };
}

/** Compared without the white space around them. */
function isSame({ chosen, rejected }: Found): boolean {
  return chosen.words === rejected.words && textOf(chosen).trim() === textOf(rejected).trim();
}

/** parity: questions that share a `ds_question_id` share the cap, as in RLAIF-V; strict: each has its own. */
function drawPairs(found: readonly Found[], perQuestion: number, options: RlaifvPairsOptions): Found[] {
  const byQuestion = new Map<string, Found[]>();
  for (const pair of found) {
    const { dsQuestionId, question } = pair.chosen.group;
    const key = options.mode === "strict" ? `${dsQuestionId}\n${question}` : dsQuestionId;
    const others = byQuestion.get(key);
    if (others === undefined) byQuestion.set(key, [pair]);
    else others.push(pair);
  }
  const kept = new Set<Found>();
  for (const [key, pairs] of byQuestion) {
    for (const pair of drawn(pairs, perQuestion, randomFrom(seedFor(options.seed, key, "pair")))) kept.add(pair);
  }
  return found.filter((pair) => kept.has(pair));
}

async function writePairs(pairs: readonly Found[], options: RlaifvPairsOptions): Promise<void> {
  const lines = await PairLines.create(options.out, options.answers);
  try {
    for (const { chosen, rejected } of pairs) await lines.write(chosen, rejected);
  } catch (error) {
    await lines.abandon();
    throw error;
  }
  await lines.finish();
}

function meanWords(pairs: readonly Found[], side: "chosen" | "rejected"): number | null {
  if (pairs.length === 0) return null;
  return pairs.reduce((sum, pair) => sum + pair[side].words, 0) / pairs.length;
}
