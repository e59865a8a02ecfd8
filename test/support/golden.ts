/** The golden cases of RLAIF-V, where a checkout has them beside it. */
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";

const FILE = new URL("../../../shared/golden/rlaifv.json", import.meta.url);

/** The reason to skip a golden test, or false when the file is there. */
export const withoutGolden = existsSync(FILE) ? false : "the golden file ../shared/golden/rlaifv.json is not there";

type LengthCase = {
  id: string;
  lengths_chosen_rejected: [number | string, number][];
  expected: {
    ratio: number;
    kept_indices: number[];
    objective: number;
    mean_chosen_len?: number;
    recommended_result?: LengthCase["expected"];
  };
};

export type Golden = {
  claim_scoring: {
    cases: {
      id: string;
      claims: { yes: number; Yes: number; no: number; No: number }[];
      expected: { labels: number[]; score: number | null; p_yes: number[]; p_no: number[] };
    }[];
  };
  pair_building: {
    cases: {
      scores: Record<string, number>;
      diff: number;
      expected_pairs?: { chosen: string; rejected: string; chosen_score: number; rejected_score: number }[];
      expected_count: number;
    }[];
  };
  fact_parsing: { cases: { raw: string; expected: string[] }[] };
  length_balance: { cases: LengthCase[] };
  end_to_end_feedback: {
    labeler_probs_by_question: Record<string, { yes: number; Yes: number; no: number; No: number }>;
    divided_records: Record<string, unknown>[];
    response_scores: Record<string, number>;
    expected_pairs: Record<string, unknown>[];
  };
};

export function golden(): Golden {
  return JSON.parse(readFileSync(FILE, "utf8")) as Golden;
}

/** One test per golden case; a single skipped one where the file is not there. */
export function goldenTests<Case>(title: string, cases: (all: Golden) => Case[], check: (one: Case) => void): void {
  if (withoutGolden !== false) test(title, { skip: withoutGolden }, () => {});
  else for (const [at, one] of cases(golden()).entries()) test(`${title}, case ${at}`, () => check(one));
}
