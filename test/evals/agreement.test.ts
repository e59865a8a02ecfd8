import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { NoUsableLabels, readLabels } from "../../functions/evals/agreement.ts";
import { EvaluationError } from "../../functions/evals/problems.ts";
import { tempFolder } from "../support/temp-folder.ts";

async function read(...lines: readonly (string | object)[]) {
  await using folder = await tempFolder("labels");
  const path = join(folder.path, "labels.jsonl");
  await writeFile(path, lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n"));
  return await readLabels(path);
}

test("truth is read from true, yes and 1, false, no and 0", async () => {
  const verdict = "accepted";
  const { rows, problems } = await read(
    ...[true, "yes", "Yes", 1, false, "no", 0].map((truth) => ({ truth, verdict })),
  );
  assert.deepEqual(
    rows.map(({ truth }) => truth),
    [true, true, true, true, false, false, false],
  );
  assert.deepEqual(problems, []);
});

test("without a verdict the larger probability decides, and a tie abstains", async () => {
  const { rows } = await read(
    { truth: true, p_yes: 0.6, p_no: 0.2 },
    { truth: true, p_yes: 0.2, p_no: 0.6 },
    { truth: true, p_yes: 0.3, p_no: 0.3 },
    { truth: true, p_yes: 0.6, p_no: 0.2, verdict: "no" },
  );
  assert.deepEqual(
    rows.map(({ verdict }) => verdict),
    ["accepted", "rejected", "abstained", "rejected"],
  );
  assert.deepEqual([rows[0]?.pYes, rows[0]?.pNo], [0.6, 0.2]);
});

test("claims of one image share a cluster; a claim without an image is alone, and counted", async () => {
  const label = { truth: false, verdict: "rejected" };
  const { rows, withoutImage } = await read({ image: "a.jpg", ...label }, { image: "a.jpg", ...label }, label, label);
  assert.equal(new Set(rows.map(({ cluster }) => cluster)).size, 3);
  assert.equal(withoutImage, 2);
});

test("each bad line is told with its field, value and way out, and the others are used", async () => {
  const { rows, problems } = await read(
    `\ufeff${JSON.stringify({ itemId: 7, truth: true, verdict: "accepted" })}`,
    "",
    "{broken",
    { verdict: "accepted" },
    { truth: "maybe", verdict: "accepted" },
    { truth: true },
    { truth: true, verdict: "fine" },
    { truth: true, p_yes: 0.5 },
    { truth: true, p_yes: 90, p_no: 0.1 },
    { truth: true, verdict: "accepted", image: "" },
    { itemId: "7", truth: true, verdict: "accepted" },
  );
  assert.deepEqual(
    rows.map(({ itemId }) => itemId),
    ["7"],
  );
  assert.deepEqual(
    problems.map(({ line, field, value }) => [line, field, value]),
    [
      [3, "the line", "{broken"],
      [4, "truth", "undefined"],
      [5, "truth", "maybe"],
      [6, "verdict", "undefined"],
      [7, "verdict", "fine"],
      [8, "p_no", "undefined"],
      [9, "p_yes", "90"],
      [10, "image", ""],
      [11, "itemId", "7"],
    ],
  );
  for (const { reason, fix } of problems) assert.ok(reason !== "" && fix !== "");
});

test("a file that is not there, an empty one and one without a good line are errors that say what to do", async () => {
  await assert.rejects(readLabels("/nowhere/labels.jsonl"), (error) => {
    assert.ok(error instanceof EvaluationError && !(error instanceof NoUsableLabels));
    return /cannot read --labels \/nowhere\/labels.jsonl/.test(error.message);
  });
  await assert.rejects(read(""), (error) => error instanceof NoUsableLabels && /"truth": true/.test(error.fix));
  await assert.rejects(read({ truth: 2 }, { truth: 3 }), /no line can be used \(2 read\); line 1: truth = 2/);
});
