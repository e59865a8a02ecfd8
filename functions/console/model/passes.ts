/** Passes as people choose among them. */
import { parsePassId } from "../../../shared/passes.ts";
import type { PassId } from "../../../shared/schemas/rows.ts";
import type { RunDetail } from "../../api/contract/runs.ts";

/** The newest first. */
export function passesOf(run: Pick<RunDetail, "passes"> | undefined): PassId[] {
  const passes = run?.passes.map(({ pass_id }) => pass_id) ?? [];
  return passes.toSorted((a, b) => parsePassId(b).round - parsePassId(a).round || a.localeCompare(b));
}

const PURPOSE = {
  train: "training",
  select: "comparison",
  evaluate: "evaluation",
  greedy: "evaluation, greedy",
  control: "control",
} as const;

/** `2.select-56` → `round 2, comparison, step 56`. */
export function passName(passId: PassId): string {
  const { round, purpose, step } = parsePassId(passId);
  const where = round === 0 ? "base" : `round ${round}`;
  return [where, PURPOSE[purpose], ...(step === undefined ? [] : [`step ${step}`])].join(", ");
}
