/** Stays with a run that a service works on, and shows it as if it ran here. */
import { runSizes } from "../../../shared/run-sizes.ts";
import { Report } from "../../../shared/schemas/report.ts";
import type { RunState } from "../../../shared/schemas/rows.ts";
import type { RunDetail } from "../../api/contract/runs.ts";
import { jsonOf } from "../../client/client.ts";
import { resultTable } from "../../report/table.ts";
import { EXIT, type ExitCode } from "../errors.ts";
import { EXIT_OF } from "../execute.ts";
import type { Output } from "../output.ts";
import { showProgress } from "../progress.ts";
import { getJson, type Remote } from "./server.ts";

const TABLE_WIDTH = 120; // without a terminal
const AT_WORK: readonly RunState[] = ["queued", "running"];

/** Ctrl-C leaves the run alone: it goes on over there. */
export async function follow(run: RunDetail, remote: Remote, output: Output): Promise<ExitCode> {
  const away = new AbortController();
  const onSignal = () => away.abort();
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  const { rounds, samples, config } = run;
  const sizes = runSizes({ rounds, samples, trains: config.train !== undefined }, config);
  const progress = showProgress(run.id, sizes, process.stderr);
  try {
    await untilItRests(run, remote, { signal: away.signal, emit: progress.emit });
  } finally {
    progress.stop();
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
  if (away.signal.aborted) return leave(run, remote, output);
  return tellEnding(run.id, remote, output);
}

type Watching = { signal: AbortSignal; emit: ReturnType<typeof showProgress>["emit"] };

/** The events from the run's beginning make the same picture as if one had been there all the time. */
async function untilItRests({ id }: RunDetail, { client }: Remote, { signal, emit }: Watching): Promise<void> {
  const { last_event: told } = await jsonOf(client.api.v1.runs[":id"].$get({ param: { id } }));
  for await (const { seq, event } of client.events(id, { after: 0, signal })) {
    emit(event);
    if (seq < told || event.kind !== "run" || AT_WORK.includes(event.state)) continue;
    const { state } = await jsonOf(client.api.v1.runs[":id"].$get({ param: { id } }));
    if (!AT_WORK.includes(state)) return;
  }
}

function leave({ id }: RunDetail, { url }: Remote, output: Output): ExitCode {
  output.result(
    { run: id, state: "running" },
    `The run goes on at ${url}. To look again: rlaifv --server ${url} status ${id}; to stop it: … pause ${id}`,
  );
  return EXIT.interrupted;
}

async function tellEnding(id: string, remote: Remote, output: Output): Promise<ExitCode> {
  const { client, url } = remote;
  const run = await jsonOf(client.api.v1.runs[":id"].$get({ param: { id } }));
  const page = `${url}/v1/runs/${id}/report?format=html`;
  const report = Report.parse(await getJson(remote, `/v1/runs/${id}/report?format=json`));
  const isPlain = run.state === "finished" && run.reason === null;
  const ending = isPlain ? [] : [`The run is ${run.state}: ${run.reason ?? ""}`];
  const text = [
    resultTable(report, process.stdout.columns ?? TABLE_WIDTH),
    ...report.warnings.map((warning) => `note: ${warning}`),
    ...ending,
    page,
  ].join("\n");
  output.result({ run: id, state: run.state, report: page }, text);
  return EXIT_OF[run.state];
}
