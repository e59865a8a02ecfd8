/** Makes a key and keeps what is stored of it. */
import type { Clock } from "../../../shared/ports/clock.ts";
import type { KeyStore } from "../../../shared/ports/service-store.ts";
import type { ApiKeyRow, Limits, Scope } from "../../../shared/schemas/service.ts";
import { newKey, secureBytes } from "./new-key.ts";

export type KeyWish = { name: string; scopes: Scope[]; limits: Limits; expiresDays: number | undefined };

const MS_PER_DAY = 86_400_000;

/** The key itself is in this answer and nowhere else. */
export async function makeKey(
  { name, scopes, limits, expiresDays }: KeyWish,
  { keys, clock }: { keys: Pick<KeyStore, "create">; clock: Pick<Clock, "now"> },
): Promise<{ key: string; row: ApiKeyRow }> {
  const { key, keyId, hash } = newKey(secureBytes);
  const createdAt = clock.now();
  const expiring = expiresDays === undefined ? {} : { expiresAt: createdAt + expiresDays * MS_PER_DAY };
  const row: ApiKeyRow = { keyId, hash, name, scopes, limits, createdAt, ...expiring };
  const { outcome } = await keys.create(row);
  if (outcome === "already_there") throw new Error(`two keys got the same id ${keyId}: the random generator is broken`);
  return { key, row };
}
