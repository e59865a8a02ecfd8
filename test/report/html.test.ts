import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseHTML } from "linkedom";
import { reportHtml } from "../../functions/report/html.ts";
import { escapeHtml, html } from "../../functions/report/markup.ts";
import { sha256Hex } from "../../shared/ids.ts";
import { Report } from "../../shared/schemas/report.ts";
import { datasetReport, emptyReport, exampleAnswer, examples, fullReport, hostilePage } from "./fixtures.ts";

const NONE = { heldOut: [], pairs: [] };
const page = (markup: string) => parseHTML(markup).document;
const textOf = (element: { textContent: string | null } | null | undefined) =>
  (element?.textContent ?? "").replace(/\s+/g, " ").trim();
const all = (markup: string, selector: string) => [...page(markup).querySelectorAll(selector)];

test("the page tells the result first, and shows every figure with a table under its chart", () => {
  const markup = reportHtml(fullReport(), examples());
  assert.match(textOf(page(markup).querySelector("h1")), /from 44\.1.% down to 9\.2.% in 4 rounds/);
  const figures = all(markup, "figure");
  assert.deepEqual(
    figures.map((figure) => textOf(figure.querySelector("h3"))),
    [
      "Response hallucination",
      "Mention hallucination",
      "False claims",
      "Object recall",
      "Words per answer",
      "True claims per answer",
      "Response hallucination of every variant",
      "Loss",
      "Reward margin",
      "Reward accuracy",
    ],
  );
  assert.ok(figures.every((figure) => figure.querySelector("svg")?.getAttribute("aria-label")));
  const rows = [...(figures[0]?.querySelectorAll("tbody tr") ?? [])].map(textOf);
  assert.equal(rows.length, 5);
  assert.match(rows[4]!, /^4 ?9\.2.% \[5\.7, 12\.7\] ?6\.1.%/);
});

test("a claim carries its verdict as sign, word and number, and a false one its mark", () => {
  const [first] = all(reportHtml(fullReport(), examples()), "#samples article");
  const claims = [...(first?.querySelectorAll("mark[data-verdict]") ?? [])];
  assert.deepEqual(
    claims.map((claim) => claim.getAttribute("data-verdict")),
    ["accepted", "accepted", "rejected", "abstained", "accepted", "accepted", "accepted"],
  );
  assert.match(textOf(claims[2]), /^There is a kite\. ?✗.0\.04 ?\(rejected, p yes 0\.04, in truth false\)$/);
  assert.match(
    claims[2]?.getAttribute("title") ?? "",
    /^Is it so: There is a kite\. p\(yes\) 0\.04: rejected, in truth false$/,
  );
  assert.ok(claims[2]?.querySelector(".false") && !claims[0]?.querySelector(".false"));
});

test("claims that are not in the answer word for word are listed below it", () => {
  const shown = examples(1);
  const base = { ...exampleAnswer(["It shows a dog", "accepted", 0.9, null]), text: "A brown dog, I think." };
  const markup = reportHtml(fullReport(), { ...shown, heldOut: [{ ...shown.heldOut[0]!, objects: null, base }] });
  const [answer] = all(markup, "#samples .answer");
  assert.equal(textOf(answer?.querySelector(".text")), "A brown dog, I think.");
  assert.match(textOf(answer?.querySelector(".claims li")), /^It shows a dog/);
});

