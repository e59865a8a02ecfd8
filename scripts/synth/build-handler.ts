/** Bundles a handler as `sst deploy` would, and looks at what came out. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { type BuildResult, build } from "esbuild";

/** What SST's platform asks for; `properties` is the function's `nodejs`. */
export type BuildInput = {
  functionID: string;
  handler: string;
  bundle?: string;
  /** What the function is linked to, with its values. */
  links?: Record<string, unknown>;
  properties?: { install?: Record<string, string>; minify?: boolean };
};
export type BuildOutput = { handler: string; out: string; errors: string[]; sourcemaps: string[] };
export type Built = {
  bytes: number;
  gzipBytes: number;
  /** Packages that must lie beside the bundle, and those that will. */
  external: string[];
  installed: string[];
  links: string[];
  stub: boolean;
};

const ENDINGS = [".ts", ".tsx", ".mts", ".cts", ".js", ".mjs"];
/** These SST never bundles (pkg/runtime/node/build.go of 4.17.1). */
const NEVER_BUNDLED = ["sharp", "pg-native"];
const BANNER = [
  `import { createRequire as topLevelCreateRequire } from "module";`,
  `const require = topLevelCreateRequire(import.meta.url);`,
  `import { fileURLToPath as topLevelFileUrlToPath, URL as topLevelURL } from "url";`,
  `const __filename = topLevelFileUrlToPath(import.meta.url);`,
  `const __dirname = topLevelFileUrlToPath(new topLevelURL(".", import.meta.url));`,
].join("\n");

export type BuildPlace = { root: string; folder: string; stubMissing: boolean };

/** Errors are told in the output, as SST's own builder does. */
export async function buildHandler(
  input: BuildInput,
  place: BuildPlace,
): Promise<{ output: BuildOutput; built: Built | undefined }> {
  const out = join(place.folder, input.functionID);
  mkdirSync(out, { recursive: true });
  if (input.bundle !== undefined) {
    return { output: { handler: input.handler, out: input.bundle, errors: [], sourcemaps: [] }, built: undefined };
  }
  const dot = input.handler.lastIndexOf(".");
  const [module, exported] = [input.handler.slice(0, dot), input.handler.slice(dot + 1)];
  const failed = (...errors: string[]) => ({
    output: { handler: "", out, errors: errors.map((text) => `${input.functionID}: ${text}`), sourcemaps: [] },
    built: undefined,
  });
  const file = ENDINGS.map((ending) => join(place.root, module + ending)).find(existsSync);
  const stub = file === undefined && place.stubMissing;
  if (file === undefined && !stub) return failed(`handler not found: ${input.handler}`);
  const source = file ?? stubOf(exported, join(out, "stub.mjs"));
  const result = await bundled(source, join(out, "bundle.mjs"), input);
  if ("errors" in result && result.errors.length > 0) return failed(...result.errors.map(({ text }) => text));
  const [bundle] = Object.values(result.metafile.outputs).filter(({ entryPoint }) => entryPoint !== undefined);
  if (!bundle?.exports.includes(exported)) return failed(`${module} exports no "${exported}"`);
  const external = bundle.imports
    .filter((one) => one.external && !isBuiltin(one.path))
    .map((one) => packageOf(one.path));
  const bytes = readFileSync(join(out, "bundle.mjs"));
  const built = {
    bytes: bytes.length,
    gzipBytes: gzipSync(bytes).length,
    external: [...new Set(external)].sort(),
    installed: Object.keys(input.properties?.install ?? {}).sort(),
    links: Object.keys(input.links ?? {}).sort(),
    stub,
  };
  return { output: { handler: `bundle.${exported}`, out, errors: [], sourcemaps: [] }, built };
}

function stubOf(exported: string, path: string): string {
  writeFileSync(path, `export const ${exported} = () => undefined;\n`);
  return path;
}

type Bundled = BuildResult<{ metafile: true }>;

async function bundled(source: string, outfile: string, { properties }: BuildInput): Promise<Bundled> {
  try {
    return await build({
      entryPoints: [source],
      outfile,
      bundle: true,
      platform: "node",
      format: "esm",
      target: "es2024",
      mainFields: ["module", "main"],
      external: [...NEVER_BUNDLED, ...Object.keys(properties?.install ?? {})],
      minify: properties?.minify ?? false,
      keepNames: true,
      metafile: true,
      logLevel: "silent",
      banner: { js: BANNER },
    });
  } catch (error) {
    if (error instanceof Error && "errors" in error) return error as unknown as Bundled;
    throw error;
  }
}

/** `@scope/name/file` → `@scope/name`. */
function packageOf(path: string): string {
  return path
    .split("/")
    .slice(0, path.startsWith("@") ? 2 : 1)
    .join("/");
}
