/** Signatures as Standard Webhooks has them (standardwebhooks.com), the symmetric kind: `v1`. */
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { utf8ToBytes } from "@noble/hashes/utils.js";

const PREFIX = "whsec_";

/**
 * Headers that tell a receiver who sent this body and when. The id stays the same in every attempt, so that receivers know
 * what they have; the time is the attempt's, so that a late one is not taken for a replayed one.
 * @param message `now` in milliseconds since 1970
 * @param secret `whsec_<base64 of the key>`
 */
export function signedHeaders(
  message: { id: string; body: string; now: number },
  secret: string,
): Record<"webhook-id" | "webhook-timestamp" | "webhook-signature", string> {
  const seconds = `${Math.floor(message.now / 1000)}`;
  const key = Uint8Array.from(atob(secret.slice(PREFIX.length)), (digit) => digit.charCodeAt(0));
  const signature = hmac(sha256, key, utf8ToBytes(`${message.id}.${seconds}.${message.body}`));
  return {
    "webhook-id": message.id,
    "webhook-timestamp": seconds,
    "webhook-signature": `v1,${base64(signature)}`,
  };
}

function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}
