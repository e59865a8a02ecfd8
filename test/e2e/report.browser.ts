/** The report in a real browser, opened from disk as people do. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import type { Browser } from "playwright-core";
import { reportHtml } from "../../functions/report/html.ts";
import { examples, fullReport, hostilePage } from "../report/fixtures.ts";
import { openBrowser, openPage, type Seen, noBrowser as skip, type View } from "../support/browser.ts";

let browser: Browser;
let folder: string;
let address: string;
let hostileAddress: string;

async function stored(name: string, page: string): Promise<string> {
  await writeFile(join(folder, name), page);
  return pathToFileURL(join(folder, name)).href;
}

before(async () => {
  if (skip) return;
  folder = await mkdtemp(join(tmpdir(), "rlaifv-report-"));
  const hostile = hostilePage();
  address = await stored("report.html", reportHtml(fullReport(), examples()));
  hostileAddress = await stored("hostile.html", reportHtml(hostile.report, hostile.examples));
  browser = await openBrowser();
});

after(async () => {
  if (skip) return;
  await browser.close();
  await rm(folder, { recursive: true });
});

const open = (view: View, url = address): Promise<Seen> => openPage(browser, url, view);

test("the report opens from disk without a complaint and asks for nothing but itself", { skip }, async () => {
  const { page, complaints, requests } = await open({ width: 1200 });
  assert.match((await page.locator("h1").textContent()) ?? "", /44\.1.% down to 9\.2.%/);
  assert.deepEqual(complaints, []);
  assert.deepEqual(
    requests.filter((url) => url !== address && !url.startsWith("data:")),
    [],
  );
  await page.close();
});

test("every chart is drawn, every claim shows its verdict, and the pictures load", { skip }, async () => {
  const { page } = await open({ width: 1200 });
  const charts = await page.locator("figure svg").all();
  assert.equal(charts.length, 10);
  for (const chart of charts) {
    const box = await chart.boundingBox();
    assert.ok(box !== null && box.width > 200 && box.height > 100, JSON.stringify(box));
    assert.ok((await chart.locator("path").count()) + (await chart.locator("circle").count()) > 0);
  }
  assert.equal(await page.locator("#samples article").count(), 12);
  assert.equal(await page.locator("#samples mark[data-verdict=rejected]").count(), 12);
  assert.equal(await page.locator("#pairs .rejected[class~=side]").count(), 2);
  const broken = await page
    .locator("img")
    .evaluateAll((images) =>
      images.filter((image) => (image as unknown as { naturalWidth: number }).naturalWidth === 0),
    );
  assert.deepEqual(broken, []);
  await page.close();
});

test("the numbers under a chart open by keyboard", { skip }, async () => {
  const { page } = await open({ width: 1200 });
  const details = page.locator("#progress figure").first().locator("details");
  await details.locator("summary").focus();
  await page.keyboard.press("Enter");
  assert.equal(await details.locator("tbody tr").count(), 5);
  assert.ok(await details.locator("table").isVisible());
  await page.close();
});

test("nothing runs out of a phone's screen", { skip }, async () => {
  const { page } = await open({ width: 360, height: 740 });
  assert.equal(await page.evaluate("document.documentElement.scrollWidth"), 360);
  await page.close();
});

test("texts that try to break out run nothing, load nothing and do not widen the page", { skip }, async () => {
  const { page, complaints, requests } = await open({ width: 360, height: 740 }, hostileAddress);
  assert.deepEqual(complaints, []);
  assert.deepEqual(
    requests.filter((url) => url !== hostileAddress && !url.startsWith("data:")),
    [],
  );
  assert.equal(await page.locator("script, iframe, [onerror], [onload], [onmouseover]").count(), 0);
  assert.equal(await page.evaluate("document.documentElement.scrollWidth"), 360);
  await page.close();
});

/** WCAG 2 contrast of an element's text against the nearest painted background. */
const CONTRAST = `(element) => {
  const parse = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  let painted = element;
  while (painted.parentElement && parse(getComputedStyle(painted).backgroundColor)[3] === 0) painted = painted.parentElement;
  const [a, b] = [light(parse(getComputedStyle(element).color)), light(parse(getComputedStyle(painted).backgroundColor))];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}`;

test("text stands out in light and in dark: at least 4.5 to 1", { skip }, async () => {
  for (const scheme of ["light", "dark"] as const) {
    const { page } = await open({ width: 1200, scheme });
    for (const selector of [
      "h1",
      ".lead",
      ".fine",
      ".change",
      "mark.accepted i",
      "mark.rejected i",
      "mark.abstained i",
      "nav a",
    ]) {
      const contrast: number = await page.evaluate(
        `(${CONTRAST})(document.querySelector(${JSON.stringify(selector)}))`,
      );
      assert.ok(contrast >= 4.5, `${scheme} ${selector}: ${contrast.toFixed(2)}`);
    }
    await page.close();
  }
});
