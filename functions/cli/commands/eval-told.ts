/** What `rlaifv eval` says in the end. */
import { join } from "node:path";
import { checkGate, type GateCheck, type GateOutcome } from "../../../shared/evaluation/gate.ts";
import type { EvaluationResult } from "../../../shared/schemas/evaluation.ts";
import { REPORT_HTML } from "../../evals/files.ts";
import { figureRows } from "../../evals/report/shown.ts";
import { EXIT, type ExitCode, UserError } from "../errors.ts";
import type { Output } from "../output.ts";

export type Told = { result: EvaluationResult; folder: string; spentUsd: number; gate: string | undefined };

/** One evaluation; the exit code follows from its gate. */
export function told({ result, folder, spentUsd, gate }: Told, output: Output): ExitCode {
  const checked = gate === undefined ? undefined : checkGate(gate, result);
  if (checked?.outcome === "invalid") throw new UserError(checked.message, { fix: "mend --gate" });
  const lines = [
    ...figureRows(result).map(([name, value]) => `${name!.padEnd(28)} ${value}`),
    `${result.items} items, ${result.missing} missing, ${spentUsd.toFixed(4)} USD`,
    ...gateLines(checked),
    join(folder, REPORT_HTML),
  ];
  output.result({ folder, result, spentUsd, ...(checked === undefined ? {} : { gate: checked }) }, lines.join("\n"));
  return checked?.outcome === "failed" ? EXIT.gateFailed : EXIT.ok;
}

export const gateLines = (gate: GateOutcome | undefined): string[] =>
  gate === undefined || gate.outcome === "invalid" ? [] : gate.checks.map(checkText);

const checkText = ({ text, value, holds }: GateCheck): string =>
  `gate ${holds ? "holds" : "fails"}: ${text} (${value === null ? "not measured" : value.toFixed(4)})`;
