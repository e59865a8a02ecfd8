/** What the replies of all judges have in common: a JSON object of a known shape, or plain text. */
import type { z } from "zod";

/** A whole reply in one Markdown code block is taken for its contents. */
const BLOCK = /^```(?:json)?\s*\n([\s\S]*?)\n?```$/;

/** The reply's JSON object, or undefined where it is none or says one key twice. */
export function jsonReply<T>(reply: string, schema: z.ZodType<T>, key: string): T | undefined {
  const inner = BLOCK.exec(reply.trim())?.[1] ?? reply;
  if ((inner.match(new RegExp(`(?<!\\\\)"${key}"\\s*:`, "g"))?.length ?? 0) > 1) return undefined; // the parser would take the last
  try {
    return schema.safeParse(JSON.parse(inner)).data;
  } catch {
    return undefined; // not JSON
  }
}

/** True where a reply set out to be JSON: it is then read as JSON or not at all. */
export const looksStructured = (reply: string): boolean => /^(?:\{|```)/.test(reply.trim());
