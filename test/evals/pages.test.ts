import assert from "node:assert/strict";
import { test } from "node:test";
import { parseHTML } from "linkedom";
import { comparisonPage, evaluationPage, HOSTILE } from "./pages.ts";

test("what models, questions and people wrote stays text on both pages, and nothing is loaded", () => {
  for (const page of [evaluationPage(), comparisonPage()]) {
    assert.ok(!page.includes("<script") && !page.includes("<img"), "markup of a text came through");
    const { document } = parseHTML(page);
    const policy = document.querySelector("meta[http-equiv=Content-Security-Policy]")?.getAttribute("content");
    assert.match(policy ?? "", /^default-src 'none';/);
    assert.ok(document.body.textContent?.includes(HOSTILE));
    assert.equal(document.querySelectorAll("figure.forest svg").length, 1);
  }
});

test("the worst items are those that lost something, and the lead tells the first figure", () => {
  const { document } = parseHTML(evaluationPage());
  const losses = [...document.querySelectorAll("article .fine")].map(({ textContent }) => textContent);
  assert.equal(losses.length, 12);
  assert.ok(losses.every((loss) => loss?.startsWith("accuracy 0.0")));
  assert.match(
    document.querySelector(".lead")?.textContent ?? "",
    /^accuracy 66\.7.% \[.*\]; 90 items, all answered; no judge\.$/,
  );
});

test("a comparison says of each figure whether it got better, and of none that was not tested", () => {
  const { document } = parseHTML(comparisonPage());
  const rows = [...document.querySelectorAll("tbody tr")].map((row) => [
    row.querySelector("th")?.textContent,
    row.querySelector("td:last-child")?.textContent,
  ]);
  assert.deepEqual(rows, [
    ["accuracy", "better"],
    ["precision", "no difference seen"],
    ["recall", "no difference seen"],
    ["f1", "better"],
    ["yes ratio", "told beside"],
    ["undecided", "no difference seen"],
  ]);
});
