/** Servers that speak S3, started by the tests that need them: moto (Python) and fauxqs (npm, in process). */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { CreateBucketCommand, type S3Client } from "@aws-sdk/client-s3";
import { startFauxqs } from "fauxqs";
import { openS3Client, type S3Settings } from "../../functions/adapters/s3/client.ts";

/** What an emulator asks for instead of an identity. */
export const CREDENTIALS = { accessKeyId: "emulated", secretAccessKey: "emulated" };
const REGION = "us-east-1";

export type Emulator = { endpoint: string; stop(): Promise<void> };

const PYTHON = process.env["PYTHON"] ?? "python3";

/** Why moto cannot run here, or false. Where emulators are required, its absence is a failure. */
export const noMoto: string | false =
  process.env["REQUIRE_EMULATORS"] === "1" || spawnSync(PYTHON, ["-c", "import moto.server, flask"]).status === 0
    ? false
    : `${PYTHON} has no moto: pip install 'moto[server]', or name a Python that has it in PYTHON`;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

async function untilItAnswers(url: string, child: ChildProcess, said: () => string): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`moto ended with ${child.exitCode}: ${said()}`);
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok) return;
    if (Date.now() > deadline) throw new Error(`moto did not answer at ${url} within a minute: ${said()}`);
    await pause(50);
  }
}

/** Every AWS service moto knows, on a port of its own; forgets everything when it stops. */
export async function startMoto(): Promise<Emulator> {
  const port = await freePort();
  const child = spawn(PYTHON, ["-m", "moto.server", "-H", "127.0.0.1", "-p", String(port)], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (text) => {
    said = `${said}${text}`.slice(-2000);
  });
  const ended = once(child, "close");
  const endpoint = `http://127.0.0.1:${port}`;
  await untilItAnswers(`${endpoint}/moto-api/`, child, () => said);
  return {
    endpoint,
    async stop() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

export async function startFaux(): Promise<Emulator> {
  const server = await startFauxqs({ port: 0, logger: false });
  return { endpoint: `http://127.0.0.1:${server.port}`, stop: () => server.stop() };
}

/** An empty bucket of the emulator, and a client for it that is configured as the deployed one but for `settings`. */
export async function freshBucket(
  emulator: { endpoint: string },
  settings: Partial<S3Settings> = {},
): Promise<{ client: S3Client; bucket: string }> {
  const client = openS3Client({ region: REGION, endpoint: emulator.endpoint, credentials: CREDENTIALS, ...settings });
  const bucket = `blobs-${randomUUID()}`;
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  return { client, bucket };
}
