/** The console in a real browser, against a real service: what a person does on their first day. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { systemClock } from "../../functions/adapters/clock.ts";
import { memoryBlobStore } from "../../functions/adapters/memory/blob-store.ts";
import { memoryStateStore } from "../../functions/adapters/memory/state-store.ts";
import { engineServer } from "../../functions/api/chat/engine-server.ts";
import { type Listening, listen } from "../../functions/api/listen.ts";
import { serviceImages } from "../../functions/intake/service-images.ts";
import { embeddedConfig } from "../../functions/runtime/embedded-models.ts";
import { openService, type Service } from "../../functions/runtime/service.ts";
import { ModelRef, type RunConfig } from "../../shared/schemas/config.ts";
import { noBrowser, openBrowser, openPage, type Seen, type View } from "../support/browser.ts";
import { fakeEngine } from "../support/fake-engine.ts";
import { tempFolder } from "../support/temp-folder.ts";

const DESKTOP: View = { width: 1280 };
const LONG = 120_000; // a run of the demo on a busy machine
const none = "none"; // no data is read
const CONFIG = embeddedConfig({ name: "x", seed: 1, rounds: 1, data: none, selection: none, evaluation: none });

describe("the console", { skip: noBrowser }, () => {
  let folder: Awaited<ReturnType<typeof tempFolder>>;
  let service: Service;
  let server: Listening;
  let slow: Listening;
  let browser: Browser;
  const slowEngine = fakeEngine({ msPerToken: 300 });

  before(async () => {
    folder = await tempFolder("console");
    slow = await listen(slowServer(slowEngine), { port: 0, host: "127.0.0.1" });
    service = await openService({
      dataDir: folder.path,
      env: {},
      ownerWithoutKey: true,
      anonymousChat: true,
      trustProxy: false,
      configs: [slowConfig(slow.url)],
      web: {},
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
    await slow.close();
    await folder[Symbol.asyncDispose]();
  });

  const open = (path = "", view = DESKTOP) => openPage(browser, `${server.url}/${path}`, view);
  let runId: string;

  test("a button starts the demo, and its page shows it at work and finished, with charts", {
    timeout: LONG,
  }, async () => {
    const seen = await open();
    const { page } = seen;
    await page.getByRole("link", { name: "New run" }).first().click();
    await page.getByLabel("Rounds").fill("1");
    await page.getByLabel("Images a round").fill("24");
    await page.getByRole("button", { name: "Start the demo" }).click();
    await page.waitForURL(/#\/runs\/demo-[0-9a-f]+$/);
    runId = page.url().split("/").at(-1)!;
    await page.getByText("finished").first().waitFor({ timeout: LONG });
    await page.locator("svg").first().waitFor();
    assert.match(await page.locator("main").innerText(), /24\/24/);
    await page.getByText("Numbers").first().click();
    assert.ok((await page.locator("details[open] table tr").count()) > 1, "every chart has its numbers as a table");
    quiet(seen, server.url);
    await page.close();
  });

  test("a sample shows its answers with coloured claims, and p(yes) on hover and on focus", async () => {
    const seen = await open(`#/runs/${runId}/samples?verdict=rejected`);
    const { page } = seen;
    await page.locator("table.samples tbody a").first().click();
    await page.locator("article.answer").first().waitFor();
    assert.equal(await page.locator("article.answer").count(), 10);
    const rejected = page.locator('mark[data-verdict="rejected"]').first();
    await rejected.hover();
    assert.match(await page.getByRole("tooltip").innerText(), /rejected[\s\S]*\?/);
    await page.mouse.move(0, 0);
    await rejected.focus();
    await page.getByRole("tooltip").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("tooltip").waitFor({ state: "detached" });
    const accepted = page.locator('mark[data-verdict="accepted"]').first();
    assert.notEqual(await colour(rejected), await colour(accepted), "verdicts differ in colour");
    assert.notEqual(await rejected.locator("i").innerText(), await accepted.locator("i").innerText(), "and in sign");
    quiet(seen, server.url);
    await page.close();
  });

  test("pairs stand side by side, and a round's dataset is downloaded whole", async () => {
    const seen = await open(`#/runs/${runId}/pairs`);
    const { page } = seen;
    await page.getByText("chosen").first().waitFor();
    assert.ok((await page.locator("mark").count()) > 0, "claims are marked");
    await page.goto(`${server.url}/#/runs/${runId}`);
    const link = page.getByRole("link", { name: /Round 1 as jsonl/ });
    const [download] = await Promise.all([page.waitForEvent("download"), link.click()]);
    const path = join(folder.path, "dataset.zip");
    await download.saveAs(path);
    const zip = await readFile(path);
    assert.equal(zip.subarray(0, 2).toString(), "PK");
    for (const name of ["README.md", "lineage.json"]) assert.ok(zip.includes(Buffer.from(name)), name);
    quiet(seen, server.url);
    await page.close();
  });

  test("chat streams an answer about a picture of the run, beside another model, with its claims checked", async () => {
    const seen = await open("#/chat");
    const { page } = seen;
    await takePicture(page);
    await page.locator("select[name=model]").selectOption("embedded/policy");
    const others = await page.locator("select[name=beside]").locator("option").allInnerTexts();
    const beside = others.find((name) => name.startsWith("rlaifv-demo"));
    if (beside !== undefined) await page.locator("select[name=beside]").selectOption(beside);
    await page.getByRole("checkbox", { name: /Trust check/ }).check();
    await page.getByRole("button", { name: "Ask" }).click();
    const answers = page.locator('section.answer[data-state="done"]');
    await answers.nth(beside === undefined ? 0 : 1).waitFor({ timeout: LONG });
    assert.ok((await answers.first().locator("mark[data-verdict]").count()) > 0, "claims are coloured");
    quiet(seen, server.url);
    await page.close();
  });

  test("an answer is stopped in the middle: the words so far stay, and the server writes no more", async () => {
    const seen = await open("#/chat");
    const { page } = seen;
    await page.locator("select[name=model]").selectOption("slow");
    await page.getByRole("button", { name: "Ask" }).click();
    const answer = page.locator("section.answer").first();
    await answer
      .getByText(/[a-z]+ [a-z]+/)
      .first()
      .waitFor({ timeout: LONG });
    await page.getByRole("button", { name: "Stop" }).click();
    await page.locator('section.answer[data-state="stopped"]').waitFor();
    const words = await answer.locator(".text").innerText();
    assert.ok(words.trim().length > 0);
    const until = Date.now() + 5000;
    while (slowEngine.aborted === 0 && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(slowEngine.aborted, 1, "closing the connection reaches the model's server");
    assert.equal(await answer.locator(".text").innerText(), words);
    await page.close();
  });

  test("a run is paused, given more money and resumed", { timeout: LONG }, async () => {
    const seen = await open("#/new-run");
    const { page } = seen;
    await page.getByLabel("Rounds").fill("2");
    await page.getByLabel("Images a round").fill("150");
    await page.getByLabel("Seed").fill("8");
    await page.getByRole("button", { name: "Start the demo" }).click();
    const pause = page.getByRole("button", { name: "Pause" });
    await page.locator("main").getByText("running").first().waitFor({ timeout: LONG });
    await pause.click();
    await page.getByText("paused").first().waitFor({ timeout: LONG });
    await page.getByRole("button", { name: /Raise budget/ }).click();
    const dialog = page.getByRole("dialog");
    await dialog.locator("input").fill("2.5");
    await dialog.getByRole("button", { name: /Raise|Set|Save/ }).click();
    await page.getByText("$2.50").first().waitFor();
    await page.getByRole("button", { name: "Resume" }).click();
    await page.locator("main").getByText("running").first().waitFor({ timeout: LONG });
    await page.getByRole("button", { name: /Cancel/ }).click();
    await page
      .getByRole("dialog")
      .getByRole("button", { name: /Cancel the run|Yes|Cancel/ })
      .first()
      .click();
    await page.getByText("stopped").first().waitFor({ timeout: LONG });
    quiet(seen, server.url);
    await page.close();
  });

  test("it can be used with the keyboard alone, in the dark, and on a phone", async () => {
    for (const view of [
      { width: 375, height: 720 },
      { width: 1280, scheme: "dark" as const },
    ]) {
      for (const path of [
        "",
        `#/runs/${runId}`,
        `#/runs/${runId}/samples`,
        `#/runs/${runId}/pairs`,
        "#/chat",
        "#/new",
      ]) {
        const seen = await open(path, view);
        await seen.page.locator("h1").first().waitFor();
        const [wide, width] = await seen.page.evaluate("[document.documentElement.scrollWidth, innerWidth]").then(pair);
        assert.ok(wide <= width, `${path} is ${wide} wide on a screen of ${width}`);
        quiet(seen, server.url);
        await seen.page.close();
      }
    }
    const { page } = await open();
    await page.locator("h1").first().waitFor();
    await page.keyboard.press("Tab");
    assert.match(await page.locator(":focus").innerText(), /skip/i, "the first stop skips to the content");
    for (let stop = 0; stop < 12; stop++) {
      await page.keyboard.press("Tab");
      if (/New run/.test(await page.locator(":focus").innerText())) break;
    }
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "New run" }).waitFor();
    await page.close();
  });
});

const pair = (value: unknown) => value as [number, number];
/** What the browser's window has, to a program that is checked without a browser's types. */
type Window = { getComputedStyle(of: unknown): { backgroundColor: string } };
const colour = (mark: ReturnType<Page["locator"]>) =>
  mark.evaluate((element) => (globalThis as unknown as Window).getComputedStyle(element).backgroundColor);

/** Nothing on the console's own log, and nothing asked of anybody but the service. */
function quiet({ complaints, requests }: Seen, origin: string): void {
  assert.deepEqual(complaints, []);
  assert.deepEqual(
    requests.filter((url) => !url.startsWith(origin) && !/^(data|blob):/.test(url)),
    [],
  );
}

async function takePicture(page: Page): Promise<void> {
  await page.getByRole("button", { name: /From a run/ }).click();
  await page.getByRole("button", { name: "Picture 1", exact: true }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
}

/** A server whose model takes its time. */
function slowServer(engine: ReturnType<typeof fakeEngine>) {
  const blobs = memoryBlobStore();
  const images = serviceImages({ blobs, clock: systemClock, web: false });
  const { replies } = memoryStateStore();
  return engineServer({ engine, models: () => ["slow"], images, config: CONFIG, replies, clock: systemClock });
}

function slowConfig(url: string): RunConfig {
  const policy = ModelRef.parse({ engine: "openai", model: "slow", baseUrl: `${url}/v1`, apiKeyEnv: "NO_KEY" });
  return { ...CONFIG, policy };
}
