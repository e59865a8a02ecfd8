/** Builds the console's files for the browser, in memory: when the service starts there is no build step to forget. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build, type Plugin, transform } from "esbuild";
import { STYLE } from "../report/style.ts";

export type ConsoleAssets = {
  /** The page itself. */
  index: string;
  /** Scripts and styles by file name; every name holds its content's hash, so that it can be cached for ever. */
  files: ReadonlyMap<string, { body: Uint8Array<ArrayBuffer>; type: string }>;
};

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** What browsers of the last two years understand. */
const TARGET = ["chrome120", "firefox121", "safari17.4"];

let built: Promise<ConsoleAssets> | undefined;

/** Once a process; the second call gives the first one's files. */
export function bundleConsole(): Promise<ConsoleAssets> {
  built ??= bundled();
  return built;
}

async function bundled(): Promise<ConsoleAssets> {
  const [script, style] = await Promise.all([scripts(), styles()]);
  const page = await readFile(here("./browser/index.html"), "utf8");
  const index = page.replace("{{script}}", `/assets/${script.entry}`).replace("{{style}}", `/assets/${style.name}`);
  const files = new Map(script.files.map(({ name, body }) => [name, { body, type: "text/javascript; charset=utf-8" }]));
  return { index, files: files.set(style.name, { body: style.body, type: "text/css; charset=utf-8" }) };
}

/** The charts' library is a file of its own that is fetched when a chart is there to be drawn. */
async function scripts() {
  const result = await build({
    entryPoints: { console: here("./browser/main.tsx") },
    outdir: here("./browser"), // nothing is written there
    write: false,
    bundle: true,
    splitting: true,
    format: "esm",
    minify: true,
    target: TARGET,
    jsx: "automatic",
    jsxImportSource: "preact",
    entryNames: "[name]-[hash]",
    chunkNames: "[name]-[hash]",
    legalComments: "none",
    plugins: [pureModules],
  });
  const files = result.outputFiles.map(({ path, contents }) => ({
    name: path.slice(path.lastIndexOf("/") + 1),
    body: new Uint8Array(contents),
  }));
  const entry = files.find(({ name }) => name.startsWith("console-"));
  if (entry === undefined) throw new Error("the console's script was not built");
  return { entry: entry.name, files };
}

/** Our own modules do nothing when they are loaded: what of them is not used stays out, and with it the schemas' library. */
const pureModules: Plugin = {
  name: "pure-modules",
  setup(setup) {
    setup.onResolve({ filter: /^\..*\.ts$/ }, async ({ path, pluginData, ...rest }) => {
      if (pluginData === "asked") return undefined;
      const { importer, kind, resolveDir } = rest;
      const resolved = await setup.resolve(path, { importer, kind, resolveDir, pluginData: "asked" });
      return resolved.errors.length > 0 ? { errors: resolved.errors } : { path: resolved.path, sideEffects: false };
    });
  },
};

/** The report's style sheet is the base: console and report are one house. */
async function styles() {
  const own = await readFile(here("./browser/console.css"), "utf8");
  const { code } = await transform(STYLE + own, { loader: "css", minify: true, target: TARGET });
  const body = new TextEncoder().encode(code);
  const hash = createHash("sha256").update(body).digest("hex").slice(0, 8);
  return { name: `console-${hash}.css`, body };
}
