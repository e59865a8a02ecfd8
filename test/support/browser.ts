/** A real browser for tests that do what a person does. */
import { existsSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";

const EXECUTABLE = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

/** Why browser tests cannot run here, or false. Where a browser is required, its absence is a failure. */
export const noBrowser: string | false =
  existsSync(EXECUTABLE) || process.env["REQUIRE_BROWSER"] === "1"
    ? false
    : `no browser at ${EXECUTABLE}: install chromium, or name one in CHROMIUM`;

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: EXECUTABLE, headless: true, args: FLAGS });
}

export type View = { width: number; height?: number; scheme?: "light" | "dark" };
/** A page with everything it complained of and asked for. */
export type Seen = { page: Page; complaints: string[]; requests: string[] };

export async function openPage(browser: Browser, url: string, view: View): Promise<Seen> {
  const { width, height = 900, scheme = "light" } = view;
  const page = await browser.newPage({ viewport: { width, height }, colorScheme: scheme, acceptDownloads: true });
  const seen: Seen = { page, complaints: [], requests: [] };
  page.on("console", (message) => seen.complaints.push(message.text()));
  page.on("pageerror", (error) => seen.complaints.push(String(error)));
  page.on("request", (request) => seen.requests.push(request.url()));
  await page.goto(url);
  return seen;
}
