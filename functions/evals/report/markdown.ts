/** `report.md`: the figures of one evaluation for reading beside code. */
import { spaced } from "../../report/format.ts";
import * as shown from "./shown.ts";

/** What models wrote shall stay text in a table or quotation. */
const cell = (text: string): string => text.replace(/[\\`*_[\]<>|]/g, "\\$&").replace(/\s+/g, " ");

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "";
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(" | ")} |`;
  return [line(head), `|${" --- |".repeat(head.length)}`, ...rows.map(line)].join("\n");
}

const section = (title: string, body: string): string => (body === "" ? "" : `## ${title}\n\n${body}`);

export function evaluationMarkdown(evaluation: shown.ShownEvaluation): string {
  const { result } = evaluation;
  const groupHead = ["group", ...result.infos.map(({ name }) => spaced(name))];
  const worst = shown.worstItems(evaluation).map(({ score, question, answer, loss }) => {
    const found = cell(JSON.stringify(score.detail));
    return `- **${cell(score.itemId)}** (${loss}) ${cell(question)}\n  > ${cell(answer)}\n\n  ${found}`;
  });
  return `${[
    `# Evaluation: ${result.bench}`,
    table(["", ""], shown.factRows(result)),
    section("Figures", table(shown.FIGURE_HEAD, shown.figureRows(result))),
    section("By group", table(groupHead, shown.groupRows(result))),
    section("Other numbers", table(["number", "value"], shown.extraRows(result))),
    section("Notes", result.notes.map((note) => `- ${cell(note)}`).join("\n")),
    section("Worst items", worst.join("\n")),
  ]
    .filter((part) => part !== "")
    .join("\n\n")}\n`;
}
