/** Evaluations in the console: begun from a run's page, watched, listed, cancelled, refused with the way out. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { type Listening, listen } from "../../functions/api/listen.ts";
import { carryOut } from "../../functions/runtime/carry-out.ts";
import { createRun } from "../../functions/runtime/create-run.ts";
import { openLocal } from "../../functions/runtime/local.ts";
import { planRun } from "../../functions/runtime/plan-run.ts";
import { openService, type Service } from "../../functions/runtime/service.ts";
import { RunConfig } from "../../shared/schemas/config.ts";
import { EvaluationResult } from "../../shared/schemas/evaluation.ts";
import { noBrowser, openBrowser, openPage } from "../support/browser.ts";
import { writeSmallRun } from "../support/small-run.ts";
import { tempFolder } from "../support/temp-folder.ts";

const DESKTOP = { width: 1280 };
const LONG = 120_000;

/** A finished run of one round in the folder. */
async function finishedRun(folder: string, dataDir: string): Promise<string> {
  const local = await openLocal({ dataDir, env: {} });
  const path = await writeSmallRun(folder, { images: 12, rounds: 1, evaluation: 6 });
  const config = RunConfig.parse(JSON.parse(await readFile(path, "utf8")));
  const planned = await planRun(config, local, { strict: true });
  await createRun(planned, local);
  const { run } = await carryOut(planned.plan.runId, local, { emit: () => {}, signal: new AbortController().signal });
  assert.equal(run.state, "finished", run.reason);
  await local.close();
  return run.runId;
}

describe("evaluations in the console", { skip: noBrowser }, () => {
  let folder: Awaited<ReturnType<typeof tempFolder>>;
  let service: Service;
  let server: Listening;
  let browser: Browser;
  let runId: string;

  before(async () => {
    folder = await tempFolder("evaluations");
    const dataDir = join(folder.path, "data");
    runId = await finishedRun(folder.path, dataDir);
    service = await openService({
      ...{ dataDir, env: { XDG_CACHE_HOME: join(folder.path, "nothing-fetched") } },
      ...{ ownerWithoutKey: true, anonymousChat: true, trustProxy: false, configs: [], web: {} },
      onFault: (error, where) => console.error(where, error),
    });
    server = await listen(service.app, { port: 0, host: "127.0.0.1" });
    await service.start();
    browser = await openBrowser();
  });
  after(async () => {
    await browser.close();
    await server.close();
    await service.close();
    await folder[Symbol.asyncDispose]();
  });

  const onRun = async () => {
    const seen = await openPage(browser, `${server.url}/#/runs/${runId}`, DESKTOP);
    await seen.page.getByRole("heading", { name: "Measure" }).waitFor();
    return seen;
  };
  const measure = (page: Page) => page.getByRole("button", { name: "Measure" }).click();

  test("a run's page measures its round, and the evaluation's page shows figures, intervals and the report", {
    timeout: LONG,
  }, async () => {
    const { page, complaints } = await onRun();
    await page.locator("select[name=measure-round] option[value='1']").waitFor({ state: "attached" });
    assert.equal(await page.locator("select[name=measure-round]").inputValue(), "1", "the last one is chosen");
    assert.equal(await page.locator("select[name=measure-bench]").inputValue(), "scenes");
    await measure(page);
    await page.waitForURL(/#\/evals\/evl_[0-9a-f]{16}$/);
    const id = page.url().split("/").at(-1)!;
    await page.locator("table.figures").waitFor({ timeout: LONG });
    const told = await page.locator("main").innerText();
    assert.match(told, new RegExp(`Of round 1 of ${runId}`));
    assert.match(told, /stored answers of run .*, round 1, greedy/);
    const recall = await page.locator("table.figures tr", { hasText: "recall" }).first().innerText();
    const result = EvaluationResult.parse(await (await fetch(`${server.url}/v1/evals/${id}/report`)).json());
    const { value, ci } = result.figures["recall"]!;
    const shown = [value!, ...ci!].map((share) => (100 * share).toFixed(1));
    for (const number of shown) assert.ok(recall.includes(number), `${number} in ${recall}`);
    const [report] = await Promise.all([
      page.waitForEvent("popup"),
      page.getByRole("link", { name: /Report/ }).click(),
    ]);
    await report.waitForLoadState();
    assert.match(await report.locator("body").innerText(), /response hallucination/i);
    await report.close();
    await page.getByRole("link", { name: "Evaluations" }).first().click();
    const line = page.locator("table.list tbody tr").first();
    assert.match(await line.innerText(), new RegExp(`scenes[\\s\\S]*round 1 of ${runId}[\\s\\S]*finished`));
    assert.deepEqual(complaints, []);
    await page.close();
  });

  test("a benchmark whose files are not there is refused beside the button, with the command that fetches them", async () => {
    const { page } = await onRun();
    await page.locator("select[name=measure-bench]").selectOption("amber");
    await measure(page);
    await page.getByRole("alert").waitFor();
    assert.match(await page.getByRole("alert").innerText(), /run "rlaifv eval fetch amber" on the service's machine/);
    await page.locator("select[name=measure-bench]").selectOption("mmhal");
    const button = page.getByRole("button", { name: "Measure" });
    assert.equal(await button.getAttribute("aria-disabled"), "true", "no judge is named yet");
    await page.getByLabel("Judge").fill("judge");
    assert.equal(await button.getAttribute("aria-disabled"), "false");
    await page.close();
  });

  test("a gate's comparisons are listed, and a waiting evaluation can be cancelled", { timeout: LONG }, async () => {
    const begun = async (body: object) => {
      const response = await fetch(`${server.url}/v1/evals`, {
        ...{ method: "POST", headers: { "content-type": "application/json" } },
        body: JSON.stringify({ bench: "scenes", ...body }),
      });
      return ((await response.json()) as { id: string }).id;
    };
    const gated = await begun({ run: { id: runId, round: 0 }, gate: "recall >= 0.01 and words > 1000" });
    const { page } = await openPage(browser, `${server.url}/#/evals/${gated}`, DESKTOP);
    await page.getByRole("heading", { name: "Gate: failed" }).waitFor({ timeout: LONG });
    const checks = await page.locator("main ul li").allInnerTexts();
    assert.match(checks[0]!, /^✓ recall >= 0\.01.*, holds$/);
    assert.match(checks[1]!, /^✗ words > 1000.*, does not hold$/);
    await begun({ model: "embedded/policy", count: 400 });
    const waiting = await begun({ model: "embedded/policy", count: 401 });
    await page.goto(`${server.url}/#/evals/${waiting}`);
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByText("cancelled: every reply so far is kept").waitFor({ timeout: LONG });
    assert.equal(await page.getByRole("button", { name: "Cancel" }).getAttribute("aria-disabled"), "true");
    await page.close();
  });
});
