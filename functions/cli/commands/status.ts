import { Command } from "commander";
import { runAccount } from "../../../shared/budget/accounts.ts";
import { MICROS_PER_USD } from "../../../shared/budget/prices.ts";
import { readRecord } from "../../../shared/jsonl.ts";
import type { RunRow, ShardRow } from "../../../shared/schemas/rows.ts";
import { addLosses } from "../../../shared/states/losses.ts";
import { passStates } from "../../../shared/states/pass-states.ts";
import type { Local } from "../../runtime/local.ts";
import { UserError } from "../errors.ts";
import { openOutput } from "../output.ts";
import { findRun, inKnownFolder, withCommonOptions, withDataOption } from "./shared.ts";

export function statusCommand(): Command {
  const command = new Command("status")
    .argument("[run]", "one run in detail")
    .option("--sample <id>", "with a run: everything known of one sample, pass by pass")
    .description("list the runs of a folder, or tell how far one is");
  return withDataOption(withCommonOptions(command)).action(
    async (id: string | undefined, options: { data: string; sample?: string; json?: boolean }) => {
      const output = openOutput(options);
      await inKnownFolder(options.data, async (local) => {
        if (id === undefined) {
          const { items } = await local.store.runs.list({ limit: 100 });
          return output.result(items, items.length === 0 ? "no runs yet" : items.map(runLine).join("\n"));
        }
        const run = await findRun(id, local);
        if (options.sample !== undefined) return output.result(...(await sampleDetail(run, options.sample, local)));
        const detail = await runDetail(run, local);
        output.result({ ...run, ...detail }, detailText(run, detail));
      });
    },
  );
}

function runLine(run: RunRow): string {
  const reason = run.reason === undefined ? "" : `  ${run.reason}`;
  return `${run.runId.padEnd(28)} ${run.state.padEnd(9)} ${new Date(run.createdAt).toISOString().slice(0, 16)}  ${(run.workedMs / 1000).toFixed(0)} s${reason}`;
}

type PassDetail = { pass: string; shards: Record<string, string>; samples: Record<string, number> };
type Detail = {
  passes: PassDetail[];
  losses: Record<string, number>;
  settledUsd: number;
  reservedUsd: number;
  budgetUsd: number;
};

async function runDetail({ runId }: RunRow, { store }: Local): Promise<Detail> {
  const shards = await store.shards.list({ runId });
  const passes: PassDetail[] = [];
  for (const [pass, own] of Map.groupBy(shards, ({ passId }) => passId)) {
    const states = passStates(await store.samples.count(runId, pass), own);
    const samples = Object.entries(states).filter(([, count]) => count > 0);
    passes.push({ pass, shards: doneByStage(own), samples: Object.fromEntries(samples) });
  }
  const ledger = await store.ledger.read(runAccount(runId));
  const usd = (micros: number | undefined) => (micros ?? 0) / MICROS_PER_USD;
  return {
    passes,
    losses: addLosses(...shards.map(({ losses }) => losses)) as Record<string, number>,
    settledUsd: usd(ledger?.settled),
    reservedUsd: usd(ledger?.reserved),
    budgetUsd: usd(ledger?.budget),
  };
}

function doneByStage(shards: readonly ShardRow[]): Record<string, string> {
  const stages = [...Map.groupBy(shards, ({ stage }) => stage)];
  return Object.fromEntries(
    stages.map(([stage, own]) => [stage, `${own.filter(({ state }) => state === "done").length}/${own.length}`]),
  );
}

function detailText(run: RunRow, detail: Detail): string {
  const list = (values: Record<string, string | number>) =>
    Object.entries(values)
      .map(([name, value]) => `${name} ${value}`)
      .join(", ");
  return [
    runLine(run),
    `money: $${detail.settledUsd.toFixed(4)} spent, $${detail.reservedUsd.toFixed(4)} reserved, of $${detail.budgetUsd.toFixed(2)}`,
    ...detail.passes.map(
      ({ pass, shards, samples }) => `${pass.padEnd(14)} shards done: ${list(shards)}; samples: ${list(samples)}`,
    ),
    `losses: ${list(detail.losses) || "none"}`,
  ].join("\n");
}

/** The sample's row and content in every pass, each read back with one range read. */
async function sampleDetail({ runId }: RunRow, sampleId: string, { store, blobs }: Local): Promise<[unknown, string]> {
  const passes = new Set((await store.shards.list({ runId })).map(({ passId }) => passId));
  const found = [];
  for (const passId of passes) {
    const row = await store.samples.get(runId, passId, sampleId);
    if (row !== undefined) found.push({ row, content: await readRecord(blobs, row.pointer) });
  }
  if (found.length > 0) return [found, JSON.stringify(found, null, 2)];
  throw new UserError(`run ${runId} has no sample ${sampleId}`, {
    fix: "sample ids stand in the dataset's pairs.jsonl",
  });
}
