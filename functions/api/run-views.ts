/** A run as the API tells it, put together from its row, its files, the ledger and its newest events. */
import { runAccount } from "../../shared/budget/accounts.ts";
import { MICROS_PER_USD } from "../../shared/budget/prices.ts";
import { planKey } from "../../shared/keys.ts";
import { STAGE_ORDER } from "../../shared/pipeline.ts";
import { RunPlan } from "../../shared/schemas/plan.ts";
import type { PassId, RunRow, ShardRow, StageName } from "../../shared/schemas/rows.ts";
import { addLosses } from "../../shared/states/losses.ts";
import { passStates } from "../../shared/states/pass-states.ts";
import { readConfig, readJson } from "../workers/files.ts";
import type { PassView, RunDetail, RunView, StageView } from "./contract/runs.ts";
import type { ApiDeps } from "./deps.ts";
import { newestTrainingPass } from "./passes.ts";

export type ViewDeps = Pick<ApiDeps, "store" | "service" | "blobs" | "clock" | "models">;

/** Which name of /v1/chat/completions serves a run's newest promoted checkpoint. */
type ServedNames = ReadonlyMap<string, string>;

export async function runViews(runs: readonly RunRow[], deps: ViewDeps): Promise<RunView[]> {
  const served = await servedNames(deps);
  return Promise.all(runs.map(async (run) => runView(run, { served, plan: await planOf(run, deps) }, deps)));
}

const planOf = ({ runId }: RunRow, { blobs }: Pick<ViewDeps, "blobs">) => readJson(blobs, planKey(runId), RunPlan);

async function servedNames({ models }: Pick<ViewDeps, "models">): Promise<ServedNames> {
  const newest = new Map<string, { id: string; round: number }>();
  for (const { id, run } of await models.list()) {
    if (run !== undefined && run.round > (newest.get(run.runId)?.round ?? 0))
      newest.set(run.runId, { id, round: run.round });
  }
  return new Map([...newest].map(([runId, { id }]) => [runId, id]));
}

type Known = { served: ServedNames; plan: RunPlan | undefined };

async function runView(run: RunRow, { served, plan }: Known, deps: ViewDeps): Promise<RunView> {
  const { runId } = run;
  const ledger = await deps.store.ledger.read(runAccount(runId));
  const pass = await newestTrainingPass(run, deps.store);
  const working = run.state === "running";
  return {
    id: runId,
    name: run.name,
    state: run.state,
    reason: run.reason ?? null,
    round: Math.max(run.round, pass?.round ?? 0),
    rounds: run.rounds,
    samples: plan?.samples ?? { data: 0, selection: 0, evaluation: 0 },
    created_at: new Date(run.createdAt).toISOString(),
    updated_at: new Date(run.updatedAt).toISOString(),
    seconds: run.workedMs / 1000,
    budget: {
      usd: usd(ledger?.budget ?? 0),
      settled_usd: usd(ledger?.settled ?? 0),
      reserved_usd: usd(ledger?.reserved ?? 0),
    },
    served_as: served.get(runId) ?? null,
    samples_per_second: working ? await throughput(runId, deps) : null,
  };
}

const usd = (micros: number): number => micros / MICROS_PER_USD;

/** Over the last minutes of work, and over so many of the newest events. Our choice. */
const WINDOW_MS = 120_000;
const LOOKED_AT_EVENTS = 500;

/** Samples a second that left a stage; a sample counts once for every stage. Null before the first shard is done. */
async function throughput(runId: string, deps: Pick<ViewDeps, "service" | "clock">): Promise<number | null> {
  const last = await lastEvent(runId, deps);
  const after = Math.max(0, last - LOOKED_AT_EVENTS);
  const now = deps.clock.now();
  const recent = (await deps.service.events.read(runId, { after, limit: LOOKED_AT_EVENTS })).filter(
    ({ at }) => at > now - WINDOW_MS,
  );
  const shards = recent.filter(({ event }) => event["kind"] === "shard");
  const [first] = recent;
  if (first === undefined || shards.length === 0) return null;
  const samples = shards.reduce((sum, { event }) => sum + Number(event["samples"]), 0);
  return samples / (Math.max(1000, now - first.at) / 1000);
}

/** 0 before the first. Appending nothing tells where the log stands. */
export async function lastEvent(runId: string, { service }: Pick<ViewDeps, "service">): Promise<number> {
  return service.events.append(runId, []);
}

