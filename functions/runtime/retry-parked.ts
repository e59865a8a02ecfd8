/** Gives the parked samples of the newest training pass another try. */
import { pairingKey, shardKey } from "../../shared/keys.ts";
import { parsePassId } from "../../shared/passes.ts";
import { modelStage, STAGE_ORDER } from "../../shared/pipeline.ts";
import type { BlobStore } from "../../shared/ports/blob-store.ts";
import type { StateStore } from "../../shared/ports/state-store.ts";
import { inputKey, type ShardJob } from "../../shared/run-shard.ts";
import type { PassId, Pointer, RunRow, SampleMove, SampleRow } from "../../shared/schemas/rows.ts";
import { Submitted } from "../../shared/schemas/sample.ts";
import type { Moved } from "../api/deps.ts";
import type { World } from "./world.ts";

/** The most rows one query may give, and the most samples a shard may have. */
const ROWS_AT_ONCE = 1000;

/**
 * A sample that was parked in a stage stands again where that stage begins, and so does the rest of its shard: the shard's
 * files are written whole, and rows name their places in them. What was answered before comes from the reply cache. The
 * run goes on with `resume`. Refused while the run is at work, and once the round's pairs are made: they would have to be
 * made, trained on and judged again.
 */
export async function retryParked(
  run: RunRow,
  { store, blobs, forget }: Pick<World, "store" | "blobs"> & { forget: (runId: string) => Promise<void> },
): Promise<Moved> {
  const { runId, state } = run;
  if (state === "running" || state === "queued") return notPossible("The run is at work: pause it first.");
  if (state === "finished") return notPossible("The run is finished.");
  const passId = await newestTrainPass(runId, store);
  if (passId === undefined) return notPossible("No training pass has begun yet.");
  if ((await blobs.read(pairingKey(runId, parsePassId(passId).round))) !== undefined) {
    return notPossible(`The pairs of pass ${passId} are made already: its parked samples stay out of this run.`);
  }
  const parked = await parkedSamples({ runId, passId }, store);
  if (parked.length === 0) return notPossible(`No sample of pass ${passId} is parked.`);
  const shards = [...Map.groupBy(parked, ({ shardId }) => shardId)].map(([, rows]) => earliest(rows));
  const moves = (await Promise.all(shards.map((job) => movesBack(job, { store, blobs })))).flat();
  await forget(runId);
  // Begun together, so that a store that commits in groups writes both or neither. Otherwise shards are open before their
  // samples are back, and asking again does the rest.
  await Promise.all([store.shards.reopen(shards.flatMap(fromHereOn)), store.samples.move(runId, passId, moves)]);
  return { outcome: "moved", run };
}

const notPossible = (reason: string): Moved => ({ outcome: "not_possible", reason });

async function newestTrainPass(runId: string, { shards }: Pick<StateStore, "shards">): Promise<PassId | undefined> {
  const passes = new Set((await shards.list({ runId, stage: STAGE_ORDER[0] })).map(({ passId }) => passId));
  const trained = [...passes].map((passId) => parsePassId(passId)).filter(({ purpose }) => purpose === "train");
  const newest = Math.max(0, ...trained.map(({ round }) => round));
  return newest === 0 ? undefined : `${newest}.train`;
}

async function parkedSamples(
  pass: { runId: string; passId: PassId },
  { samples }: Pick<StateStore, "samples">,
): Promise<SampleRow[]> {
  const rows: SampleRow[] = [];
  for (let cursor: string | undefined; ; ) {
    const after = cursor === undefined ? {} : { cursor };
    const page = await samples.query({ ...pass, state: "parked", limit: ROWS_AT_ONCE, ...after });
    rows.push(...page.items);
    if (page.cursor === undefined) return rows;
    cursor = page.cursor;
  }
}

/** The first stage that parked a sample of one shard: a parked row still points at what that stage was given. */
function earliest(rows: readonly SampleRow[]): ShardJob {
  const { runId, passId, shardId } = rows[0]!;
  const jobs = STAGE_ORDER.map((stage) => ({ runId, passId, stage, shardId }));
  const first = jobs.find((job) => rows.some(({ pointer }) => pointer.key === inputKey(job)));
  if (first === undefined) throw new Error(`${shardKey(rows[0]!, "…")}: its parked samples point at no stage's input`);
  return first;
}

/** The stage and those after it. */
function fromHereOn(job: ShardJob): ShardJob[] {
  return STAGE_ORDER.slice(STAGE_ORDER.indexOf(job.stage)).map((stage) => ({ ...job, stage }));
}

async function movesBack(
  job: ShardJob,
  { store, blobs }: { store: Pick<StateStore, "samples">; blobs: Pick<BlobStore, "read"> },
): Promise<SampleMove[]> {
  const { runId, passId, shardId } = job;
  const to = modelStage(job.stage).from;
  const places = await placesIn(inputKey(job), blobs);
  const { items } = await store.samples.query({ runId, passId, shardId, limit: ROWS_AT_ONCE });
  return items.flatMap(({ sampleId, state, attempt }) => {
    const pointer = places.get(sampleId);
    return pointer === undefined || state === to ? [] : [{ sampleId, from: state, attempt, to, pointer }];
  });
}

const LINE_END = 10; // "\n"

/** Where each sample's line lies in a shard's file. */
async function placesIn(key: string, blobs: Pick<BlobStore, "read">): Promise<Map<string, Pointer>> {
  const bytes = await blobs.read(key);
  if (bytes === undefined) throw new Error(`${key} is gone; the run's folder was changed by hand`);
  const places = new Map<string, Pointer>();
  for (let offset = 0; offset < bytes.length; ) {
    const end = bytes.indexOf(LINE_END, offset);
    const length = (end < 0 ? bytes.length : end) - offset;
    const line = new TextDecoder().decode(bytes.subarray(offset, offset + length));
    places.set(Submitted.loose().parse(JSON.parse(line)).sampleId, { key, offset, length });
    offset += length + 1;
  }
  return places;
}
