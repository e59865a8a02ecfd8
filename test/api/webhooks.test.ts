import assert from "node:assert/strict";
import { test } from "node:test";
import { DeliveryView, WebhookView } from "../../functions/api/contract/service.ts";
import { BACKENDS, openTestApi, problemIn } from "../support/api.ts";
import { conforming } from "../support/conforming.ts";

const HOOK = { url: "https://example.org/hook" };
const anyUrl = { checkWebhookUrl: async () => {} };

for (const backend of BACKENDS) {
  test(`${backend}: a webhook is made, listed without its secret, and deleted`, async () => {
    await using api = await openTestApi(backend, anyUrl);
    const made = await conforming(WebhookView, await api.post("/v1/webhooks", HOOK), 201);
    assert.match(made.secret ?? "", /^whsec_/);
    const list = (await (await api.request("/v1/webhooks")).json()) as { items: unknown[]; next_cursor: null };
    const { secret: _, ...shown } = made;
    assert.deepEqual(list, { items: [shown], next_cursor: null });
    assert.equal((await api.request(`/v1/webhooks/${made.id}`, { method: "DELETE" })).status, 204);
    assert.deepEqual(((await (await api.request("/v1/webhooks")).json()) as { items: unknown[] }).items, []);
  });

  test(`${backend}: deliveries are listed, and one is sent again when asked`, async () => {
    await using api = await openTestApi(backend, anyUrl);
    const { id } = await conforming(WebhookView, await api.post("/v1/webhooks", HOOK), 201);
    const at = api.clock.now();
    const row = { deliveryId: "dlv_1", webhookId: id, event: "run.finished" as const, runId: "r", body: "{}" };
    const ended = { state: "given_up" as const, attempts: 9, nextAt: at, createdAt: at, lastStatus: 500 };
    await api.deps.service.webhooks.enqueue([{ ...row, ...ended }]);
    const list = (await (await api.request(`/v1/webhooks/${id}/deliveries`)).json()) as { items: unknown[] };
    const [told] = list.items.map((item) => DeliveryView.parse(item));
    assert.deepEqual(
      [told?.state, told?.attempts, told?.next_attempt_at, told?.last_status],
      ["given_up", 9, null, 500],
    );
    const path = `/v1/webhooks/${id}/deliveries/dlv_1/redeliver`;
    const queued = await conforming(DeliveryView, await api.request(path, { method: "POST" }), 202);
    assert.deepEqual(
      [queued.state, queued.attempts, queued.next_attempt_at],
      ["pending", 0, new Date(at).toISOString()],
    );
  });
}

test("a key sees and deletes its own webhooks only; an admin sees everybody's", async () => {
  await using api = await openTestApi("memory", anyUrl);
  const [mine, other] = [await api.keyOf(["runs:write", "runs:read"]), await api.keyOf(["runs:write", "runs:read"])];
  const { id } = await conforming(WebhookView, await api.post("/v1/webhooks", HOOK, { key: mine }), 201);
  assert.equal(
    (await problemIn(api.request(`/v1/webhooks/${id}/deliveries`, { key: other }))).code,
    "webhook.not_found",
  );
  assert.equal((await problemIn(api.request(`/v1/webhooks/${id}`, { method: "DELETE", key: other }))).status, 404);
  assert.deepEqual(
    ((await (await api.request("/v1/webhooks", { key: other })).json()) as { items: unknown[] }).items,
    [],
  );
  assert.equal((await api.request(`/v1/webhooks/${id}/deliveries`)).status, 200);
});

test("addresses inside the network, unknown runs and unknown deliveries are refused", async () => {
  await using api = await openTestApi();
  const codeOf = async (body: unknown) => (await problemIn(api.post("/v1/webhooks", body))).code;
  assert.equal(await codeOf({ url: "https://127.0.0.1/hook" }), "webhook_url.private_address");
  assert.equal(await codeOf({ url: "http://example.org/hook" }), "webhook_url.not_https");
  assert.equal(await codeOf({ ...HOOK, run_id: "nobody" }), "run.not_found");
  assert.equal(await codeOf({ ...HOOK, events: ["run.exploded"] }), "body.invalid");
  assert.equal((await problemIn(api.request("/v1/webhooks/whk_0", { method: "DELETE" }))).code, "webhook.not_found");
  await using open = await openTestApi("memory", anyUrl);
  const { id } = await conforming(WebhookView, await open.post("/v1/webhooks", HOOK), 201);
  const path = `/v1/webhooks/${id}/deliveries/dlv_0/redeliver`;
  assert.equal((await problemIn(open.request(path, { method: "POST" }))).code, "delivery.not_found");
});
