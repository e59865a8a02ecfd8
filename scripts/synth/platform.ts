/** SST's platform sources and a configuration, in one module that can be imported. */
import { existsSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { isAbsolute, join } from "node:path";
import { pathToFileURL } from "node:url";
import { build, type Plugin } from "esbuild";

type App = { name: string; removal?: string; protect?: boolean; providers?: Record<string, unknown> };
export type Config = {
  app: (input: { stage: string }) => App | Promise<App>;
  run: () => Promise<Record<string, unknown> | undefined>;
};
/** The part of `@pulumi/pulumi` that a synthesis needs. */
export type Pulumi = {
  runtime: {
    setMocks: (mocks: object, project: string, stack: string, preview: boolean) => Promise<void>;
    runInPulumiStack: (program: () => Promise<unknown>) => Promise<unknown>;
  };
  output: (value: unknown) => { apply: (then: (value: unknown) => void) => unknown };
};
export type Platform = {
  pulumi: Pulumi;
  run: (program: Config["run"]) => Promise<unknown>;
  load: () => Promise<Config>;
  /** Promises of Pulumi's that have not ended. */
  pending: () => number;
};

/** `folder`: `.sst/platform`. Returns once the platform's names are globals, as SST's command line makes them. */
export async function platform(folder: string, config: string): Promise<Platform> {
  if (!existsSync(join(folder, "node_modules"))) {
    throw new Error(`${folder} is not there: run "npm run sst:types" first (npm alone, no AWS; about a minute)`);
  }
  const outfile = join(folder, `synth.${process.pid}.mjs`);
  try {
    await build({
      stdin: { contents: entry(folder, config), resolveDir: folder, loader: "ts" },
      outfile,
      bundle: true,
      platform: "node",
      format: "esm",
      target: "node24",
      keepNames: true,
      sourcemap: "inline",
      logLevel: "error",
      plugins: [platformPackagesStayOutside(folder)],
      banner: { js: BANNER },
    });
    const { run, load } = (await import(pathToFileURL(outfile).href)) as Pick<Platform, "run" | "load">;
    const require = createRequire(join(folder, "package.json"));
    const { getStore } = require("@pulumi/pulumi/runtime/state") as {
      getStore: () => { leakCandidates: Set<unknown> };
    };
    const pulumi = require("@pulumi/pulumi") as Pulumi;
    return { pulumi, run, load, pending: () => getStore().leakCandidates.size };
  } finally {
    rmSync(outfile, { force: true });
  }
}

const BANNER = [
  `import { createRequire as __createRequire } from "module";`,
  `import { fileURLToPath as __toPath } from "url";`,
  `const require = __createRequire(import.meta.url);`,
  `const __filename = __toPath(import.meta.url);`,
  `const __dirname = __toPath(new URL(".", import.meta.url));`,
].join("\n");

/** The globals are set before the configuration is looked at: that is imported only when `load` is called. */
function entry(folder: string, config: string): string {
  const path = (file: string) => JSON.stringify(join(folder, file));
  return [
    `import * as aws from "@pulumi/aws";`,
    `import * as sst from ${path("src/components/index.ts")};`,
    `import * as shim from ${path("src/shim/run.js")};`,
    `import { run } from ${path("src/auto/run.ts")};`,
    `Object.assign(globalThis, shim, { sst, aws });`,
    `export { run };`,
    `export const load = async () => (await import(${JSON.stringify(config)})).default;`,
  ].join("\n");
}

/** Pulumi must exist once, so the platform's packages are loaded from its folder; our own are bundled. */
function platformPackagesStayOutside(folder: string): Plugin {
  return {
    name: "platform-packages",
    setup(setup) {
      setup.onResolve({ filter: /^[^./]/ }, ({ path, resolveDir }) =>
        resolveDir.startsWith(folder) && !isAbsolute(path) ? { path, external: true } : undefined,
      );
    },
  };
}
