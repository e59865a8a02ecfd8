/**
 * Reading a list out of a model's reply. Models asked for "- " bullets answer with any bullet, numbers, JSON, fences,
 * headers and friendly sentences around it; none of that may cost a claim, and a reply without a list is not an empty list.
 */
import { oneLine } from "./text.ts";

export type ParsedList<Item> = { outcome: "list"; items: Item[] } | { outcome: "unparsable" };

/** One line of a list; `question` only where the reply holds statement and question together. */
export type ListItem = { text: string; question?: string };

const BULLET = /^\s*(?:\*\*)?(?:[-*+•◦▪‣·–—●○■]+|\(?\d{1,3}[.):])(?:\*\*)?(?:\s+|$)/u;
/** A bullet glued to its text: `-A dog.`; not for numbers, quantities or emphasis such as `*red*`. */
const GLUED_BULLET = /^\s*[-•◦▪‣●]\s*(?=\p{L})/u;
const NOTHING =
  /^[\s("'*[]*(?:none|n\/a|nothing|empty|no (?:visual |factual |checkable )?(?:claims?|statements?|facts?|questions?)(?: (?:found|present|to (?:list|check)))?|there (?:are|is) no (?:visual |factual |checkable )?(?:claims?|statements?|facts?)[^.\n]*)[\s.)"'*\]]*$/i;
const HEADER = /^\s*(?:#{1,6}\s.*|#{1,6}|\*\*[^*]+:?\*\*:?|.*[:：])\s*$/u;

/** The items of a reply in their order, one line each. Empty items are left out. */
export function parseList(reply: string): ParsedList<ListItem> {
  const text = reply.replace(/^\s*<think>[\s\S]*?<\/think>/, "").trim();
  const json = jsonItems(text);
  if (json !== undefined) return { outcome: "list", items: json };
  const plain = text.replace(/^```[^\n]*$/gm, "");
  if (NOTHING.test(plain)) return { outcome: "list", items: [] };
  return linesToList(plain.split("\n"));
}

/**
 * RLAIF-V's own rule (golden `fact_parsing`): lines holding `###` and empty lines fall away, and the first character of
 * every other line is deleted whatever it is. A lone "-" stays in the list as an empty string.
 */
export function parseListAsRlaifv(reply: string): string[] {
  return reply
    .trim()
    .split("\n")
    .filter((line) => line !== "" && !line.includes("###"))
    .map((line) => line.slice(1).trim());
}

function linesToList(lines: readonly string[]): ParsedList<ListItem> {
  const bulleted = lines.some((line) => BULLET.test(line)) || lines.some((line) => GLUED_BULLET.test(line));
  const found = bulleted ? bulletItems(lines) : bareItems(lines);
  if (found === undefined) return { outcome: "unparsable" };
  const items = found.map(oneLine).filter((item) => item !== "");
  if (items.length === 1 && NOTHING.test(items[0]!)) return { outcome: "list", items: [] };
  return { outcome: "list", items: items.map(withQuestion) };
}

/** What stands before the first bullet is a preamble, what stands alone after the last one a remark. */
function bulletItems(lines: readonly string[]): string[] {
  const items: string[] = [];
  let afterBlank = false;
  for (const line of lines) {
    const marker = BULLET.exec(line) ?? GLUED_BULLET.exec(line);
    if (line.trim() === "") afterBlank = true;
    else if (marker) {
      items.push(withoutSecondMarker(line.slice(marker[0].length)));
      afterBlank = false;
    } else if (items.length > 0 && !afterBlank && !HEADER.test(line)) addLine(items, line);
  }
  return items;
}

/** A line without a bullet right below an item: the item's second half, or an item whose bullet was forgotten. */
function addLine(items: string[], line: string): void {
  const last = items.at(-1)!;
  const continues = /^\s{2,}/.test(line) || !/[.!?。！？]["'”’)]*\s*$/u.test(last);
  if (continues) items[items.length - 1] = `${last} ${line}`;
  else items.push(line);
}

/** `- 1. A dog` has two markers; `- 3 dogs` has one. */
function withoutSecondMarker(item: string): string {
  return item.replace(/^\(?\d{1,3}[.)]\s+(?=\p{L})/u, "");
}

/**
 * Lines without any bullet are a list when a header announces them, when there are several, or when the only one is a
 * question. A single bare sentence may as well be a refusal.
 */
function bareItems(lines: readonly string[]): string[] | undefined {
  const filled = lines.filter((line) => line.trim() !== "");
  const items = filled.filter((line) => !HEADER.test(line));
  if (filled.length === 0) return undefined;
  if (items.length < filled.length || items.length > 1) return isRefusal(items[0]) ? undefined : items;
  return /[?？]\s*$/u.test(items[0]!) ? items : undefined;
}

function isRefusal(line: string | undefined): boolean {
  return line !== undefined && /^\s*(?:i['’]?m sorry|sorry|i (?:can(?:not|['’]t)|am unable)|as an ai)\b/i.test(line);
}

/** `statement || question` of the one-call list. */
function withQuestion(item: string): ListItem {
  const [text, question] = item.split(/\s*\|\|\s*/, 2);
  return question === undefined || question === "" || text === "" ? { text: item } : { text: text!, question };
}

/** The items of the first JSON value in the reply, or undefined when there is none that holds a list. */
function jsonItems(text: string): ListItem[] | undefined {
  const fenced = /```(?:json)?\s*\n?([\s\S]*?)```/i.exec(text)?.[1]?.trim();
  const bulleted = text.split("\n").some((line) => BULLET.test(line)); // brackets inside a claim are no list
  const spans = bulleted ? [] : [spanned(text, "{", "}"), spanned(text, "[", "]")];
  for (const candidate of [fenced, text, ...spans]) {
    if (candidate === undefined || !/^[[{]/.test(candidate)) continue;
    const list = listIn(parsedJson(candidate));
    if (list !== undefined) return list.map(itemOf).filter((item) => item !== undefined);
  }
  return undefined;
}

/** From the first bracket that opens a JSON value to the last closing one. */
function spanned(text: string, open: string, close: string): string | undefined {
  const start = text.search(open === "[" ? /\[\s*(?:["{\]])/ : /\{\s*"/);
  const end = text.lastIndexOf(close);
  return start >= 0 && end > start ? text.slice(start, end + 1) : undefined;
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // not JSON: the caller tries the next reading
  }
}

function listIn(value: unknown): unknown[] | undefined {
  if (Array.isArray(value)) return value.every((item) => itemOf(item) !== undefined || item === "") ? value : undefined;
  if (value === null || typeof value !== "object") return undefined;
  const lists = Object.values(value).filter((field) => Array.isArray(field));
  return lists.length === 1 ? listIn(lists[0]) : undefined;
}

/** A string, or an object whose first text is the statement and whose `question`, if any, is its question. */
function itemOf(value: unknown): ListItem | undefined {
  if (typeof value === "string") return oneLine(value) === "" ? undefined : { text: oneLine(value) };
  if (value === null || typeof value !== "object") return undefined;
  const fields = Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === "string");
  const question = fields.find(([name]) => name === "question")?.[1];
  const text = fields.find(([name]) => name !== "question")?.[1] ?? question;
  if (text === undefined || oneLine(text) === "") return undefined;
  return text === question || !question || oneLine(question) === ""
    ? { text: oneLine(text) }
    : { text: oneLine(text), question: oneLine(question) };
}
