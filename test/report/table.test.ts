import assert from "node:assert/strict";
import { test } from "node:test";
import { resultTable } from "../../functions/report/table.ts";
import { datasetReport, emptyReport, fullReport } from "./fixtures.ts";

test("a wide terminal gets a line per round with intervals", () => {
  const lines = resultTable(fullReport(), 120).split("\n");
  assert.deepEqual(
    [lines[0], lines[2], lines[6]],
    [
      "round  pairs       response hall.        mention hall.  recall  words  labeler  reward acc.  time",
      " base      –  44.1 % [40.6, 47.6]  11.9 % [10.8, 13.0]  90.3 %   22.4   95.7 %            –     –",
      "    4    524    9.2 % [5.7, 12.7]     2.5 % [1.4, 3.6]  91.3 %   23.1   95.7 %       91.4 %  12 s",
    ],
  );
  assert.equal(lines.at(-1), "hall.: hallucination [95 % CI]; labeler: agreement with truth");
});

test("the table is never wider than the terminal, down to a list of figures", () => {
  for (const width of [200, 100, 99, 90, 60, 40]) {
    const lines = resultTable(fullReport(), width).split("\n");
    assert.ok(
      lines.every((line) => line.length <= width),
      `width ${width}`,
    );
  }
  assert.match(resultTable(fullReport(), 40), /^response hall\. {2}9\.2 % \[5\.7, 12\.7\]$/m);
});

test("what was not measured is a dash, and a run without rounds says so", () => {
  assert.match(resultTable(datasetReport(), 120), /\n {4}1 {4}503 +– +– +– +– +– +– +12 s\n/);
  assert.equal(resultTable(emptyReport(), 120), "No round was finished.");
});
