import assert from "node:assert/strict";
import { test } from "node:test";
import { pageOf } from "../../functions/api/contract/common.ts";
import { KeyView, NewKeyView, RevokedKeyView } from "../../functions/api/contract/keys.ts";
import { KEY_LIMITS, Scope } from "../../shared/schemas/service.ts";
import { BACKENDS, openTestApi, problemIn, type TestApi } from "../support/api.ts";
import { conforming } from "../support/conforming.ts";

const DAY_MS = 86_400_000;
const KeyPage = pageOf(KeyView);

const made = async (api: TestApi, body: object) => conforming(NewKeyView, await api.post("/v1/keys", body), 201);
const revoke = (api: TestApi, id: string) => api.request(`/v1/keys/${id}`, { method: "DELETE" });

for (const backend of BACKENDS) {
  test(`${backend}: a key that was made opens the service with its scopes and limits, until it is revoked`, async () => {
    await using api = await openTestApi(backend);
    const limits = { usd_per_day: 0.5, requests_per_minute: 7 };
    const { key, ...view } = await made(api, { name: "ann", scopes: ["runs:read"], limits, expires_days: 3 });
    assert.equal(view.id, key.slice(4, 16));
    assert.equal(view.expires_at, new Date(api.clock.now() + 3 * DAY_MS).toISOString());
    const usage = await api.request("/v1/usage", { key });
    const told = (await usage.json()) as { scopes: string[]; usd: { limit: number }; requests_this_minute: object };
    assert.deepEqual([told.scopes, told.usd.limit], [["runs:read"], 0.5]);

    const revoked = await conforming(RevokedKeyView, await revoke(api, view.id), 200);
    assert.deepEqual([revoked.outcome, revoked.revoked_at], ["revoked", new Date(api.clock.now()).toISOString()]);
    assert.equal((await problemIn(api.request("/v1/usage", { key }))).code, "key.revoked");
    await api.clock.advance(1000);
    const again = await conforming(RevokedKeyView, await revoke(api, view.id), 200);
    assert.deepEqual([again.outcome, again.revoked_at], ["already_revoked", revoked.revoked_at]);
  });

  test(`${backend}: keys are listed newest first, page by page, none with its secret or hash`, async () => {
    await using api = await openTestApi(backend);
    const secrets = [];
    for (const name of ["a", "b"]) {
      await api.clock.advance(1000);
      secrets.push((await made(api, { name })).key.slice(17));
    }
    const first = await api.request("/v1/keys?limit=2");
    const text = await first.clone().text();
    const page = await conforming(KeyPage, first, 200);
    assert.deepEqual(
      page.items.map(({ name, scopes, limits }) => [name, scopes, limits.usd_per_day]),
      [
        ["b", ["chat"], KEY_LIMITS.usdPerDay],
        ["a", ["chat"], KEY_LIMITS.usdPerDay],
      ],
    );
    assert.ok(!secrets.some((secret) => text.includes(secret)) && !text.includes("hash"));
    const rest = await conforming(KeyPage, await api.request(`/v1/keys?cursor=${page.next_cursor}`), 200);
    assert.deepEqual([rest.items.map(({ name }) => name), rest.next_cursor], [["admin"], null]);
  });
}

test("only the scope admin makes, sees and revokes keys", async () => {
  await using api = await openTestApi();
  const key = await api.keyOf(Scope.options.filter((scope) => scope !== "admin"));
  const asked = [
    api.post("/v1/keys", { name: "mine", scopes: ["admin"] }, { key }),
    api.request("/v1/keys", { key }),
    api.request("/v1/keys/0123456789ab", { key, method: "DELETE" }),
  ];
  for (const refused of await Promise.all(asked)) assert.equal((await problemIn(refused)).code, "key.scope");
  assert.equal((await problemIn(api.post("/v1/keys", { name: "x" }, { key: null }))).code, "key.missing");
});

test("wrong wishes and unknown ids are refused with field and way out", async () => {
  await using api = await openTestApi();
  const wrong: [object, string][] = [
    [{}, "name"],
    [{ name: "" }, "name"],
    [{ name: "x", scopes: [] }, "scopes"],
    [{ name: "x", scopes: ["everything"] }, "scopes.0"],
    [{ name: "x", limits: { usd_per_day: -1 } }, "limits.usd_per_day"],
    [{ name: "x", expires_days: 0 }, "expires_days"],
  ];
  for (const [body, field] of wrong) {
    const problem = await problemIn(api.post("/v1/keys", body));
    assert.deepEqual([problem.status, problem.field], [400, field]);
  }
  const unknown = await problemIn(revoke(api, "0123456789ab"));
  assert.deepEqual([unknown.status, unknown.code, unknown.field], [404, "key.not_found", "path.id"]);
  assert.match(unknown.fix, /GET \/v1\/keys/);
});

test("a new key is not kept for its Idempotency-Key: a repeat is refused and makes no second one", async () => {
  await using api = await openTestApi();
  const ask = () => api.post("/v1/keys", { name: "once" }, { headers: { "idempotency-key": "k" } });
  const first = (await (await ask()).json()) as { key: string };
  assert.equal((await problemIn(ask())).code, "idempotency.not_replayable");
  const { items } = (await (await api.request("/v1/keys")).json()) as { items: { name: string }[] };
  assert.deepEqual([items.filter(({ name }) => name === "once").length, first.key.length], [1, 60]);
});
