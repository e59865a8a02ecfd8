import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { synthesise } from "../support/synthesis.ts";

const folder = mkdtempSync(join(tmpdir(), "refusals-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const output = join(folder, "synth.json");

/** Synthesises a stack of its own with this body. */
function stackOf(body: string) {
  const file = join(folder, "sst.config.ts");
  const app = `{ name: "refusals", home: "aws", providers: { aws: { region: "us-east-1" } } }`;
  writeFileSync(file, `export default $config({ app: () => (${app}), async run() { ${body} } });`);
  return synthesise("ci", output, file);
}

const handler = `handler: "functions/runtime/edge.fromEdge"`;

for (const [fault, body, told] of [
  [
    "a missing handler",
    `new sst.aws.Function("Lost", { handler: "functions/lost.handler" });`,
    /Lost: handler not found/,
  ],
  ["two resources of one name", `new sst.aws.Bucket("Twin"); new sst.aws.Bucket("Twin");`, /Twin/],
  [
    "a secret that was never set",
    `new sst.aws.Function("F", { ${handler}, link: [new sst.Secret("Unset")] });`,
    /Set a value for Unset/,
  ],
] as const) {
  test(`${fault} ends the synthesis with its reason, and nothing is written`, () => {
    const { status, stderr } = stackOf(body);
    assert.equal(status, 1);
    assert.match(stderr, told);
    assert.equal(existsSync(output), false);
  });
}
