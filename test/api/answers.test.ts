import assert from "node:assert/strict";
import { test } from "node:test";
import { Hono } from "hono";
import { UsageView } from "../../functions/api/contract/service.ts";
import { Problem } from "../../functions/api/problem.ts";
import { KEY_LIMITS } from "../../shared/schemas/service.ts";
import { openTestApi, problemIn } from "../support/api.ts";
import { conforming } from "../support/conforming.ts";

test("an unknown path is 404, and a known one with another method 405 with the methods it takes", async () => {
  await using api = await openTestApi();
  assert.equal((await problemIn(api.request("/v1/run"))).code, "route.unknown");
  const wrong = await api.request("/v1/runs", { method: "DELETE" });
  assert.equal(wrong.headers.get("allow"), "GET, HEAD, POST");
  assert.equal((await problemIn(wrong)).code, "route.method");
  assert.equal((await api.request("/v1/runs/x/samples", { method: "PUT" })).headers.get("allow"), "GET, HEAD");
  assert.equal((await api.request("/healthz", { method: "POST", key: null })).status, 405);
});

test("every answer has an id of its own, safe headers and is kept by nobody", async () => {
  await using api = await openTestApi();
  for (const path of ["/v1/runs", "/v1/runs/none", "/healthz", "/reference", "/nothing"]) {
    const { headers } = await api.request(path, { headers: { "x-request-id": "mine" } });
    assert.match(headers.get("x-request-id") ?? "", /^req_[0-9a-f-]{36}$/, path);
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    assert.equal(headers.get("cache-control"), "no-store");
    assert.match(headers.get("content-security-policy") ?? "", /^default-src 'none'/);
  }
});

test("problems are problem details of one shape", async () => {
  await using api = await openTestApi();
  const answer = await api.request("/v1/runs/none");
  assert.equal(answer.headers.get("content-type"), "application/problem+json");
  await conforming(Problem, answer, 404);
});

test("an unknown query parameter is refused and not overlooked", async () => {
  await using api = await openTestApi();
  const problem = await problemIn(api.request("/v1/runs?limt=3"));
  assert.deepEqual([problem.code, problem.field, problem.value], ["query.unknown_field", "query.limt", "3"]);
});

test("scopes: reading needs runs:read, writing runs:write, and nobody's key needs neither", async () => {
  await using api = await openTestApi();
  const [reader, chatter] = [await api.keyOf(["runs:read"]), await api.keyOf(["chat"])];
  const ask = async (key: string | null, method = "GET", path = "/v1/runs") => {
    const answer = await api.request(path, { method, key });
    return answer.ok ? answer.status : (await problemIn(answer)).code;
  };
  assert.equal(await ask(reader), 200);
  assert.equal(await ask(reader, "POST"), "key.scope");
  assert.equal(await ask(chatter), "key.scope");
  assert.equal(await ask(null), "key.missing");
  assert.equal(await ask("rlk_nonsense"), "key.malformed");
  assert.equal(await ask(`rlk_${"0".repeat(12)}_${"A".repeat(43)}`), "key.unknown");
  assert.equal(await ask(null, "GET", "/healthz"), 200);
  assert.equal(await ask(null, "GET", "/openapi.json"), 200);
});

test("limits are told with every answer, refusals too, and 429 says when to come back", async () => {
  await using api = await openTestApi();
  const key = await api.keyOf(["runs:read"], { ...KEY_LIMITS, requestsPerMinute: 2 });
  const first = await api.request("/v1/runs/none", { key });
  assert.deepEqual([first.status, first.headers.get("x-ratelimit-remaining-requests")], [404, "1"]);
  assert.equal((await api.request("/v1/runs", { key })).headers.get("x-budget-remaining-usd"), "50");
  const refused = await api.request("/v1/runs", { key });
  assert.equal(refused.headers.get("retry-after"), "60");
  const problem = await problemIn(refused);
  assert.deepEqual([problem.status, problem.code], [429, "limit.requests"]);
  await api.clock.advance(60_000);
  assert.equal((await api.request("/v1/runs", { key })).status, 200);
});

