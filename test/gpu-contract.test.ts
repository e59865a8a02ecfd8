import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { gpuContract } from "../scripts/gpu-contract.ts";

test("the contract that Python reads is the one these schemas make", () => {
  const file = readFileSync(new URL("../functions/gpu/contract.schema.json", import.meta.url), "utf8");
  assert.deepEqual(JSON.parse(file), JSON.parse(gpuContract()), 'run "npm run gpu:contract"');
});
