import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const ROOT = new URL("..", import.meta.url).pathname;
const LONGEST_FILE = 300; // lines; biome limits functions, parameters and complexity, but not files

function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(ts|py|mjs)$/.test(name) && !name.includes("__pycache__"))
    .map((name) => join(folder, name));
}

const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");

test(`no source file is longer than ${LONGEST_FILE} lines`, () => {
  const long = ["shared", "functions", "scripts", "bench"]
    .flatMap(sources)
    .filter((path) => read(path).split("\n").length > LONGEST_FILE + 1);
  assert.deepEqual(long, []);
});

test("every function that shared/ exports has a doc comment", () => {
  const silent = sources("shared").flatMap((path) => {
    const lines = read(path).split("\n");
    return lines.flatMap((line, at) =>
      /^export (async )?function\*? /.test(line) && !/\*\/\s*$/.test(lines[at - 1] ?? "")
        ? [`${path}:${at + 1} ${line}`]
        : [],
    );
  });
  assert.deepEqual(silent, []);
});
