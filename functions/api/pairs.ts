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
    const { round, offset } =
      cursor === undefined
        ? { round: asked ?? (await newestPairedRound(run, deps)), offset: 0 }
        : await placeOf(cursor, { run, asked }, deps);
    const { pairs: total } = await pairingOf(run, round, deps);
    const placed = await pairsFrom({ runId: run.runId, round, blobs: deps.blobs }, offset, limit + 1);
    if (placed === undefined) throw badCursor(cursor ?? "");
    const next_cursor = placed.length > limit ? `${round}-${placed[limit - 1]!.next}` : null;
    const items = placed.slice(0, limit).map(({ pair }) => pair);
    return context.json({ items, next_cursor, round, total }, 200);
  });

type Asked = { run: RunRow; asked: number | undefined };

/** A cursor names a round that has pairs, and the byte of its file where the next line begins. */
async function placeOf(cursor: string, { run, asked }: Asked, deps: Blobs): Promise<{ round: number; offset: number }> {
  const [, round = 0, offset = 0] = (/^([1-9]\d{0,3})-(\d{1,15})$/.exec(cursor) ?? []).map(Number);
  const isOther = asked !== undefined && asked !== round;
  if (round === 0 || isOther || !(await hasPairs(run, round, deps))) throw badCursor(cursor);
  return { round, offset };
}

async function hasPairs({ runId }: RunRow, round: number, { blobs }: Blobs): Promise<boolean> {
  return (await blobs.read(pairingKey(runId, round), { offset: 0, length: 1 })) !== undefined;
}

async function newestPairedRound(run: RunRow, deps: Blobs): Promise<number> {
  for (let round = run.rounds; round > 1; round--) if (await hasPairs(run, round, deps)) return round;
  return 1;
}

/** How the round's pairs came about, or a ProblemError 404: its presence says that the pairs are there whole. */
export async function pairingOf({ runId }: RunRow, round: number, { blobs }: Blobs): Promise<Pairing> {
  const pairing = await readJson(blobs, pairingKey(runId, round), Pairing);
  if (pairing !== undefined) return pairing;
  const what = `round ${round} with pairs in run ${runId} yet`;
  throw notFound("round.not_found", { field: "query.round", value: `${round}`, what });
}
