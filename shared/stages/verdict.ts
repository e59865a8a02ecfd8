/** From a labeler's first-token probabilities to the verdict on a claim. */
import type { RunConfig } from "../schemas/config.ts";
import type { ClaimLabel, Verdict } from "../schemas/sample.ts";

type ScoreConfig = RunConfig["score"];

/** Marks of a leading space: a plain one, SentencePiece's U+2581, byte-level BPE's U+0120 and U+010A. */
const SPACE_MARK = /^[\s\u2581\u0120\u010a]+/u;

/** RLAIF-V reads exactly these four forms (rlaifv-spec §1.5). */
const PARITY_FORMS: Record<string, "yes" | "no"> = { yes: "yes", Yes: "yes", no: "no", No: "no" };

/** Whether a token is the word yes or the word no: in strict mode in any case and within quotes or punctuation. */
export function yesNoOf(token: string, mode: ScoreConfig["mode"]): "yes" | "no" | undefined {
  const word = token.replace(SPACE_MARK, "");
  if (mode === "parity") return Object.hasOwn(PARITY_FORMS, word) ? PARITY_FORMS[word] : undefined;
  const bare = word.replace(/[\s\p{P}\p{S}\u2581\u0120\u010a]+/gu, "").toLowerCase();
  return bare === "yes" || bare === "no" ? bare : undefined;
}

/** Probabilities of yes and of no, all spellings summed. `logprob` in nats. */
export function yesNoMass(
  tokens: readonly { token: string; logprob: number }[],
  mode: ScoreConfig["mode"],
): ClaimLabel {
  const mass = { yes: 0, no: 0 };
  for (const { token, logprob } of tokens) {
    const word = yesNoOf(token, mode);
    if (word !== undefined) mass[word] += Math.exp(Math.min(0, logprob));
  }
  return { pYes: Math.min(1, mass.yes), pNo: Math.min(1, mass.no) }; // rounding may pass 1
}

/** Whether yes and no together carry enough probability to be believed; parity never asks. */
export function hasMass(label: ClaimLabel, config: ScoreConfig): boolean {
  return label.pYes + label.pNo >= config.minMass && label.pYes + label.pNo > 0;
}

/**
 * parity (RLAIF-V): accepted if the first labeler's p_yes is strictly above its p_no, so a tie rejects.
 * strict: each labeler with enough mass and margin has a vote; the share that agrees must reach the consensus.
 */
export function verdictOf(labels: readonly (ClaimLabel | null)[], config: ScoreConfig): Verdict {
  if (config.mode === "parity") {
    const first = labels[0];
    if (!first) return "abstained";
    return first.pYes > first.pNo ? "accepted" : "rejected";
  }
  const votes = labels.filter((label) => label !== null && hasVote(label, config)) as ClaimLabel[];
  const yes = votes.filter((label) => label.pYes > label.pNo).length;
  if (votes.length === 0) return "abstained";
  if (yes / votes.length >= config.consensus) return "accepted";
  if ((votes.length - yes) / votes.length >= config.consensus) return "rejected";
  return "abstained";
}

/** An exact tie is no vote even with a margin of 0. */
function hasVote(label: ClaimLabel, config: ScoreConfig): boolean {
  const difference = Math.abs(label.pYes - label.pNo);
  return hasMass(label, config) && difference > 0 && difference / (label.pYes + label.pNo) >= config.margin;
}
