/** What an API key looks like: `rlk_<keyId>_<secret>`. Only its hash is kept. */
import { sha256Hex } from "../../../shared/ids.ts";

const KEY_PATTERN = /^rlk_([0-9a-z]{12})_[A-Za-z0-9_-]{43}$/;

/** Cryptographically random bytes, `count` of them. */
export type RandomBytes = (count: number) => Uint8Array;

/** From the platform's own generator (Web Crypto). */
export const secureBytes: RandomBytes = (count) => crypto.getRandomValues(new Uint8Array(count));

/**
 * A new key and what is stored of it. The secret has 256 bits, so a plain SHA-256 keeps it: slow hashes protect what people
 * choose, and there is nothing here to guess.
 */
export function newKey(random: RandomBytes): { key: string; keyId: string; hash: string } {
  const keyId = base36(12, random);
  const key = `rlk_${keyId}_${base64url(random(32))}`;
  return { key, keyId, hash: sha256Hex(key) };
}

/** The id inside a key; `undefined` for anything that is not shaped like one. */
export function keyIdOf(key: string): string | undefined {
  return KEY_PATTERN.exec(key)?.[1];
}

/** Random digits of base 36, all equally likely. */
function base36(length: number, random: RandomBytes): string {
  const UNBIASED = 252; // 7 · 36: bytes from there on would favour the first digits
  let digits = "";
  while (digits.length < length) {
    for (const byte of random(length)) if (byte < UNBIASED) digits += (byte % 36).toString(36);
  }
  return digits.slice(0, length);
}

export function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}
