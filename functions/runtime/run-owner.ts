/** Whose budget a run takes from. A run of the command line has no owner, and no day's limit. */
import { z } from "zod";
import { runPrefix } from "../../shared/keys.ts";
import type { BlobStore } from "../../shared/ports/blob-store.ts";
import { Limits, Scope } from "../../shared/schemas/service.ts";
import type { Principal } from "../api/admission/admission.ts";
import { readJson, writeJson } from "../workers/files.ts";

const StoredOwner = z.object({
  id: z.string(),
  kind: z.enum(["owner", "key", "anonymous"]),
  scopes: z.array(Scope),
  limits: Limits.optional(),
});

const ownerKey = (runId: string): string => `${runPrefix(runId)}/owner.json`;

/** With the limits of the moment: they count when the run is told to go on. */
export const keepOwner = (runId: string, owner: Principal, blobs: Pick<BlobStore, "write">): Promise<void> =>
  writeJson(blobs, ownerKey(runId), owner);

export const ownerOf = (runId: string, blobs: Pick<BlobStore, "read">): Promise<Principal | undefined> =>
  readOwner(ownerKey(runId), blobs);

/** The owner that was kept under this key. */
export async function readOwner(key: string, blobs: Pick<BlobStore, "read">): Promise<Principal | undefined> {
  const stored = await readJson(blobs, key, StoredOwner);
  return stored === undefined ? undefined : { ...stored, limits: stored.limits };
}
