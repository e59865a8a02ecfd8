/** Commands that look: status, export, models, usage. */
import { createWriteStream } from "node:fs";
import { resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Command, Option } from "commander";
import { z } from "zod";
import { ExportFormat } from "../../../shared/schemas/lineage.ts";
import type { RunDetail, RunView } from "../../api/contract/runs.ts";
import { jsonOf } from "../../client/client.ts";
import { wholeNumber, withCommonOptions } from "../commands/shared.ts";
import { openOutput } from "../output.ts";
import { getJson, type Remote } from "./server.ts";

type Json = { json?: boolean };

export function statusCommand(remote: Remote): Command {
  const command = new Command("status")
    .argument("[run]", "one run in detail")
    .option("--sample <id>", "with a run: everything known of one sample")
    .description("list the runs of the service, or tell how far one is");
  return withCommonOptions(command).action(async (id: string | undefined, options: Json & { sample?: string }) => {
    const output = openOutput(options);
    const { runs } = remote.client.api.v1;
    if (id === undefined) {
      const { items } = await jsonOf(runs.$get({ query: { limit: "100" } }));
      return output.result(items, items.length === 0 ? "no runs yet" : items.map(runLine).join("\n"));
    }
    if (options.sample !== undefined) {
      const param = { id, sampleId: options.sample };
      const sample = await jsonOf(runs[":id"].samples[":sampleId"].$get({ param, query: {} }));
      return output.result(sample, JSON.stringify(sample, null, 2));
    }
    const run = await jsonOf(runs[":id"].$get({ param: { id } }));
    output.result(run, detailText(run));
  });
}

function runLine(run: RunView): string {
  const money = `$${run.budget.settled_usd.toFixed(4)} of $${run.budget.usd.toFixed(2)}`;
  return `${run.id.padEnd(28)} ${run.state.padEnd(9)} round ${run.round}/${run.rounds}  ${money}  ${run.created_at.slice(0, 16)}${run.reason === null ? "" : `  ${run.reason}`}`;
}

function detailText(run: RunDetail): string {
  return [
    runLine(run),
    ...run.passes.map(({ pass_id, states }) => {
      const counts = Object.entries(states).filter(([, count]) => count > 0);
      return `${pass_id.padEnd(14)} ${counts.map(([state, count]) => `${state} ${count}`).join(", ")}`;
    }),
    ...run.warnings.map((warning) => `warning: ${warning}`),
  ].join("\n");
}

type ExportOptions = Json & { round: number; format: ExportFormat; out?: string };

export function exportCommand(remote: Remote): Command {
  const command = new Command("export")
    .argument("<run>", "the run's id")
    .description("fetch a round's pairs as a dataset, a zip with card, lineage and images")
    .requiredOption("--round <n>", "which round", wholeNumber(1))
    .addOption(
      new Option("--format <format>", "jsonl, parquet (RLAIF-V-Dataset columns), trl, rlaifv")
        .choices(ExportFormat.options)
        .default("parquet"),
    )
    .option("--out <file>", "where to write (default: the name that the service gives)");
  return withCommonOptions(command).action(async (id: string, options: ExportOptions) => {
    const { round, format } = options;
    const { name, body } = await remote.client.dataset(id, { round, format });
    const file = resolve(options.out ?? name);
    await pipeline(Readable.fromWeb(body as import("node:stream/web").ReadableStream), createWriteStream(file));
    openOutput(options).result({ file, round, format }, file);
  });
}

/** What this command reads of `GET /v1/models`. */
const ModelList = z.object({
  data: z.array(
    z.object({
      id: z.string(),
      rlaifv: z.object({ run: z.string().nullish(), round: z.int().nullish() }).optional(),
    }),
  ),
});

export function modelsCommand(remote: Remote): Command {
  const command = new Command("models").description("list the models that the service's chat answers with");
  return withCommonOptions(command).action(async (options: Json) => {
    const { data } = ModelList.parse(await getJson(remote, "/v1/models"));
    const lines = data.map(({ id, rlaifv }) => {
      const from = rlaifv?.run ? `  round ${rlaifv.round} of ${rlaifv.run}` : "";
      return `${id}${from}`;
    });
    openOutput(options).result(data, lines.join("\n"));
  });
}

export function usageCommand(remote: Remote): Command {
  const command = new Command("usage").description("what the key has used today, and what is left");
  return withCommonOptions(command).action(async (options: Json) => {
    const usage = await jsonOf(remote.client.api.v1.usage.$get());
    const line = (name: string, window: typeof usage.usd) =>
      `${name.padEnd(20)} ${window.used} used, ${window.reserved} reserved, of ${window.limit ?? "no limit"}`;
    openOutput(options).result(
      usage,
      [
        `${usage.principal}: ${usage.scopes.join(", ")}; ${usage.day} (UTC)`,
        line("USD", usage.usd),
        line("tokens", usage.tokens),
        line("requests this minute", usage.requests_this_minute),
        line("requests at once", usage.concurrent_requests),
      ].join("\n"),
    );
  });
}
