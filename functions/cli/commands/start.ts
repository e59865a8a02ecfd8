import { Command } from "commander";
import { listen } from "../../api/listen.ts";
import { withLock } from "../../runtime/local.ts";
import { isLoopbackHost } from "../../runtime/own-machine.ts";
import { openService, type ServiceOptions } from "../../runtime/service.ts";
import { readConfigFile } from "../config-file.ts";
import { type Output, openOutput } from "../output.ts";
import { wholeNumber, withCommonOptions, withDataOption } from "./shared.ts";

type StartOptions = {
  data: string;
  port: number;
  host: string;
  config: string[];
  requireKeys?: boolean;
  anonymous: boolean;
  trustProxy?: boolean;
  allowRange: string[];
  maxRuns: number;
  json?: boolean;
};

export function startCommand(): Command {
  const command = new Command("start")
    .description("serve the HTTP API, the OpenAI-compatible chat and the console on one port")
    .option("--port <n>", "0 takes a free one", wholeNumber(0), 3000)
    .option("--host <host>", "address to listen on; one that others can reach makes everybody need a key", "127.0.0.1")
    .option("--config <files...>", "serve these configs' policies too, and let keys use their servers", [])
    .option("--require-keys", "even from this machine; see rlaifv keys")
    .option("--no-anonymous", "nobody chats without a key")
    .option("--trust-proxy", "believe X-Forwarded-For: only behind a proxy that sets it")
    .option(
      "--allow-range <cidr...>",
      "private addresses that images and webhooks may be called at, e.g. 10.1.0.0/16",
      [],
    )
    .option("--max-runs <n>", "runs that work at the same time; others are queued", wholeNumber(1), 2);
  return withDataOption(withCommonOptions(command)).action(async (options: StartOptions) => {
    await withLock(options.data, () => serve(options, openOutput(options)));
  });
}

async function serve(options: StartOptions, output: Output): Promise<void> {
  const service = await openService(await serviceOptions(options, output));
  try {
    const listening = await listen(service.app, options);
    await service.start();
    output.result(
      { url: listening.url, data: options.data },
      [
        `rlaifv serves ${listening.url}  (folder ${options.data}; Ctrl-C ends it, the next start goes on)`,
        `  console  ${listening.url}/`,
        `  API      ${listening.url}/reference`,
        `  chat     ${listening.url}/v1  (any OpenAI client)`,
        access(options),
      ].join("\n"),
    );
    await new Promise<void>((stopped) => process.once("SIGINT", stopped).once("SIGTERM", stopped));
    output.note("stopping; what runs goes on with the next start");
    await listening.close();
  } finally {
    await service.close();
  }
}

async function serviceOptions(options: StartOptions, output: Output): Promise<ServiceOptions> {
  return {
    dataDir: options.data,
    env: process.env,
    ownerWithoutKey: needsNoKey(options),
    anonymousChat: options.anonymous,
    trustProxy: options.trustProxy === true,
    configs: await Promise.all(options.config.map(readConfigFile)),
    web: options.allowRange.length === 0 ? {} : { allowRanges: options.allowRange },
    maxActiveRuns: options.maxRuns,
    onFault: (error, where) => output.note(`${where}: ${error instanceof Error ? error.stack : String(error)}`),
  };
}

const needsNoKey = ({ host, requireKeys }: StartOptions): boolean => isLoopbackHost(host) && requireKeys !== true;

function access(options: StartOptions): string {
  if (needsNoKey(options)) return "  access   you, on this machine, without a key";
  const anonymous = options.anonymous ? "; without one only the chat, within small limits" : "";
  return `  access   with a key: rlaifv keys create --name me --scopes admin${anonymous}`;
}