export async function runDetail(run: RunRow, deps: ViewDeps): Promise<RunDetail> {
  const { runId } = run;
  const [served, config, plan, shards] = await Promise.all([
    servedNames(deps),
    readConfig(deps.blobs, runId),
    planOf(run, deps),
    deps.store.shards.list({ runId }),
  ]);
  const passes = Map.groupBy(shards, ({ passId }) => passId);
  return {
    ...(await runView(run, { served, plan }, deps)),
    config,
    models: plan?.models ?? [],
    warnings: plan?.warnings ?? [],
    bad_rows: plan?.badRows ?? { count: 0, first: [] },
    estimate_usd: usd(plan?.estimate.usdMicros ?? 0),
    stages: stageViews(shards),
    passes: await Promise.all([...passes.values()].map((own) => passView(own, deps))),
    last_event: await lastEvent(runId, deps),
  };
}

/** By pass, and in the order in which a sample walks through the stages. */
function stageViews(shards: readonly ShardRow[]): StageView[] {
  const groups = new Map<string, ShardRow[]>();
  for (const shard of shards) {
    const name = `${shard.passId} ${shard.stage}`;
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [shard]);
    else group.push(shard);
  }
  const views = [...groups.values()].map((group) => stageView(group[0]!, group));
  const placeOf = ({ stage }: StageView) => STAGE_ORDER.indexOf(stage);
  return views.sort((a, b) => (a.pass_id === b.pass_id ? placeOf(a) - placeOf(b) : a.pass_id < b.pass_id ? -1 : 1));
}

function stageView({ passId, stage }: { passId: PassId; stage: StageName }, shards: readonly ShardRow[]): StageView {
  const done = shards.filter(({ state }) => state === "done");
  const sum = (of: readonly ShardRow[], figure: (shard: ShardRow) => number) =>
    of.reduce((total, shard) => total + figure(shard), 0);
  return {
    pass_id: passId,
    stage,
    shards: shards.length,
    shards_done: done.length,
    shards_failed: shards.filter(({ state }) => state === "failed").length,
    samples_done: sum(done, ({ samples }) => samples),
    samples: sum(shards, ({ samples }) => samples),
    parked: sum(shards, ({ parked }) => parked),
    requests: sum(shards, ({ requests }) => requests),
    cached_replies: sum(shards, ({ cachedReplies }) => cachedReplies),
    prompt_tokens: sum(shards, ({ usage }) => usage?.prompt_tokens ?? 0),
    completion_tokens: sum(shards, ({ usage }) => usage?.completion_tokens ?? 0),
    cached_tokens: sum(shards, ({ usage }) => usage?.prompt_tokens_details?.cached_tokens ?? 0),
    usd: usd(sum(shards, ({ usdMicros }) => usdMicros)),
    seconds: sum(shards, ({ seconds }) => seconds),
    losses: addLosses(...shards.map(({ losses }) => losses)) as Record<string, number>,
  };
}

/** @param shards of one pass */
async function passView(shards: readonly ShardRow[], { store }: Pick<ViewDeps, "store">): Promise<PassView> {
  const { runId, passId } = shards[0]!;
  const states = passStates(await store.samples.count(runId, passId), shards);
  return { pass_id: passId, states, parked: states.parked === 0 ? {} : await parkedByReason(runId, passId, store) };
}

const PAGE = 1000;
/** A page of a run shall not read a whole pass; the rest is told as one number. Our choice. */
const MOST_PAGES = 5;
const NOT_LOOKED_AT = "(not looked at)";

async function parkedByReason(
  runId: string,
  passId: PassId,
  store: ViewDeps["store"],
): Promise<Record<string, number>> {
  const reasons: Record<string, number> = {};
  let cursor: string | undefined;
  for (let page = 0; page < MOST_PAGES; page++) {
    const filter = {
      runId,
      passId,
      state: "parked" as const,
      limit: PAGE,
      ...(cursor === undefined ? {} : { cursor }),
    };
    const found = await store.samples.query(filter);
    for (const { reason = "unknown" } of found.items) reasons[reason] = (reasons[reason] ?? 0) + 1;
    cursor = found.cursor;
    if (cursor === undefined) return reasons;
  }
  const { parked } = await store.samples.count(runId, passId);
  return { ...reasons, [NOT_LOOKED_AT]: Math.max(0, parked - MOST_PAGES * PAGE) };
}
