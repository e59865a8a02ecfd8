import { questionOf } from "../world/claims.ts";
import { parseSentence, sentencesOf } from "../world/parse.ts";

/**
 * Dividing and questioning by rule. In this world an answer is a row of short sentences, so every sentence is a claim,
 * word for word, the malformed ones too: what cannot be understood is a claim that no picture bears out.
 */

/** The claims of an answer. Nothing is dropped and nothing is added. */
export const divideAnswer = (answer: string): string[] => sentencesOf(answer);

/** The claim as a yes/no question; a sentence outside the grammar is asked about as it stands. */
export function questionFor(statement: string): string {
  const claim = parseSentence(statement);
  return claim ? questionOf(claim) : `Is it right to say "${statement}"?`;
}

const BULLET = /^\s*(?:[-*•]|\d+[.)])\s+/;

/** The text below the last line that reads like one of the headings; the whole text where there is none. */
export function below(text: string, headings: readonly string[]): string {
  const lines = text.split("\n");
  const at = lines.findLastIndex((line) =>
    headings.some((heading) => line.trim().toLowerCase().startsWith(`${heading}:`)),
  );
  if (at < 0) return text.trim();
  const sameLine = lines[at]!.slice(lines[at]!.indexOf(":") + 1);
  return [sameLine, ...lines.slice(at + 1)].join("\n").trim();
}

/** The items of a bullet list, or every line where there are no bullets. */
export function listItems(text: string): string[] {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const bullets = lines.filter((line) => BULLET.test(line));
  return (bullets.length > 0 ? bullets : lines).map((line) => line.replace(BULLET, "").trim());
}

/** The one list in a JSON schema of an object: its name, and the names of its items' fields if they are objects. */
function listShape(schema: Record<string, unknown>): { name: string; fields: string[] } {
  const properties = Object.entries(
    (schema["properties"] ?? {}) as Record<string, { type?: string; items?: Record<string, unknown> }>,
  );
  const [name, list] = properties.find(([, { type }]) => type === "array") ?? ["items", undefined];
  return { name, fields: Object.keys((list?.items?.["properties"] ?? {}) as object) };
}

export type ListReply = { statements: readonly string[]; questions?: readonly string[]; wantsBoth: boolean };

/** The list as JSON of the asked schema, or as bullets; with statement and question in one line where both are wanted. */
export function formatList(
  { statements, questions, wantsBoth }: ListReply,
  schema: Record<string, unknown> | undefined,
): string {
  const items = questions ?? statements;
  if (!schema) {
    if (items.length === 0) return "none";
    return items.map((item, i) => (wantsBoth ? `- ${statements[i]} || ${questions?.[i]}` : `- ${item}`)).join("\n");
  }
  const { name, fields } = listShape(schema);
  if (fields.length === 0) return JSON.stringify({ [name]: items });
  const fieldOf = (field: string, i: number) => (field === "question" ? questions?.[i] : statements[i]);
  return JSON.stringify({
    [name]: items.map((_, i) => Object.fromEntries(fields.map((field) => [field, fieldOf(field, i)]))),
  });
}

/** The divider's reply: claims, with their questions where the prompt asks for both. */
export function divideReply(prompt: string, schema: Record<string, unknown> | undefined): string {
  const statements = divideAnswer(below(prompt, ["answer"]));
  const wantsBoth = schema ? listShape(schema).fields.includes("question") : prompt.includes("||");
  return formatList(
    { statements, ...(wantsBoth ? { questions: statements.map(questionFor) } : {}), wantsBoth },
    schema,
  );
}

/** The questioner's reply: one question for each statement, in their order. */
export function questionReply(prompt: string, schema: Record<string, unknown> | undefined): string {
  const statements = listItems(below(prompt, ["statements", "claims", "facts"]));
  return formatList({ statements, questions: statements.map(questionFor), wantsBoth: false }, schema);
}
