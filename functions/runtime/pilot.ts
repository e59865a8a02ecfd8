/** What a run will cost, take and yield, told by 20 of its samples. Their replies are the ones round 1 needs. */
import { z } from "zod";
import { extrapolate, type PilotSample } from "../../shared/budget/pilot.ts";
import { COMPUTE_PRICES, MICROS_PER_USD, toMicros } from "../../shared/budget/prices.ts";
import { contentHash } from "../../shared/ids.ts";
import { pilotKey } from "../../shared/keys.ts";
import { drawn, randomFrom, seedFor } from "../../shared/random.ts";
import { runSizes } from "../../shared/run-sizes.ts";
import type { RunConfig } from "../../shared/schemas/config.ts";
import { StageName } from "../../shared/schemas/rows.ts";
import { Scored, type Submitted } from "../../shared/schemas/sample.ts";
import type { PilotView } from "../api/contract/runs.ts";
import type { Refused } from "../api/deps.ts";
import { bindModels } from "../workers/bind.ts";
import { readJson, writeJson } from "../workers/files.ts";
import { EMBEDDED_SECONDS_BOUND } from "../workers/money.ts";
import { pairRound } from "../workers/pair-round.ts";
import { samplesOfPass } from "../workers/plan.ts";
import { type Payer, PilotLimited, pilotMeter } from "./pilot-money.ts";
import { walkSamples } from "./pilot-walk.ts";
import type { PlannedRun } from "./plan-run.ts";
import type { World } from "./world.ts";

const PILOT_SAMPLES = 20;
const BOOTSTRAP = { confidence: 0.95, resamples: 2000 }; // our choice

const StageUse = z.strictObject({ requests: z.int(), usdMicros: z.number(), seconds: z.number() });

/** What a pilot leaves behind: asked again, it is told from here. */
const PilotRecord = z.strictObject({
  samples: z.array(
    z.strictObject({ sampleId: z.string(), parked: z.string().nullable(), stages: z.record(StageName, StageUse) }),
  ),
  scored: z.array(Scored),
  seconds: z.number(),
  usdMicros: z.int(),
  untimed: z.array(StageName),
});
type PilotRecord = z.infer<typeof PilotRecord>;

export type Estimated = { outcome: "estimated" } & PilotView;

/** `payer`: whose day the pilot's money comes from. A pilot of the same samples, models and settings is not run twice. */
export async function runPilot(
  planned: PlannedRun,
  world: World,
  { signal, payer }: { signal: AbortSignal; payer: Payer | undefined },
): Promise<Estimated | Refused> {
  const { config, parts } = planned;
  const chosen = drawn(
    samplesOfPass(parts.data, "1.train", config),
    PILOT_SAMPLES,
    randomFrom(seedFor(config.seed, "pilot")),
  );
  const key = pilotKey(pilotHash(planned, chosen));
  const stored = await readJson(world.blobs, key, PilotRecord);
  if (stored !== undefined) return estimated(planned, stored);
  try {
    const record = await walk(chosen, config, world, { signal, payer });
    const [first] = record.samples;
    if (record.scored.length === 0) return allParked(first?.parked ?? "");
    await writeJson(world.blobs, key, record);
    return estimated(planned, record);
  } catch (error) {
    if (error instanceof PilotLimited) return noRoom(error);
    throw error;
  }
}

/** Whatever decides what the pilot's requests are and what they cost. */
function pilotHash({ config, plan }: PlannedRun, chosen: readonly Submitted[]): string {
  const { seed, policy, divider, questioner, labelers, generate, divide, score } = config;
  const asked = { seed, policy, divider, questioner, labelers, generate, divide, score };
  const revisions = plan.models.map(({ revision }) => revision);
  return contentHash({ samples: chosen.map(({ sampleId }) => sampleId), asked, revisions, code: plan.codeVersion });
}

