/** An evaluation that is killed or runs out of money, as its user sees it: the same command goes on and ends the same. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { lines, picture, temporaryFolder, writeFiles } from "../intake/support.ts";
import { seeingServer } from "../support/seeing-server.ts";

const MAIN = new URL("../../functions/cli/main.ts", import.meta.url).pathname;
const QUESTIONS = 200;
/** Replies are stored in groups of 64 (shared/answer.ts), and 32 more may be under way. */
const ASKED_AGAIN_AT_MOST = 64 + 32;

type Ended = { code: number | null; stdout: string; stderr: string };

/** `killWhen`: polled; SIGKILL once it says so. */
function rlaifv(args: readonly string[], killWhen?: () => boolean): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [MAIN, ...args], (error, stdout, stderr) => {
      clearInterval(poll);
      resolve({ code: error === null ? 0 : (error.code as number | null), stdout, stderr });
    });
    const poll = setInterval(() => killWhen?.() && child.kill("SIGKILL"), 5);
  });
}

async function popeFiles(folder: string): Promise<string[]> {
  const rows = Array.from({ length: QUESTIONS }, (_, at) => ({
    ...{ question_id: at + 1, image: "1.jpg", text: `Is there thing ${at} in the image?` },
    label: at % 3 === 0 ? "yes" : "no",
  }));
  await writeFiles(folder, { "coco_pope_random.json": lines(rows), "images/1.jpg": await picture("jpeg", 1, 32) });
  return ["--items", join(folder, "coco_pope_random.json"), "--images", join(folder, "images")];
}

const yes = (text: string) => Number(/\d+/.exec(text)?.[0]) % 4 < 2;
const say = ({ text }: { text: string }) => (yes(text) ? { pYes: 0.8, pNo: 0.1 } : { pYes: 0.1, pNo: 0.8 });

const FILES = ["result.json", "items.jsonl", "answers.jsonl", "judge.jsonl", "report.md", "report.html"];
const filesIn = (out: string) => Promise.all(FILES.map((file) => readFile(join(out, file), "utf8")));

test("killed in the middle, an evaluation goes on and leaves the same bytes as one that nothing happened to", async (t) => {
  const folder = await temporaryFolder(t);
  const bench = await popeFiles(folder);
  await using server = await seeingServer(say, { msPerAnswer: 2 });
  const command = (data: string) => [
    "eval",
    "pope",
    ...bench,
    "--model",
    server.ref,
    "--data",
    join(folder, data),
    "--out",
    join(folder, data, "out"),
  ];
  const killed = await rlaifv(command("killed"), () => server.asked.length >= 120);
  assert.notEqual(killed.code, 0);
  assert.ok(server.asked.length < QUESTIONS, `${server.asked.length} were asked when it was killed`);
  const resumed = await rlaifv(command("killed"));
  assert.equal(resumed.code, 0, resumed.stderr);
  assert.equal(new Set(server.asked.map(({ text }) => text)).size, QUESTIONS);
  assert.ok(server.asked.length <= QUESTIONS + ASKED_AGAIN_AT_MOST, `${server.asked.length} requests`);
  const undisturbed = await rlaifv(command("undisturbed"));
  assert.equal(undisturbed.code, 0, undisturbed.stderr);
  assert.deepEqual(await filesIn(join(folder, "killed", "out")), await filesIn(join(folder, "undisturbed", "out")));
});

test("at its budget an evaluation ends with exit code 3, and with more money asks for the rest alone", async (t) => {
  const folder = await temporaryFolder(t);
  const bench = await popeFiles(folder);
  await using server = await seeingServer(say);
  const command = ["eval", "pope", ...bench, "--model", server.ref, "--model-price", "1/1", "--data", folder];
  const short = await rlaifv([...command, "--budget", "0.02"]);
  assert.equal(short.code, 3, short.stderr);
  assert.match(
    short.stderr,
    /the budget has no room for the next requests.*\n.*give the same command again, with more/,
  );
  const before = server.asked.length;
  assert.ok(before > 0 && before < QUESTIONS, `${before} of ${QUESTIONS} were asked`);
  const whole = await rlaifv([...command, "--budget", "1", "--json"]);
  assert.equal(whole.code, 0, whole.stderr);
  assert.equal(server.asked.length, QUESTIONS);
  const { result, spentUsd } = JSON.parse(whole.stdout);
  assert.deepEqual([result.items, result.missing], [QUESTIONS, 0]);
  assert.equal(Math.round(1e6 * spentUsd), (QUESTIONS - before) * 120); // tokens of the server's bill, 1 USD per million
});
