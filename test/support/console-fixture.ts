/** The whole service of a data folder on a free port of this machine, for a browser: what `rlaifv start` serves. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listen } from "../../functions/api/listen.ts";
import { openService } from "../../functions/runtime/service.ts";

export async function startConsole() {
  const dataDir = await mkdtemp(join(tmpdir(), "rlaifv-console-"));
  const faults: string[] = [];
  const service = await openService({
    dataDir,
    env: {},
    ownerWithoutKey: true,
    anonymousChat: true,
    trustProxy: false,
    configs: [],
    web: {},
    onFault: (error, where) => faults.push(`${where}: ${error instanceof Error ? error.stack : error}`),
  });
  const listening = await listen(service.app, { port: 0, host: "127.0.0.1" });
  await service.start();
  return {
    url: listening.url,
    dataDir,
    faults,
    async close() {
      await listening.close();
      await service.close();
      await rm(dataDir, { recursive: true });
    },
  };
}
