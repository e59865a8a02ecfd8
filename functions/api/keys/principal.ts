/** Who asks, told from the key they send or from where they are. */
import ipaddr from "ipaddr.js";
import { sha256Hex } from "../../../shared/ids.ts";
import type { Clock } from "../../../shared/ports/clock.ts";
import type { KeyStore } from "../../../shared/ports/service-store.ts";
import { ANONYMOUS_LIMITS, type ApiKeyRow, type Scope } from "../../../shared/schemas/service.ts";
import type { Principal } from "../admission/admission.ts";
import type { ProblemFacts } from "../problem.ts";
import { keyIdOf } from "./new-key.ts";

/** `no_key`: nothing was sent, so the sender may be anonymous; after any other refusal they are nobody. */
export type KeyRefusal =
  | { outcome: "no_key" | "malformed" | "unknown" }
  | { outcome: "revoked" | "expired"; at: number };
export type Identified = { outcome: "known"; principal: Principal } | KeyRefusal;

/** @param header of `Authorization`, as it came */
export async function principalOf(
  header: string | undefined,
  deps: { keys: Pick<KeyStore, "get">; clock: Pick<Clock, "now"> },
): Promise<Identified> {
  if (header === undefined || header.trim() === "") return { outcome: "no_key" };
  const key = /^bearer +(\S+)$/i.exec(header.trim())?.[1] ?? "";
  const keyId = keyIdOf(key);
  if (keyId === undefined) return { outcome: "malformed" };
  return judged(await deps.keys.get(keyId), sha256Hex(key), deps.clock.now());
}

const NO_HASH = "0".repeat(64);

/** That a key was revoked or has expired is told only to who has it. */
function judged(row: ApiKeyRow | undefined, hash: string, now: number): Identified {
  if (!equalDigests(row?.hash ?? NO_HASH, hash) || row === undefined) return { outcome: "unknown" };
  if (row.revokedAt !== undefined) return { outcome: "revoked", at: row.revokedAt };
  if (row.expiresAt !== undefined && row.expiresAt <= now) return { outcome: "expired", at: row.expiresAt };
  const { keyId, scopes, limits } = row;
  return { outcome: "known", principal: { id: `key_${keyId}`, kind: "key", scopes, limits } };
}

/** Takes the same time wherever they differ. */
function equalDigests(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let at = 0; at < b.length; at++) difference |= a.charCodeAt(at) ^ b.charCodeAt(at);
  return difference === 0;
}

/**
 * Somebody without a key: one principal for an IPv4 address or an IPv6 network of 64 bits, which is what one household
 * gets. The address is in the id only as a salted hash. Addresses that cannot be read are one principal together.
 * @param salt secret, and the same as long as their use of today is to be remembered
 */
export function anonymousPrincipal(clientAddress: string | undefined, salt: string): Principal {
  const hash = sha256Hex(`${salt} ${networkOf(clientAddress)}`).slice(0, 16);
  return { id: `anon_${hash}`, kind: "anonymous", scopes: ["chat"], limits: ANONYMOUS_LIMITS };
}

function networkOf(clientAddress: string | undefined): string {
  if (clientAddress === undefined || !ipaddr.isValid(clientAddress)) return "unknown";
  const address = ipaddr.process(clientAddress); // an IPv4 address inside an IPv6 one is an IPv4 address
  if (address.kind() === "ipv4") return address.toString();
  return address.toByteArray().slice(0, 8).join(".");
}

/** `admin` may do everything. */
export function mayDo({ scopes }: Pick<Principal, "scopes">, scope: Scope): boolean {
  return scopes.includes("admin") || scopes.includes(scope);
}

const NEW_KEY = 'Ask for a new key; "rlaifv keys create" makes one.';

const REFUSALS: Record<KeyRefusal["outcome"], { code: string; detail: string; fix: string }> = {
  no_key: {
    code: "key.missing",
    detail: "This needs an API key.",
    fix: 'Send "Authorization: Bearer rlk_…"; "rlaifv keys create" makes a key.',
  },
  malformed: {
    code: "key.malformed",
    detail: "The Authorization header holds no API key.",
    fix: 'Send "Authorization: Bearer rlk_…" with the whole key: 60 characters.',
  },
  unknown: {
    code: "key.unknown",
    detail: "This server does not know this API key.",
    fix: "Check that the whole key was copied, and that it was made for this server.",
  },
  revoked: { code: "key.revoked", detail: "This API key was revoked.", fix: NEW_KEY },
  expired: { code: "key.expired", detail: "This API key has expired.", fix: NEW_KEY },
};

/** What a refused sender is told: 401, never with the key in it. */
export function refusalProblem(refusal: KeyRefusal): ProblemFacts {
  const { detail, ...facts } = REFUSALS[refusal.outcome];
  const since = "at" in refusal ? ` (${new Date(refusal.at).toISOString()})` : "";
  return {
    status: 401,
    field: "header.Authorization",
    detail: detail.replace(/\.$/, `${since}.`),
    ...facts,
    headers: { "www-authenticate": "Bearer" },
  };
}
