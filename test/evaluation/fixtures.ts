/** A toy world: lower-case nouns from a list; a sentence is `a NOUN .`, a claim is its noun. */
import type { Bench } from "../../shared/evaluation/bench.ts";
import { sha256Hex } from "../../shared/ids.ts";
import type { ClaimLabel, Scored, ScoredCandidate, ScoredClaim, Verdict } from "../../shared/schemas/sample.ts";

export const NOUNS = ["cat", "dog", "sun", "cup", "car", "hat"];

const truthOf = (sample: { metadata: Record<string, unknown> }) =>
  Array.isArray(sample.metadata["objects"]) ? new Set(sample.metadata["objects"] as string[]) : undefined;

export const toyBench: Bench = {
  name: "toy",
  truth: truthOf,
  mentions: (text) => text.split(/\W+/).flatMap((word) => (NOUNS.includes(word) ? [{ word, object: word }] : [])),
  claimTruth: (claim, sample) => truthOf(sample)?.has(claim),
  sentences: (text) => {
    const parts = text.split(/(?<=\.)\s+/).filter((part) => part !== "");
    return parts.map((part, index) => ({
      text: part,
      malformed: !/^a \w+ ?\.$/.test(part),
      duplicate: parts.indexOf(part) < index,
    }));
  },
};

export type ToyAnswer = { says: readonly string[]; verdicts?: readonly Verdict[]; text?: string; failed?: boolean };

function claimOf(noun: string, at: number, verdict: Verdict): ScoredClaim {
  const pYes = { accepted: 0.9, rejected: 0.1, abstained: 0.5 }[verdict];
  const label: ClaimLabel = { pYes, pNo: 1 - pYes };
  return { claimId: `c.${at}`, text: noun, question: `is there a ${noun}?`, labels: [label], verdict, repeated: false };
}

export function answer({ says, verdicts, text, failed }: ToyAnswer, index = 0, image = ""): ScoredCandidate {
  const claims = says.map((noun, at) => claimOf(noun, at, verdicts?.[at] ?? "accepted"));
  return {
    candidateId: `cnd_${image}_${index}`,
    index,
    text: text ?? says.map((noun) => `a ${noun}.`).join(" "),
    finishReason: "stop",
    completionTokens: null,
    claims: failed ? [] : claims,
    score: failed ? null : -claims.filter(({ verdict }) => verdict === "rejected").length || 0,
    ...(failed ? { unusable: "request_failed" as const } : {}),
  };
}

export function sample(image: string, objects: readonly string[] | undefined, answers: readonly ToyAnswer[]): Scored {
  return {
    sampleId: `smp_${image}`,
    image: { sha256: sha256Hex(image), path: `${image}.png`, width: 96, height: 96 },
    question: "What is in the picture?",
    metadata: objects === undefined ? {} : { objects: [...objects] },
    candidates: answers.map((one, index) => answer(one, index, image)),
  };
}

export const OPTIONS = { confidence: 0.95, resamples: 300, seed: 7 };
