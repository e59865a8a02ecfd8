import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "../../functions/adapters/clock.ts";
import { openSqliteStore } from "../../functions/adapters/sqlite/store.ts";
import { principalOf } from "../../functions/api/keys/principal.ts";
import { STATE_FILE } from "../../functions/runtime/local.ts";
import { tempFolder } from "../support/temp-folder.ts";

const MAIN = new URL("../../functions/cli/main.ts", import.meta.url).pathname;

function keys(folder: string, ...parameters: string[]) {
  const env = { ...process.env, NO_COLOR: "1" };
  const given = [MAIN, "keys", ...parameters, "--data", folder];
  const { status, stdout, stderr } = spawnSync(process.execPath, given, { encoding: "utf8", env });
  return { status, stdout, stderr };
}

test("a key that was made opens the service that runs in the folder, until it is revoked", async () => {
  await using folder = await tempFolder("keys");
  const service = openSqliteStore(join(folder.path, STATE_FILE));
  const deps = { keys: service.service.keys, clock: systemClock };
  const made = keys(
    folder.path,
    "create",
    "--name",
    "phone",
    "--scopes",
    "chat,runs:read",
    "--usd-per-day",
    "0.5",
    "--json",
  );
  assert.equal(made.status, 0, made.stderr);
  assert.match(made.stderr, /shown only now/);
  const { key, keyId, hash } = JSON.parse(made.stdout);
  assert.equal(hash, undefined);
  const known = await principalOf(`Bearer ${key}`, deps);
  assert.ok(known.outcome === "known");
  assert.deepEqual(known.principal.scopes, ["chat", "runs:read"]);
  assert.equal(known.principal.limits?.usdPerDay, 0.5);

  assert.deepEqual(JSON.parse(keys(folder.path, "revoke", keyId, "--json").stdout), { keyId, outcome: "revoked" });
  assert.equal((await principalOf(`Bearer ${key}`, deps)).outcome, "revoked");
  assert.equal(keys(folder.path, "revoke", keyId).stdout, `${keyId} was revoked before\n`);
  await service.close();
});

test("the list shows state, scopes and limits of each key, and of no key its secret or hash", async () => {
  await using folder = await tempFolder("keys-list");
  const { key } = JSON.parse(keys(folder.path, "create", "--name", "a", "--expires-days", "3", "--json").stdout);
  const { stdout } = keys(folder.path, "list");
  assert.match(stdout, /^[0-9a-z]{12} {2}until \d{4}-\d\d-\d\d {2,}chat {2}\$50 and 20000000 tokens a day, .* {2}a\n$/);
  const [listed] = JSON.parse(keys(folder.path, "list", "--json").stdout);
  assert.deepEqual(Object.keys(listed), ["keyId", "name", "scopes", "limits", "createdAt", "expiresAt"]);
  assert.ok(!JSON.stringify(listed).includes(key.slice(-43)));
});

test("wrong scopes, amounts and ids are wrong use, with the way out", async () => {
  await using folder = await tempFolder("keys-wrong");
  const scope = keys(folder.path, "create", "--name", "a", "--scopes", "chat,everything");
  assert.equal(scope.status, 2);
  assert.match(
    scope.stderr,
    /"everything" is no scope\n {2}what to do: choose from chat, runs:read, runs:write, admin/,
  );
  assert.equal(keys(folder.path, "create", "--name", "a", "--usd-per-day", "-1").status, 2);
  assert.equal(keys(folder.path, "create").status, 2);
  assert.equal(keys(folder.path, "create", "--name", "a").status, 0);
  const unknown = keys(folder.path, "revoke", "nobody");
  assert.deepEqual([unknown.status, /there is no key nobody/.test(unknown.stderr)], [2, true]);
});