test("usage tells what a key has used and what is left", async () => {
  await using api = await openTestApi();
  const key = await api.keyOf(["chat", "runs:read"]);
  await api.request("/v1/runs", { key });
  const usage = await conforming(UsageView, await api.request("/v1/usage", { key }), 200);
  assert.deepEqual([usage.kind, usage.scopes, usage.day], ["key", ["chat", "runs:read"], "2026-11-23"]);
  assert.deepEqual(usage.usd, { used: 0, reserved: 0, limit: 50 });
  assert.deepEqual([usage.requests_this_minute.used, usage.concurrent_requests.used], [1, 1]);
});

test("a fault of our own is a 500 that tells nothing but the request's id, and the sink is told", async () => {
  await using api = await openTestApi("memory", {
    report: async () => {
      throw new Error("the password is hunter2");
    },
  });
  await api.post("/v1/runs", { demo: {} });
  const { items } = (await (await api.request("/v1/runs")).json()) as { items: { id: string }[] };
  const answer = await api.request(`/v1/runs/${items[0]!.id}/report`);
  const id = answer.headers.get("x-request-id")!;
  const problem = await problemIn(answer);
  assert.deepEqual([problem.status, problem.code], [500, "internal"]);
  assert.ok(problem.detail.includes(id) && !JSON.stringify(problem).includes("hunter2"));
  assert.match(String(api.faults[0]), /hunter2/);
});

test("the same Idempotency-Key gets the first answer, and another body under it is refused", async () => {
  await using api = await openTestApi();
  const headers = { "idempotency-key": "k1" };
  const first = await api.post("/v1/runs", { demo: {} }, { headers });
  const again = await api.post("/v1/runs", { demo: {} }, { headers });
  assert.deepEqual([first.status, again.status, again.headers.get("idempotency-replayed")], [201, 201, "true"]);
  assert.deepEqual(await again.json(), await first.json());
  assert.equal(
    (await problemIn(api.post("/v1/runs", { demo: { seed: 2 } }, { headers }))).code,
    "idempotency.other_body",
  );
});

test("errors of chat paths are in OpenAI's shape, also those of keys and limits", async () => {
  await using api = await openTestApi();
  const key = await api.keyOf(["runs:read"]);
  const answer = await api.post("/v1/chat/completions", {}, { key });
  const { error } = (await answer.json()) as { error: { code: string; message: string } };
  assert.deepEqual([answer.status, typeof error.message], [403, "string"]);
  const unknown = await api.request("/v1/models/none", { key: "rlk_nonsense" });
  assert.equal(((await unknown.json()) as { error: { type: string } }).error.type, "authentication_error");
});

test("inside another app the API answers the same: unknown paths, methods, refusals and faults", async () => {
  await using api = await openTestApi("memory", {
    report: async () => {
      throw new Error("broken");
    },
  });
  await api.post("/v1/runs", { demo: {} });
  const { items } = (await (await api.request("/v1/runs")).json()) as { items: { id: string }[] };
  const whole = new Hono().get("/", (context) => context.text("console")).route("/", api.app);
  const ask = async (method: string, path: string) => {
    const answer = await whole.request(path, { method, headers: { authorization: `Bearer ${api.admin}` } });
    assert.match(answer.headers.get("x-request-id") ?? "", /^req_/);
    return (await problemIn(answer)).code;
  };
  assert.equal(await ask("GET", "/v1/nothing"), "route.unknown");
  assert.equal(await ask("PUT", "/v1/runs"), "route.method");
  assert.equal(await ask("GET", "/v1/runs/none"), "run.not_found");
  assert.equal(await ask("GET", "/v1/runs?limit=0"), "query.invalid");
  assert.equal(await ask("GET", `/v1/runs/${items[0]!.id}/report`), "internal");
});
