import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { completed, type LockFile, missingPackages } from "../scripts/complete-lockfile.ts";

const read = (name: string): string => readFileSync(new URL(`../${name}`, import.meta.url), "utf8");

test("the lock file has every platform's package that a parent names", () => {
  assert.deepEqual(missingPackages(JSON.parse(read("package-lock.json")) as LockFile), []);
});

test("completing adds what is missing with its platform, and changes nothing else", () => {
  const parent = {
    version: "1.0.0",
    dev: true,
    optionalDependencies: { "@a/cli-darwin-arm64": "1.0.0", "@a/cli-linux-x64": "1.0.0", loose: "^2" },
  };
  const lock = { packages: { "node_modules/@a/cli": parent, "node_modules/@a/cli-linux-x64": { version: "1.0.0" } } };
  assert.deepEqual(completed(lock).packages, {
    ...lock.packages,
    "node_modules/@a/cli-darwin-arm64": { version: "1.0.0", cpu: ["arm64"], dev: true, optional: true, os: ["darwin"] },
  });
});

test("the lock file names no host of a registry", () => {
  assert.doesNotMatch(read("package-lock.json"), /"resolved": "https?:/);
});
