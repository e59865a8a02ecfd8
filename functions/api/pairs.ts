/** A round's pairs, page by page. */
import { OpenAPIHono } from "@hono/zod-openapi";
import { pairingKey } from "../../shared/keys.ts";
import type { BlobStore } from "../../shared/ports/blob-store.ts";
import { Pairing } from "../../shared/schemas/rounds.ts";
import type { RunRow } from "../../shared/schemas/rows.ts";
import { readJson } from "../workers/files.ts";
import type { ApiEnv } from "./access.ts";
import { listPairs } from "./contract/samples.ts";
import type { ApiDeps } from "./deps.ts";
import { badCursor, runOf } from "./passes.ts";
import { notFound, refuseInvalid } from "./refusals.ts";
import { pairsFrom } from "./stored-pairs.ts";

type Blobs = { blobs: Pick<BlobStore, "read"> };

export const pairRoutes = (deps: Pick<ApiDeps, "store" | "blobs">) =>
  new OpenAPIHono<ApiEnv>({ defaultHook: refuseInvalid }).openapi(listPairs, async (context) => {
    const { limit, cursor, round: asked } = context.req.valid("query");
    const run = await runOf(context.req.valid("param").id, deps);
    const place = cursor === undefined ? undefined : placeOf(cursor, asked);
    const round = place?.round ?? asked ?? (await newestPairedRound(run, deps));
    const { pairs: total } = await pairingOf(run, round, deps);
    const placed = await pairsFrom({ runId: run.runId, round, ...deps }, place?.offset ?? 0, limit + 1);
    if (placed === undefined) throw badCursor(cursor ?? "");
    const more = placed.length > limit;
    const next_cursor = more ? `${round}-${placed[limit - 1]!.next}` : null;
    const items = placed.slice(0, limit).map(({ pair }) => pair);
    return context.json({ items, next_cursor, round, total }, 200);
  });

/** A cursor names the round and the byte where the next line begins. */
function placeOf(cursor: string, asked: number | undefined): { round: number; offset: number } {
  const [, round, offset] = (/^([1-9]\d{0,3})-(\d{1,15})$/.exec(cursor) ?? []).map(Number);
  if (round === undefined || offset === undefined || (asked !== undefined && asked !== round)) throw badCursor(cursor);
  return { round, offset };
}

async function newestPairedRound(run: RunRow, deps: Blobs): Promise<number> {
  for (let round = run.rounds; round > 1; round--) {
    const there = await deps.blobs.read(pairingKey(run.runId, round), { offset: 0, length: 1 });
    if (there !== undefined) return round;
  }
  return 1;
}

/** How the round's pairs came about, or a ProblemError 404: its presence says that the pairs are there whole. */
export async function pairingOf({ runId }: RunRow, round: number, { blobs }: Blobs): Promise<Pairing> {
  const pairing = await readJson(blobs, pairingKey(runId, round), Pairing);
  if (pairing !== undefined) return pairing;
  const what = `round ${round} with pairs in run ${runId} yet`;
  throw notFound("round.not_found", { field: "query.round", value: `${round}`, what });
}
