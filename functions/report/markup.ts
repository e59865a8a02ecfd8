/** HTML as a tagged template: whatever is put in is escaped, unless it is markup itself. */

/** Markup that may stand in a page as it is. */
export class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
  toString(): string {
    return this.text;
  }
}

export type Content = Markup | string | number | null | undefined | false | readonly Content[];

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const UNPRINTABLE = /(?![\t\n\r])\p{Cc}/gu; // browsers disagree on control characters

/** Text for element content and for quoted attributes; unprintable characters become U+FFFD. */
export function escapeHtml(text: string): string {
  return text
    .toWellFormed()
    .replace(UNPRINTABLE, "\ufffd")
    .replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}

function render(content: Content): string {
  if (content instanceof Markup) return content.text;
  if (Array.isArray(content)) return content.map(render).join("");
  return content === null || content === undefined || content === false ? "" : escapeHtml(String(content));
}

export function html(strings: TemplateStringsArray, ...contents: Content[]): Markup {
  return new Markup(strings.map((string, index) => string + render(contents[index])).join(""));
}

/** For markup made elsewhere (SVG of a chart). Never for text that a model or a user wrote. */
export const trusted = (text: string): Markup => new Markup(text);
