import pc from "picocolors";
import type { Verdict } from "../../shared/schemas/sample.ts";

const MARK: Record<Verdict, string> = {
  accepted: pc.green("✓ accepted "),
  rejected: pc.red("✗ rejected "),
  abstained: pc.yellow("? abstained"),
};

/** One claim with its verdict and what each labeler said; null for one that gave no usable reply. */
export function claimLine(claim: { text: string; verdict: Verdict; pYes: readonly (number | null)[] }): string {
  const votes = claim.pYes.map((pYes) => `p(yes) ${pYes?.toFixed(3) ?? "n/a"}`);
  return `${MARK[claim.verdict]}  ${votes.join(", ")}  ${claim.text}`;
}
