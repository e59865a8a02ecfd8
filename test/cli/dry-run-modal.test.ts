import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import sharp from "sharp";
import { tempFolder } from "../support/temp-folder.ts";

const MAIN = new URL("../../functions/cli/main.ts", import.meta.url).pathname;
const SMOKE = new URL("../../examples/smoke-10.json", import.meta.url).pathname;

function rlaifv(...parameters: string[]) {
  const env = { ...process.env, NO_COLOR: "1" };
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...parameters], { encoding: "utf8", env });
  return { status, stdout, stderr };
}

test("a dry run of a config for Modal tells its cost and time here; the run itself is sent away with the way out", async () => {
  await using folder = await tempFolder("modal");
  const config = join(folder.path, "smoke-10.json");
  await copyFile(SMOKE, config);
  await mkdir(join(folder.path, "photos"));
  for (let at = 0; at < 10; at++) {
    const create = { width: 96, height: 96, channels: 3 as const, background: { r: 20 * at, g: 90, b: 120 } };
    await writeFile(join(folder.path, "photos", `${at}.png`), await sharp({ create }).png().toBuffer());
  }
  const data = ["--data", join(folder.path, "data")];
  const dry = rlaifv("run", config, "--dry-run", ...data);
  assert.equal(dry.status, 0, dry.stderr);
  assert.match(dry.stdout, /GPUs {6}about \d+\.\d h of containers; \d+\.\d h from start to end/);
  assert.match(dry.stdout, /money {5}about \$0\.\d{4} to servers and GPUs/);
  assert.doesNotMatch(dry.stdout, /no price/);
  const wet = rlaifv("run", config, ...data);
  assert.notEqual(wet.status, 0);
  assert.match(wet.stderr, /needs a service that is deployed on AWS and Modal \(docs\/deploy\.md\).*--server/s);
});
