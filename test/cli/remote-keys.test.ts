import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { type Listening, listen } from "../../functions/api/listen.ts";
import { openTestApi, type TestApi } from "../support/api.ts";

const MAIN = new URL("../../functions/cli/main.ts", import.meta.url).pathname;

describe("with --server keys are those of the service", () => {
  let api: TestApi;
  let server: Listening;

  before(async () => {
    api = await openTestApi();
    server = await listen(api.app, { port: 0, host: "127.0.0.1" });
  });
  after(async () => {
    await server.close();
    await api[Symbol.asyncDispose]();
  });

  function keys(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const env = { ...process.env, NO_COLOR: "1", RLAIFV_API_KEY: api.admin };
    const child = spawn(process.execPath, [MAIN, "--server", server.url, "keys", ...args], { env });
    const ended = { code: null as number | null, stdout: "", stderr: "" };
    for (const stream of ["stdout", "stderr"] as const)
      child[stream].setEncoding("utf8").on("data", (text: string) => {
        ended[stream] += text;
      });
    return new Promise((resolve) => child.on("close", (code) => resolve({ ...ended, code })));
  }

  test("one is made, shown once, listed and revoked, in the words and JSON of this machine's own", async () => {
    const asked = ["--name", "ann", "--scopes", "chat,runs:read", "--usd-per-day", "0.5", "--expires-days", "3"];
    const made = await keys("create", ...asked, "--json");
    assert.equal(made.code, 0, made.stderr);
    assert.match(made.stderr, /shown only now/);
    const { key, ...shown } = JSON.parse(made.stdout);
    const told = (await (await api.request("/v1/usage", { key })).json()) as { scopes: string[] };
    assert.deepEqual(told.scopes, ["chat", "runs:read"]);

    const listed: { name: string }[] = JSON.parse((await keys("list", "--json")).stdout);
    assert.deepEqual(
      listed.filter(({ name }) => name === "ann"), // the clock stands: which of the keys is the newest is nobody's choice
      [shown],
    );
    const fields = ["keyId", "name", "scopes", "limits", "createdAt", "expiresAt"];
    assert.deepEqual([Object.keys(shown), shown.limits.usdPerDay], [fields, 0.5]);
    assert.match((await keys("list")).stdout, /^[0-9a-z]{12} {2}.* {2}chat,runs:read {2}\$0\.5 and .* {2}ann$/m);

    const { keyId } = shown;
    assert.deepEqual(JSON.parse((await keys("revoke", keyId, "--json")).stdout), { keyId, outcome: "revoked" });
    assert.equal((await keys("revoke", keyId)).stdout, `${keyId} was revoked before\n`);
  });

  test("what the service refuses is wrong use, with the way out", async () => {
    const unknown = await keys("revoke", "0123456789ab");
    assert.deepEqual([unknown.code, /There is no key 0123456789ab/.test(unknown.stderr)], [2, true]);
    assert.match(unknown.stderr, /what to do:/);
  });
});
