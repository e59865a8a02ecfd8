import { Command } from "commander";
import { benchFolder, cacheFolder } from "../../evals/fetch/cache.ts";
import { type FetchDeps, type Fetched, fetchBench, type Surveyed, surveyBench } from "../../evals/fetch/fetch.ts";
import { EvaluationError } from "../../evals/problems.ts";
import { type FetchedBench, isFetchedBench, SOURCES, type Source } from "../../evals/sources.ts";
import { count, plural } from "../../report/format.ts";
import { EXIT, type ExitCode, UserError } from "../errors.ts";
import { type Output, openOutput } from "../output.ts";
import { withCommonOptions } from "./shared.ts";

type FetchOptions = {
  to?: string;
  from?: string;
  mirror?: string;
  pictures?: boolean;
  list?: boolean;
  json?: boolean;
};

const BENCHES = Object.keys(SOURCES) as FetchedBench[];

export function fetchCommand(): Command {
  const command = new Command("fetch")
    .argument("[bench...]", BENCHES.join(", "))
    .description("get a bench's own files from their official places; licence and SHA-256 are told before and after")
    .option("--list", "show every file: licence, address, and whether it is here")
    .option("--to <dir>", "folder of all benches' files (default: rlaifv/evals below XDG_CACHE_HOME or ~/.cache)")
    .option("--from <path>", "take a file, folder or .zip that you have already; nothing is asked over the network")
    .option("--mirror <url>", "a server of your own that has the files as URL/BENCH/PATH")
    .option("--pictures", "the pictures, too: only needed where a model is asked")
    .addHelpText(
      "after",
      "\nExit codes: 0 all is here, 2 something could not be fetched (what came stays: the same command goes on), 4 a file is not the expected one.",
    );
  return withCommonOptions(command).action(async (benches: string[]) => {
    const options: FetchOptions = command.optsWithGlobals(); // eval takes the options that both know
    const output = openOutput(options);
    const cache = cacheFolder(options.to, process.env);
    if (options.list === true) return listed(benches.length === 0 ? BENCHES : benches.map(benchNamed), cache, output);
    if (benches.length === 0) throw new UserError("no bench is named", { fix: `name some of: ${BENCHES.join(", ")}` });
    process.exitCode = await fetched(benches.map(benchNamed), { cache, options }, output);
  });
}

function benchNamed(name: string): FetchedBench {
  if (isFetchedBench(name)) return name;
  const fix = name === "scenes" ? "scenes makes its own pictures" : `choose some of: ${BENCHES.join(", ")}`;
  throw new UserError(`there is nothing to fetch for "${name}"`, { fix });
}

async function listed(benches: readonly FetchedBench[], cache: string, output: Output): Promise<void> {
  const surveys = await Promise.all(
    benches.map(async (bench) => ({ bench, sources: await surveyBench(cache, bench).catch(explained) })),
  );
  const value = surveys.map(({ bench, sources }) => ({ bench, folder: benchFolder(cache, bench), sources }));
  const text = surveys.flatMap(({ bench, sources }) => [
    `${bench}  (${benchFolder(cache, bench)})`,
    ...sources.map(listedText),
  ]);
  output.result(value, text.join("\n"));
}

function listedText({ source, fetched, status }: Surveyed): string {
  const here = { present: "is here", missing: "not here", changed: "not as fetched: fetch it again" }[status];
  const hash =
    fetched?.sha256 ?? source.sha256 ?? "not known: what the first fetch gets is recorded, and told when it changes";
  return [
    `  ${source.path}: ${here}${source.pictures === true ? " (only for asking a model)" : ""}`,
    `    ${source.what}`,
    `    licence: ${source.licence}`,
    `    from: ${source.url ?? `${source.page} (by hand)`}`,
    `    sha256: ${hash}`,
  ].join("\n");
}

async function fetched(
  benches: readonly FetchedBench[],
  { cache, options }: { cache: string; options: FetchOptions },
  output: Output,
): Promise<ExitCode> {
  const { from, mirror, pictures = false } = options;
  const stop = new AbortController();
  const onSignal = () => stop.abort(new EvaluationError("stopped by hand", "the same command goes on"));
  process.once("SIGINT", onSignal);
  try {
    const done: { bench: FetchedBench; outcomes: Fetched[] }[] = [];
    for (const bench of benches) {
      const deps = depsOf({ mirror, signal: stop.signal }, output);
      const outcomes = await fetchBench({ bench, cache, pictures, from, mirror }, deps).catch(explained);
      for (const one of outcomes) output.note(toldText(one));
      done.push({ bench, outcomes });
    }
    return ended(done, cache, output);
  } finally {
    process.off("SIGINT", onSignal);
  }
}

