/**
 * `rlaifv pairs` at the size of a full round, against a Python re-creation of RLAIF-V's procedure on the same files
 * (bench/pairs_peer.py: the standard library, both files in memory). Prints seconds and peak memory of each, measured by
 * the operating system on a process of its own, and whether both wrote the same set of pairs.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { FULL_ROUND, writeRound } from "./rlaifv-round.ts";

/** The original on a round of this size, as its users report it. */
const ORIGINAL = { seconds: 90, cpuSeconds: 90, megabytes: 1000 };

/** `cpuSeconds` of all threads: the fairer figure on a busy machine. */
type Measured = { seconds: number; cpuSeconds: number; megabytes: number };

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** Runs a program that prints `{"seconds": …, "cpuSeconds": …, "megabytes": …}` as its last line. */
function measure(program: string, args: string[]): Measured | undefined {
  const run = spawnSync(program, args, { encoding: "utf8", maxBuffer: 1 << 24 });
  if (run.error !== undefined) return undefined;
  if (run.status !== 0) throw new Error(`${program} ${args[0]} failed: ${run.stderr}`);
  return JSON.parse(run.stdout.trim().split("\n").at(-1)!) as Measured;
}

/** A hash of the records that does not depend on their order or on spaces. */
async function setHash(path: string): Promise<{ records: number; hash: string }> {
  const sums = Buffer.alloc(32);
  let records = 0;
  for await (const line of createInterface({ input: createReadStream(path) })) {
    const digest = createHash("sha256")
      .update(JSON.stringify(JSON.parse(line)))
      .digest();
    for (const [at, byte] of digest.entries()) sums[at] = (sums[at]! + byte) & 0xff;
    records++;
  }
  return { records, hash: sums.toString("hex") };
}

const folder = await mkdtemp(join(tmpdir(), "rlaifv-bench-pairs-"));
try {
  const paths = { answers: join(folder, "round.gq.jsonl"), labels: join(folder, "autocheck_round.json") };
  const { claims } = await writeRound(paths);
  const sizeOf = async (path: string) => Math.round((await stat(path)).size / 1e6);
  const sizes = `${await sizeOf(paths.answers)} MB of answers, ${await sizeOf(paths.labels)} MB of labels`;
  console.log(`${FULL_ROUND.questions * FULL_ROUND.answersEach} answers, ${claims} claims: ${sizes}`);
  for (const balance of [false, true]) {
    const out = { ours: join(folder, "ours.jsonl"), peer: join(folder, "peer.jsonl") };
    const flag = balance ? ["--balance"] : [];
    const ours = measure(process.execPath, [here("pairs-once.ts"), paths.answers, paths.labels, out.ours, ...flag])!;
    const peer = measure("python3", [here("pairs_peer.py"), paths.answers, paths.labels, out.peer, ...flag]);
    console.log(balance ? "\nall pairs, length-balanced" : "\nall pairs");
    console.log(`  rlaifv pairs: ${figures(ours)}`);
    report("original, reported", ours, ORIGINAL);
    if (peer === undefined) console.log("  Python peer: skipped, python3 is not there");
    else {
      report("Python re-creation", ours, peer);
      const [own, other] = [await setHash(out.ours), await setHash(out.peer)];
      console.log(
        `  ${own.records} pairs; the peer's set is ${own.hash === other.hash ? "the same" : `ANOTHER (${other.records})`}`,
      );
    }
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

function figures({ seconds, cpuSeconds, megabytes }: Measured): string {
  return `${seconds.toFixed(2)} s, ${cpuSeconds.toFixed(2)} s of CPU, ${Math.round(megabytes)} MB`;
}

function report(name: string, ours: Measured, theirs: Measured): void {
  const times = (theirs.cpuSeconds / ours.cpuSeconds).toFixed(1);
  const share = (ours.megabytes / theirs.megabytes).toFixed(2);
  console.log(`  ${name}: ${figures(theirs)}; ${times} times our CPU time, and we use ${share} of its memory`);
}
