/** Claims as they are shown inside an answer: a verdict never differs by colour alone. */

import type { PairSide } from "../../../shared/schemas/pair.ts";
import type { Verdict } from "../../../shared/schemas/sample.ts";
import type { ClaimView } from "../../api/contract/samples.ts";
import { DASH, probability } from "../../report/format.ts";

export type ShownClaim = {
  text: string;
  question: string | null;
  /** Mean over the labelers that answered; null where none did. */
  pYes: number | null;
  /** Each labeler's p(yes), in the order of the config; empty where only the mean is known. */
  each: (number | null)[];
  /** Null before it is scored. */
  verdict: Verdict | null;
  repeated: boolean;
  /** Of a pair: the other answer says it, too. */
  inBoth: boolean;
};

/** The first sign of a verdict besides its colour. */
export const SIGN: Record<Verdict, string> = { accepted: "✓", rejected: "✗", abstained: "?" };

export function claimOfView({ text, question, p_yes, labels, verdict, repeated }: ClaimView): ShownClaim {
  const each = labels.map((label) => label?.p_yes ?? null);
  return { text, question, pYes: p_yes, each, verdict, repeated, inBoth: false };
}

type PairClaim = PairSide["claims"][number];

const claimOfPair = ({ text, question, pYes, verdict }: PairClaim, inBoth: boolean): ShownClaim => ({
  text,
  question,
  pYes,
  each: [],
  verdict,
  repeated: false,
  inBoth,
});

/** Claims are the same when they say the same words, whatever their case and punctuation. */
const sameWords = (text: string) =>
  text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, " ")
    .trim();

/** The claims of both sides; `inBoth` marks those that the other side makes, too. */
export function pairClaims(chosen: PairSide, rejected: PairSide): { chosen: ShownClaim[]; rejected: ShownClaim[] } {
  const said = (side: PairSide) => new Set(side.claims.map(({ text }) => sameWords(text)));
  const compared = (side: PairSide, other: Set<string>) =>
    side.claims.map((claim) => claimOfPair(claim, other.has(sameWords(claim.text))));
  return { chosen: compared(chosen, said(rejected)), rejected: compared(rejected, said(chosen)) };
}

export type Part = { text: string; claim: ShownClaim | null };

/** Claims that stand in the text word for word are marked there, in their order; the others are listed below it. */
export function marking(text: string, claims: readonly ShownClaim[]): { parts: Part[]; unplaced: ShownClaim[] } {
  const parts: Part[] = [];
  const unplaced: ShownClaim[] = [];
  let at = 0;
  for (const claim of claims) {
    const from = text.indexOf(claim.text, at);
    if (from < 0) {
      unplaced.push(claim);
      continue;
    }
    if (from > at) parts.push({ text: text.slice(at, from), claim: null });
    at = from + claim.text.length;
    parts.push({ text: claim.text, claim });
  }
  if (at < text.length) parts.push({ text: text.slice(at), claim: null });
  return { parts, unplaced };
}

/** `p(yes) 0.93`, with each labeler's own where there are several. */
export function yesText({ pYes, each }: ShownClaim): string {
  const several = each.length > 1 ? ` (labelers: ${each.map(probability).join(", ")})` : "";
  return `p(yes) ${probability(pYes)}${several}`;
}

export type ClaimCounts = { accepted: number; rejected: number; abstained: number };

/** `12 claims, 2 rejected, 1 abstained`. */
export function countsText({ accepted, rejected, abstained }: ClaimCounts): string {
  const all = accepted + rejected + abstained;
  if (all === 0) return DASH;
  const named = [rejected > 0 && `${rejected} rejected`, abstained > 0 && `${abstained} abstained`].filter(Boolean);
  return [`${all} ${all === 1 ? "claim" : "claims"}`, ...(named.length > 0 ? named : ["all accepted"])].join(", ");
}

export function countVerdicts(claims: readonly { verdict: Verdict | null }[]): ClaimCounts {
  const of = (wanted: Verdict) => claims.filter(({ verdict }) => verdict === wanted).length;
  return { accepted: of("accepted"), rejected: of("rejected"), abstained: of("abstained") };
}
