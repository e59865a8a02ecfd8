/** The pages of evaluations in a real browser, opened from disk as people do. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import type { Browser } from "playwright-core";
import { comparisonPage, evaluationPage } from "../evals/pages.ts";
import { openBrowser, openPage, noBrowser as skip } from "../support/browser.ts";

let browser: Browser;
let folder: string;
let addresses: string[];

before(async () => {
  if (skip) return;
  folder = await mkdtemp(join(tmpdir(), "rlaifv-evaluation-"));
  const pages = { "report.html": evaluationPage(), "comparison.html": comparisonPage() };
  addresses = await Promise.all(
    Object.entries(pages).map(async ([name, page]) => {
      await writeFile(join(folder, name), page);
      return pathToFileURL(join(folder, name)).href;
    }),
  );
  browser = await openBrowser();
});

after(async () => {
  if (skip) return;
  await browser.close();
  await rm(folder, { recursive: true });
});

test("both pages open without a complaint, fit a desk and a phone, and draw their chart", { skip }, async () => {
  for (const url of addresses) {
    for (const width of [1200, 390]) {
      const { page, complaints } = await openPage(browser, url, { width });
      assert.deepEqual(complaints, [], url);
      assert.ok((await page.evaluate<number>("document.documentElement.scrollWidth")) <= width, `${url} at ${width}`);
      const box = await page.locator("figure.forest svg").boundingBox();
      assert.ok(box !== null && box.width > 200 && box.width <= 600, JSON.stringify(box));
      await page.close();
    }
  }
});