/** A server that its user names may lie in the user's own network, and speak plain http. */
function depsOf({ mirror, signal }: { mirror: string | undefined; signal: AbortSignal }, output: Output): FetchDeps {
  const url = mirror === undefined ? undefined : mirrorUrl(mirror);
  const own = {
    ...{ allowHttp: true, allowRanges: ["0.0.0.0/0", "::/0"] },
    allowPorts: url === undefined || url.port === "" ? [] : [Number(url.port)],
  };
  return {
    rules: { signal, ...(url === undefined ? {} : own) },
    onStart(source, from) {
      const size = source.bytes === undefined ? "" : `, ${count(source.bytes)} bytes`;
      const hash = source.sha256 === undefined ? "SHA-256 not known beforehand" : `SHA-256 ${source.sha256}`;
      output.note(`${source.path}: ${source.what}${size}\n  licence: ${source.licence}\n  from ${from}\n  ${hash}`);
    },
    onBytes: bytesTold(output),
    onRedirect: (_source, to) => output.note(`  by way of ${to.hostname}`),
  };
}

function mirrorUrl(text: string): URL {
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol)) return url;
  throw new UserError(`--mirror "${text}" is no URL`, { fix: "give e.g. https://files.example.org/evals" });
}

/** A line each tenth of the way; nothing for files that are small. */
function bytesTold(output: Output): FetchDeps["onBytes"] {
  let shown = "";
  return (source: Source, done: number, total: number | undefined) => {
    if (total === undefined || total < 10_000_000) return;
    const line = `  ${source.path}: ${Math.floor((10 * done) / total) * 10} % of ${count(total)} bytes`;
    if (line !== shown) output.note(line);
    shown = line;
  };
}

function toldText(one: Fetched): string {
  const { path } = one.source;
  if (one.outcome === "failed") return `${path}: ${one.problem.message}`;
  const { sha256, hash, files, pictures, licence } = one.fetched;
  const checked = hash === "known" ? "as expected" : "recorded; nobody here knew it before";
  const what = [
    ...(sha256 === null ? [] : [`SHA-256 ${sha256} (${checked})`]),
    ...(pictures === undefined ? [] : [plural(pictures, "picture")]),
    ...(files.length > 1 ? [plural(files.length, "file")] : []),
  ];
  return `${path}: ${one.outcome === "present" ? "was here" : "is here"}, ${what.join(", ")}; licence: ${licence}`;
}

function ended(
  done: readonly { bench: FetchedBench; outcomes: readonly Fetched[] }[],
  cache: string,
  output: Output,
): ExitCode {
  const failed = done.flatMap(({ outcomes }) => outcomes.filter((one) => one.outcome === "failed"));
  const value = done.map(({ bench, outcomes }) => ({
    bench,
    folder: benchFolder(cache, bench),
    files: outcomes.map((one) => {
      const { path, what, url, page, licence } = one.source;
      const ending =
        one.outcome === "failed" ? { problem: one.problem.problem, message: one.problem.message } : one.fetched;
      return { outcome: one.outcome, path, what, url, page, licence, ...ending };
    }),
  }));
  const text = done.map(({ bench, outcomes }) => {
    const here = outcomes.filter((one) => one.outcome !== "failed").length;
    return `${bench}: ${here} of ${plural(outcomes.length, "file")} in ${benchFolder(cache, bench)}`;
  });
  if (failed.length > 0) text.push(...wayOut(failed.map(({ source }) => source)));
  output.result(value, text.join("\n"));
  if (failed.length === 0) return EXIT.ok;
  return failed.some(({ problem }) => problem.problem === "wrong_hash") ? EXIT.badData : EXIT.usage;
}

/** For machines without a network, and for files that only a browser gets. */
function wayOut(sources: readonly Source[]): string[] {
  return [
    "still missing:",
    ...sources.map(({ path, url, page, licence }) => `  ${path}  ${url ?? page}  (${licence})`),
    "what to do: give the same command again, or download them elsewhere and give the folder with --from DIR",
  ];
}

function explained(error: unknown): never {
  throw error instanceof EvaluationError ? new UserError(error.message, { fix: error.fix }) : error;
}
