import assert from "node:assert/strict";
import { test } from "node:test";
import { consoleRoutes } from "../../functions/console/routes.ts";

const assets = { index: "<!doctype html>", files: new Map() };
const policyOf = async (elsewhere?: string[]) =>
  (await consoleRoutes(assets, elsewhere).request("/")).headers.get("content-security-policy")?.split("; ");

test("the console talks to its own service, and to the bucket where uploads go there", async () => {
  assert.ok((await policyOf())?.includes("connect-src 'self'"));
  const bucket = "https://data.s3.us-east-1.amazonaws.com";
  assert.ok((await policyOf([bucket]))?.includes(`connect-src 'self' ${bucket}`));
});
