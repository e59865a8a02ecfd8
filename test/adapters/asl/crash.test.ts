import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { ITEMS, ROUNDS } from "./crash-machine.ts";

const PROGRAM = fileURLToPath(new URL("./crash-machine.ts", import.meta.url));
const KILLS = 12;

/** Runs the program; kills it `killAfterMs` after its work began, if given. Gives its last line, or undefined when it was killed. */
async function runOnce(folder: string, killAfterMs: number | undefined): Promise<string | undefined> {
  const program = spawn(process.execPath, ["--no-warnings", PROGRAM, folder], { stdio: ["ignore", "pipe", "inherit"] });
  let printed = "";
  program.stdout.on("data", (chunk) => {
    if (printed === "" && killAfterMs !== undefined) setTimeout(() => program.kill("SIGKILL"), killAfterMs);
    printed += chunk;
  });
  const signal = await new Promise((resolve) => program.on("close", (_code, by) => resolve(by)));
  return signal === "SIGKILL" ? undefined : printed.trim().split("\n").at(-1);
}

function workLog(folder: string): string[] {
  const file = join(folder, "work.log");
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
}

/** Items, as the log names them, that the map now open has on record as finished. */
function recordedItems(folder: string): string[] {
  const database = new DatabaseSync(join(folder, "loop.sqlite"));
  try {
    const root = database.prepare("SELECT state,variables FROM asl_frame WHERE path=''").get();
    if (root === undefined || root["state"] !== "Work") return [];
    const { turn } = JSON.parse(String(root["variables"]));
    const rows = database.prepare("SELECT path FROM asl_frame WHERE path<>'' AND end IS NOT NULL").all();
    return rows.map(({ path }) => `${turn} ${String(path).slice(1)}`);
  } finally {
    database.close();
  }
}

test(`killed ${KILLS} times at random moments, an execution ends as if nothing had happened and no recorded item is done again`, async () => {
  const folder = await mkdtemp(join(tmpdir(), "asl-crash-"));
  try {
    const repeated: string[] = [];
    let kills = 0;
    let recorded: string[] = [];
    let seen = 0;
    let last: string | undefined;
    while (last === undefined) {
      last = await runOnce(folder, kills < KILLS ? Math.random() * 50 : undefined);
      repeated.push(
        ...workLog(folder)
          .slice(seen)
          .filter((line) => recorded.includes(line)),
      );
      seen = workLog(folder).length;
      if (last !== undefined) break;
      kills += 1;
      recorded = recordedItems(folder);
    }
    const sum = (ROUNDS * ITEMS * (ITEMS - 1)) / 2;
    assert.deepEqual(JSON.parse(last), {
      status: "SUCCEEDED",
      output: { sum, rounds: ROUNDS, sides: ["side", "side"] },
    });
    assert.deepEqual(repeated, []);
    assert.equal(new Set(workLog(folder)).size, ROUNDS * ITEMS);
    assert.ok(kills >= 10, `only ${kills} kills before the end`);
  } finally {
    await rm(folder, { recursive: true });
  }
});