async function walk(
  samples: readonly Submitted[],
  config: RunConfig,
  world: World,
  { signal, payer }: { signal: AbortSignal; payer: Payer | undefined },
): Promise<PilotRecord> {
  const { clock, store, models } = world;
  const flow = `pilot of ${payer?.principal.id ?? "the command line"}`;
  const bound = await bindModels({ config, round: 1, checkpoint: undefined }, (model, checkpoint) =>
    models.bind(model, checkpoint, flow),
  );
  const sizes = new Map(samples.map(({ image }) => [`blob:${image.sha256}`, image]));
  const meter = pilotMeter({ refs: bound.refs, sizeOf: (url) => sizes.get(url) }, clock, payer);
  try {
    const walked = await walkSamples(samples, { bound, cache: store.replies, clock, signal, meter });
    return { ...walked, usdMicros: await meter.end() };
  } finally {
    await meter.end();
  }
}

function estimated({ plan, config }: PlannedRun, record: PilotRecord): Estimated {
  const { data: walks, evaluated } = runSizes(plan, config);
  const samples = pilotSamples(record, config);
  const figures = extrapolate(samples, { walks, evaluated }, { ...BOOTSTRAP, seed: seedFor(config.seed, "pilot") });
  const parked = samples.filter((sample) => sample.parked).length;
  return {
    outcome: "estimated",
    pilot: {
      samples: samples.length,
      parked,
      seconds: record.seconds,
      usd: record.usdMicros / MICROS_PER_USD,
    },
    samples: plan.samples.data,
    ...figures,
    not_included: notIncluded(plan.trains, config),
    warnings: [...plan.warnings, ...pilotWarnings(record, config)],
    bad_rows: plan.badRows,
  };
}

/** The pairs as round 1 would make them of these samples alone. */
function pilotSamples({ samples, scored }: PilotRecord, config: RunConfig): PilotSample[] {
  const pairs = Map.groupBy(pairRound(scored, config, 1).pairs, ({ sampleId }) => sampleId);
  return samples.map(({ sampleId, parked, stages }) => ({
    parked: parked !== null,
    pairs: pairs.get(sampleId)?.length ?? 0,
    stages,
  }));
}

function notIncluded(trains: boolean, config: RunConfig): string[] {
  const others = ["requests that fail and are asked again", "writing the report and the datasets"];
  if (!trains) return others;
  const trainings = config.rounds + (config.evaluate?.sftControl === true ? 1 : 0);
  const usd = (toMicros(EMBEDDED_SECONDS_BOUND * COMPUTE_PRICES["cpu-core"]) * trainings) / MICROS_PER_USD;
  return [
    `training: ${trainings} times, at most ${usd.toFixed(4)} USD in all (what is reserved for it), and its time`,
    ...others,
  ];
}

function pilotWarnings({ untimed }: PilotRecord, config: RunConfig): string[] {
  const warnings: string[] = [];
  if (untimed.length > 0) {
    warnings.push(
      `every reply of ${untimed.join(", ")} was known before the pilot: their seconds, and the cost of embedded models in them, count as 0`,
    );
  }
  if (config.train !== undefined && config.rounds > 1) {
    warnings.push("the pilot asks the untrained policy: later rounds answer differently, and may yield fewer pairs");
  }
  if (
    [config.policy, config.divider, config.questioner, ...config.labelers].some(({ engine }) => engine === "openai")
  ) {
    warnings.push("the pilot walks 20 samples at once: a server that has room for more is faster in the run itself");
  }
  return warnings;
}

const allParked = (reason: string): Refused => ({
  outcome: "refused",
  code: "pilot.all_parked",
  field: "config",
  detail: `No sample of the pilot came through: ${reason}.`,
  fix: "Mend that first: a run would park its samples the same way.",
});

const noRoom = ({ limited }: PilotLimited): Refused => ({
  outcome: "refused",
  code: `limit.${limited.limit}`,
  field: "header.Authorization",
  detail: `The pilot needs more than this key has left: ${limited.message}.`,
  fix: `Try again in ${limited.retryAfterSeconds} s: what was answered already is kept and costs nothing again.`,
});
