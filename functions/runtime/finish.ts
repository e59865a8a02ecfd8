/** What a run leaves for people: the report as JSON and as a page, and every round's dataset. */

import { z } from "zod";
import { readLines } from "../../shared/jsonl.ts";
import { pairsKey, planKey, reportKey, roundPrefix, selectionKey } from "../../shared/keys.ts";
import { type BlobStore, contentKey } from "../../shared/ports/blob-store.ts";
import type { RunConfig } from "../../shared/schemas/config.ts";
import type { ExportFormat, Lineage, LineageModel } from "../../shared/schemas/lineage.ts";
import { Pair } from "../../shared/schemas/pair.ts";
import { RunPlan } from "../../shared/schemas/plan.ts";
import { Report } from "../../shared/schemas/report.ts";
import { RoundSelection } from "../../shared/schemas/rounds.ts";
import type { RunRow } from "../../shared/schemas/rows.ts";
import type { Scored } from "../../shared/schemas/sample.ts";
import { promptHashes } from "../../shared/stages/prompt-hashes.ts";
import { runBench } from "../evals/run-bench.ts";
import { exportDataset } from "../exports/dataset.ts";
import { drawExamples, heldOutExample, pairExample, type ReportExamples } from "../report/examples.ts";
import { reportHtml } from "../report/html.ts";
import { thumbnail } from "../report/thumbnail.ts";
import { readConfig, readJson, readPairs, readScored, writeJson } from "../workers/files.ts";
import { buildReport } from "../workers/report.ts";
import { configDigest } from "./plan-run.ts";
import type { World } from "./world.ts";

const HELD_OUT_EXAMPLES = 12; // our choice: a page people still read to the end
const PAIR_EXAMPLES = 12;

/** Writes `report.json`, `report.html` and the datasets of all rounds that have pairs; gives the report. */
export async function finishRun(run: RunRow, world: World): Promise<Report> {
  const { runId } = run;
  const report = await buildReport(run, { ...world, bench: runBench });
  for (const { round } of report.rounds) {
    for (const format of ["jsonl", "parquet"] as const) await exportRound({ runId, round, format }, world);
  }
  await world.blobs.write(reportKey(runId, "html"), reportHtml(report, await examplesOf(report, world)));
  await writeJson(world.blobs, reportKey(runId, "json"), report); // last: it says of what state the run was
  return report;
}

const ReportedState = z.object({ run: z.object({ state: z.string() }) });

/** Whether a finished run has all that `finishRun` writes; what an earlier pause left does not count. */
export async function isFinishedWhole(runId: string, blobs: Pick<BlobStore, "read">): Promise<boolean> {
  return (await readJson(blobs, reportKey(runId, "json"), ReportedState))?.run.state === "finished";
}

/** The report as far as the run has come; a finished run's as it was written. */
export async function currentReport(run: RunRow, world: World): Promise<Report> {
  const written =
    run.state === "finished" ? await readJson(world.blobs, reportKey(run.runId, "json"), Report) : undefined;
  return written ?? buildReport(run, { ...world, bench: runBench });
}

/** The same as a page. */
export async function currentReportPage(run: RunRow, world: World): Promise<string> {
  const written = run.state === "finished" ? await world.blobs.read(reportKey(run.runId, "html")) : undefined;
  if (written !== undefined) return new TextDecoder().decode(written);
  const report = await currentReport(run, world);
  return reportHtml(report, await examplesOf(report, world));
}

export type RoundExport = { runId: string; round: number; format: ExportFormat };

/** Writes one round's dataset below `rounds/<n>/dataset/<format>`, or below `prefix` of another store. */
export async function exportRound(
  { runId, round, format }: RoundExport,
  world: World,
  output = { store: world.blobs, prefix: `${roundPrefix(runId, round)}/dataset/${format}` },
) {
  const config = await readConfig(world.blobs, runId);
  return exportDataset({
    pairs: () => storedPairs(runId, round, world),
    blobs: world.blobs,
    lineage: await lineageOf({ runId, round, config }, world),
    format,
    output,
  });
}

async function* storedPairs(runId: string, round: number, { blobs }: World): AsyncGenerator<Pair> {
  for await (const record of readLines(blobs, pairsKey(runId, round))) yield Pair.parse(record);
}

async function lineageOf(
  { runId, round, config }: { runId: string; round: number; config: RunConfig },
  { blobs }: World,
): Promise<Lineage> {
  const plan = await readJson(blobs, planKey(runId), RunPlan);
  if (plan === undefined) throw new Error(`run ${runId} has no plan`);
  let policy: { policy: string; checkpointSha256: string | null } = {
    policy: config.policy.model,
    checkpointSha256: null,
  };
  for (let earlier = 1; earlier < round; earlier++) {
    const selection = await readJson(blobs, selectionKey(runId, earlier), RoundSelection);
    if (selection?.checkpoint)
      policy = { policy: selection.checkpoint.id, checkpointSha256: selection.checkpoint.sha256 };
  }
  return {
    schema: "rlaifv-lineage/1",
    run: { id: runId, name: config.name, configDigest: configDigest(config) },
    code: { version: plan.codeVersion, revision: null },
    data: { manifestDigest: plan.manifestDigest, samples: plan.samples.data },
    seeds: { run: config.seed },
    models: plan.models.map(({ role, engine, model, revision }) => ({
      role: role.split("/")[0] as LineageModel["role"],
      engine,
      model,
      revision: revision === "" ? null : revision,
    })),
    rounds: [{ round, ...policy }],
    prompts: promptHashes(config),
  };
}

async function examplesOf(report: Report, world: World): Promise<ReportExamples> {
  const { id: runId, seed } = report.run;
  const bench = report.config.evaluate && (await runBench(report.config.evaluate.bench, { runId, blobs: world.blobs }));
  const deps = { store: world.store, blobs: world.blobs };
  const base = await readScored(deps, runId, "0.evaluate");
  const last = report.rounds.findLast(({ metrics }) => metrics !== null)?.round;
  const aligned = new Map(
    (last === undefined ? [] : await readScored(deps, runId, `${last}.evaluate`)).map((sample): [string, Scored] => [
      sample.sampleId,
      sample,
    ]),
  );
  const heldOut = [];
  for (const sample of drawExamples(sortedBy(base, "sampleId"), HELD_OUT_EXAMPLES, seed)) {
    const image = await thumbnailOf(sample.image.sha256, world);
    const example = heldOutExample(bench, { base: sample, aligned: aligned.get(sample.sampleId) }, image);
    if (example !== undefined) heldOut.push(example);
  }
  const pairs = [];
  for (const { round } of report.rounds) pairs.push(...(await readPairs(world.blobs, runId, round)));
  const shown = [];
  for (const pair of drawExamples(sortedBy(pairs, "pairId"), PAIR_EXAMPLES, seed)) {
    shown.push(pairExample(bench, pair, await thumbnailOf(pair.image.sha256, world)));
  }
  return { heldOut, pairs: shown };
}

async function thumbnailOf(sha256: string, { blobs }: World) {
  const bytes = await blobs.read(contentKey(sha256));
  if (bytes === undefined) throw new Error(`image ${sha256} is gone from the data folder`);
  return thumbnail(bytes);
}

function sortedBy<K extends string, T extends Record<K, string>>(items: readonly T[], field: K): T[] {
  return [...items].sort((a, b) => (a[field] < b[field] ? -1 : 1));
}
