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

/** Longest a signed message may have been under way, seconds: Standard Webhooks' own tolerance. */
const TOLERANCE_SECONDS = 300;

/** A received message; `headers` in lower case. */
type Received = { headers: Readonly<Record<string, string | undefined>>; body: string; now: number };

/** Whether the message was signed with this secret, and not long ago. Several signatures may stand in the header. */
export function verifySignature(
  { headers, body, now }: Received,
  secret: string,
): { outcome: "verified"; id: string } | { outcome: "refused"; reason: string } {
  const id = headers["webhook-id"];
  const seconds = headers["webhook-timestamp"];
  const given = headers["webhook-signature"];
  if (!id || !seconds || !given) return refused("webhook-id, webhook-timestamp or webhook-signature is missing");
  if (!/^\d{1,12}$/.test(seconds)) return refused("webhook-timestamp is not a number of seconds");
  if (Math.abs(now / 1000 - Number(seconds)) > TOLERANCE_SECONDS) return refused("webhook-timestamp is not of now");
  const wanted = signedHeaders({ id, body, now: Number(seconds) * 1000 }, secret)["webhook-signature"];
  const matches = given.split(" ").filter((one) => sameText(one, wanted));
  return matches.length > 0 ? { outcome: "verified", id } : refused("the signature is not of this secret");
}

const refused = (reason: string) => ({ outcome: "refused", reason }) as const;

/** In the same time whatever differs: how much of a guess was right must not be told. */
function sameText(a: string, b: string): boolean {
  let differences = a.length ^ b.length;
  for (let at = 0; at < b.length; at++) differences |= a.charCodeAt(at) ^ b.charCodeAt(at);
  return differences === 0;
}
