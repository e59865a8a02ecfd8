/** Random scored samples and pair configs for properties. */
import fc from "fast-check";
import { PairConfig } from "../../shared/schemas/config.ts";
import type { Scored, ScoredCandidate } from "../../shared/schemas/sample.ts";

const text = fc.array(fc.constantFrom("a", "dog", "runs", "home"), { maxLength: 12 }).map((words) => words.join(" "));

const candidate = fc
  .record({
    text,
    verdicts: fc.array(fc.constantFrom("accepted" as const, "rejected" as const), { maxLength: 5 }),
    repeated: fc.boolean(),
    cut: fc.boolean(),
  })
  .map(
    ({ text: words, verdicts, repeated, cut }): Omit<ScoredCandidate, "candidateId" | "index"> => ({
      text: words,
      finishReason: cut ? "length" : "stop",
      completionTokens: null,
      claims: verdicts.map((verdict, at) => ({
        claimId: `c.${at}`,
        text: `claim ${at}`,
        question: `question ${at}?`,
        labels: [{ pYes: 0.5, pNo: 0.4 }],
        verdict,
        repeated: repeated && at > 0,
      })),
      score: verdicts.length === 0 ? null : 0 - verdicts.filter((verdict) => verdict === "rejected").length,
    }),
  );

/** Up to eight answers of up to five claims. */
export const scoredSample = fc.tuple(fc.array(candidate, { maxLength: 8 }), fc.nat()).map(
  ([candidates, number]): Scored => ({
    sampleId: `smp_${number}`,
    image: { sha256: "0".repeat(64), path: "a.png", width: 1, height: 1 },
    question: "?",
    metadata: {},
    candidates: candidates.map((one, index) => ({ ...one, candidateId: `cnd_${number}_${index}`, index })),
  }),
);

export const pairConfig = fc
  .record({
    mode: fc.constantFrom("parity" as const, "strict" as const),
    minScoreGap: fc.integer({ min: 1, max: 3 }),
    perSample: fc.option(fc.integer({ min: 1, max: 4 })),
    claimSurplus: fc.option(fc.nat({ max: 3 })),
    disjoint: fc.boolean(),
    runningWordDebt: fc.option(fc.nat({ max: 10 })),
    minRetained: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  .map((given) => PairConfig.parse(given));