test("a run that ends with its dataset, and one that made nothing, have their page too", () => {
  const dataset = page(reportHtml(datasetReport(), { heldOut: [], pairs: examples(1).pairs }));
  assert.match(textOf(dataset.querySelector("h1")), /^A preference dataset of 503 pairs in 1 round$/);
  assert.deepEqual(
    [...dataset.querySelectorAll("section")].map(({ id }) => id),
    ["pairs", "rounds", "money", "details"],
  );
  assert.match(textOf(dataset.querySelector(".warning")), /12 pictures are larger/);
  const empty = page(reportHtml(emptyReport(), NONE));
  assert.match(textOf(empty.querySelector(".warning")), /This run is paused\. budget: \$10 is spent/);
  for (const document of [dataset, empty]) assert.doesNotMatch(document.toString(), /NaN|undefined|Infinity|\[object/);
});

test("figures that were not measured are dashes, never NaN", () => {
  const report = fullReport();
  const nothing = { value: null, ci: null, n: 0 };
  const blind = {
    ...report.base!,
    recall: nothing,
    response_hallucination: nothing,
    labeler_agreement: nothing,
    greedy: null,
  };
  const markup = reportHtml(
    Report.parse({ ...report, base: blind, rounds: report.rounds.map((round) => ({ ...round, metrics: blind })) }),
    NONE,
  );
  assert.doesNotMatch(markup, /NaN|undefined|Infinity|>null/);
  assert.equal(
    all(markup, "figure h3").some((title) => textOf(title) === "Object recall"),
    false,
  );
});

test("the page says when a control speaks against the result", () => {
  const report = fullReport();
  const markup = reportHtml(
    { ...report, controls: { truncated_base: report.rounds[3]!.metrics, sft_only: null } },
    NONE,
  );
  const refuted = all(markup, ".checks li")
    .map(textOf)
    .filter((text) => text.includes("Does not hold"));
  assert.equal(refuted.length, 1);
  assert.match(refuted[0]!, /Saying less does not explain it/);
});

test("whatever a model, a manifest or a config says stays text", () => {
  const { report, examples: shown, text } = hostilePage();
  const markup = reportHtml(report, shown);
  const clean = reportHtml(fullReport(), { heldOut: examples(1).heldOut, pairs: [examples(1).pairs[0]!] });
  assert.deepEqual(all(markup, "script, iframe, object, embed, base, form"), []);
  assert.equal(all(markup, "img").length, all(clean, "img").length);
  const attributes = all(markup, "*").flatMap((element) => element.getAttributeNames());
  assert.deepEqual(
    attributes.filter((name) => name.startsWith("on") || name === "href=x"),
    [],
  );
  assert.ok(all(markup, "img").every((element) => element.getAttribute("src") === "data:,"));
  assert.equal(textOf(page(markup).querySelector("#samples p b")), escapeHtmlBack(text));
});

/** What a reader sees of a text: control characters and lone surrogates as replacement characters. */
const escapeHtmlBack = (text: string) =>
  text
    .toWellFormed()
    .replace(/\p{Cc}/gu, "\ufffd")
    .replace(/\s+/g, " ")
    .trim();

test("any text comes back from the page as it went in", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      const { document } = parseHTML(
        html`<!doctype html><html><body><p title="${text}">${text}</p></body></html>`.text,
      );
      const paragraph = document.querySelector("p");
      const expected = text.toWellFormed().replace(/(?![\t\n\r])\p{Cc}/gu, "\ufffd");
      assert.equal(paragraph?.textContent, expected);
      assert.equal(paragraph?.getAttribute("title"), expected);
      assert.doesNotMatch(escapeHtml(text), /[<>"']/);
    }),
  );
});

test("the page loads nothing, runs nothing and stays small", () => {
  const photo = { url: `data:image/webp;base64,${"A".repeat(40_000)}`, width: 320, height: 240 };
  const markup = reportHtml(fullReport(), examples(12, photo));
  assert.ok(markup.length < 3_000_000, `${markup.length} characters`);
  assert.deepEqual(markup.match(/<script|<link rel="stylesheet|@import|url\(http/g), null);
  const policy = page(markup).querySelector("meta[http-equiv=Content-Security-Policy]");
  assert.match(policy?.getAttribute("content") ?? "", /^default-src 'none'; img-src data:;/);
});

test("the same report gives the same page, byte for byte", () => {
  const [first, second] = [1, 2].map(() => sha256Hex(reportHtml(fullReport(), examples())));
  assert.equal(first, second);
});

test("a report of a version without gates and tests is read, and shown without them", () => {
  const { rounds, ...report } = fullReport();
  const older = Report.parse({ ...report, rounds: rounds.map(({ gate: _, ...round }) => round) });
  assert.deepEqual(older, fullReport());
  assert.doesNotMatch(reportHtml(older, { heldOut: [], pairs: [] }), /Gate on the reported figures|p is corrected/);
});
