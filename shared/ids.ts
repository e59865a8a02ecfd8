/**
 * Ids derive from content: the same image, question, model and seed give the same id on every machine and in every
 * attempt, so that joins never rest on position or on question text (rlaifv-spec R2).
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { utf8ToBytes } from "@noble/hashes/utils.js";

/** SHA-256 of bytes or of a UTF-8 text, as 64 lower-case hex digits. */
export function sha256Hex(content: Uint8Array | string): string {
  return hex(sha256(typeof content === "string" ? utf8ToBytes(content) : content));
}

const DIGITS = Uint8Array.from("0123456789abcdef", (digit) => digit.charCodeAt(0));

/** In one piece: a string added up digit by digit keeps every step alive, and hashes are kept by the million. */
function hex(bytes: Uint8Array): string {
  const codes = new Uint8Array(2 * bytes.length);
  for (let at = 0; at < bytes.length; at++) {
    codes[2 * at] = DIGITS[bytes[at]! >> 4]!;
    codes[2 * at + 1] = DIGITS[bytes[at]! & 15]!;
  }
  return String.fromCharCode(...codes);
}

/** JSON with object keys sorted and `undefined` left out: equal values give equal text. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value) ?? "null";
  const entries = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`);
  return `{${entries.join(",")}}`;
}

/** First 16 hex digits (64 bits) of the hash of a value's canonical JSON; a collision among 10 million is < 3e-6. */
export function contentHash(value: unknown): string {
  return sha256Hex(canonicalJson(value)).slice(0, 16);
}

/** Id of one (image, question). `row` tells deliberate repetitions apart. */
export function sampleIdOf(identity: { imageSha256: string; question: string; row?: string | undefined }): string {
  return `smp_${contentHash(identity)}`;
}

/** Id of one sampled answer: its sample, its place among the candidates, the model and the seed that made it. */
export function candidateIdOf(identity: { sampleId: string; index: number; model: string; seed: number }): string {
  return `cnd_${contentHash(identity)}`;
}

/** Id of a claim: its candidate and its position (from 0). */
export function claimIdOf(candidateId: string, position: number): string {
  return `${candidateId}.${position}`;
}
