/** Run control without any work: runs are written down and move as the table of states says. */
import type { Created, Moved, Refused, RunControl } from "../../functions/api/deps.ts";
import { writeJson } from "../../functions/workers/files.ts";
import { runAccount } from "../../shared/budget/accounts.ts";
import { toMicros } from "../../shared/budget/prices.ts";
import { contentHash, sha256Hex } from "../../shared/ids.ts";
import { readLines } from "../../shared/jsonl.ts";
import { configKey, manifestKey, planKey, samplesKey } from "../../shared/keys.ts";
import type { BlobStore } from "../../shared/ports/blob-store.ts";
import type { Clock } from "../../shared/ports/clock.ts";
import type { StateStore } from "../../shared/ports/state-store.ts";
import type { RunConfig } from "../../shared/schemas/config.ts";
import type { RunPlan } from "../../shared/schemas/plan.ts";
import type { RunRow, RunState } from "../../shared/schemas/rows.ts";
import { Submitted } from "../../shared/schemas/sample.ts";
import { mayRunMove } from "../../shared/states/run.ts";
import { testConfig } from "./scored-run.ts";

type World = { store: StateStore; blobs: BlobStore; clock: Clock };

/** Most a run may cost here; more is refused as a key's day would refuse it. */
export const DAY_USD = 1000;

export function recordedRuns(world: World): RunControl {
  const { store, blobs, clock } = world;

  async function move(runId: string, to: RunState): Promise<Moved> {
    const run = (await store.runs.get(runId))!;
    if (run.state === to) return { outcome: "already_there", run };
    if (!mayRunMove(run.state, to)) return { outcome: "not_possible", reason: `The run is ${run.state} already` };
    const written = await store.runs.update({ ...run, state: to, updatedAt: clock.now() });
    return written.outcome === "written" ? { outcome: "moved", run: written.run } : move(runId, to);
  }

  return {
    async create(config): Promise<Created | Refused> {
      if (config.budgetUsd > DAY_USD) return overDay(config.budgetUsd);
      if (!("manifest" in config.data)) throw new Error("a path came through");
      const samples: Submitted[] = [];
      for await (const line of readLines(blobs, manifestKey(config.data.manifest))) samples.push(Submitted.parse(line));
      return createRecorded(config, samples, world);
    },
    demo: ({ seed, rounds }) => createRecorded({ ...testConfig({ rounds }), name: "demo", seed }, [], world),
    pause: (runId) => move(runId, "paused"),
    resume: (runId) => move(runId, "queued"),
    cancel: (runId) => move(runId, "stopped"),
    async setBudget(runId, budgetUsd) {
      if (budgetUsd > DAY_USD) return overDay(budgetUsd);
      await store.ledger.open(runAccount(runId), toMicros(budgetUsd));
      return { outcome: "moved", run: (await store.runs.get(runId))! };
    },
    retryParked: async (runId) => ({ outcome: "already_there", run: (await store.runs.get(runId))! }),
    async estimate(config) {
      if (config.budgetUsd > DAY_USD) return overDay(config.budgetUsd);
      const value = { value: 1, ci: [0.5, 1.5] as [number, number] };
      return {
        outcome: "estimated",
        pilot: { samples: 20, parked: 0, seconds: 1, usd: 0.01 },
        samples: 20,
        ...{ usd: value, seconds: value, pairs: value, yield: value, stages: [] },
        not_included: ["training"],
        warnings: [],
        bad_rows: { count: 0, first: [] },
      };
    },
  };
}

function overDay(value: number): Refused {
  const detail = `${value} USD are more than today has left.`;
  return {
    outcome: "refused",
    code: "budget.over_day",
    field: "config.budgetUsd",
    value,
    detail,
    fix: "Ask for less.",
  };
}

/** Writes a run down: its row, config, plan and samples, as functions/runtime/drive.ts does. */
export async function createRecorded(
  config: RunConfig,
  samples: readonly Submitted[],
  { store, blobs, clock }: World,
): Promise<Created> {
  const manifestDigest = sha256Hex(samples.map(({ sampleId }) => `${sampleId}\n`).join(""));
  const { data: _, ...rest } = config;
  const runId = `${config.name}-${contentHash({ rest, manifestDigest }).slice(0, 8)}`;
  const there = await store.runs.get(runId);
  if (there !== undefined) return { outcome: "already_there", run: there };
  const plan: RunPlan = {
    runId,
    rounds: config.rounds,
    samples: { data: samples.length, selection: 0, evaluation: 0 },
    trains: false,
    models: [],
    badRows: { count: 0, first: [] },
    estimate: { stages: [], usdMicros: 0 },
    warnings: [],
    codeVersion: "0.0.0",
    manifestDigest,
  };
  await blobs.write(samplesKey(runId, "data"), samples.map((sample) => `${JSON.stringify(sample)}\n`).join(""));
  await writeJson(blobs, configKey(runId), config);
  await writeJson(blobs, planKey(runId), plan);
  await store.ledger.open(runAccount(runId), toMicros(config.budgetUsd));
  const now = clock.now();
  const run: RunRow = {
    ...{ runId, name: config.name, state: "queued", version: 0, createdAt: now, updatedAt: now, workedMs: 0 },
    ...{ configKey: configKey(runId), round: 0, rounds: config.rounds },
  };
  await store.runs.create(run);
  return { outcome: "created", run };
}
