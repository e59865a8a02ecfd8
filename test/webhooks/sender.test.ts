import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Webhook, WebhookVerificationError } from "standardwebhooks";
import type { Post } from "../../functions/webhooks/sender.ts";
import { signedHeaders } from "../../functions/webhooks/signature.ts";
import { type Arrived, runRow, START, secretOf, world } from "./support.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const answered = async () => ({ status: 204 });

/** Sends one event to a receiver with this behaviour and lets `ms` go by. */
async function sendTo(answer: Post, ms: number) {
  const made = await world(answer);
  await made.notify("run.finished", runRow());
  await made.letPass(ms);
  const [delivery] = await made.deliveries();
  assert.ok(delivery);
  return { ...made, delivery };
}

/** The receiver's own check, with the official library, when its clock shows `now`. */
function verifyAt(
  context: TestContext,
  now: number,
  { secret }: { secret: string },
  { headers, body }: Arrived,
): unknown {
  context.mock.timers.enable({ apis: ["Date"], now });
  try {
    return new Webhook(secret).verify(body, headers);
  } finally {
    context.mock.timers.reset();
  }
}

test("what is sent passes the official library's check, at once and once only", async (context) => {
  const { arrived, webhook, delivery } = await sendTo(answered, DAY);
  const [message] = arrived;
  assert.ok(message && arrived.length === 1);
  assert.equal(message.url, webhook.url);
  assert.equal(message.headers["content-type"], "application/json");
  assert.equal(message.headers["webhook-id"], delivery.deliveryId);
  assert.deepEqual(verifyAt(context, message.at, webhook, message), JSON.parse(delivery.body));
  assert.deepEqual([delivery.state, delivery.attempts, delivery.lastStatus], ["delivered", 1, 204]);
});

test("a message that was changed, signed by another or replayed later does not pass", async (context) => {
  const { arrived, webhook } = await sendTo(answered, MINUTE);
  const message = arrived[0] as Arrived;
  const refused = (now: number, secret: string, changed: Arrived, why: RegExp) =>
    assert.throws(
      () => verifyAt(context, now, { secret }, changed),
      (error) => error instanceof WebhookVerificationError && why.test(error.message),
    );
  const withHeader = (name: string, value: string) => ({ ...message, headers: { ...message.headers, [name]: value } });
  const other = secretOf(7);
  refused(message.at, webhook.secret, { ...message, body: message.body.replace("demo", "memo") }, /No matching/);
  refused(message.at, other, message, /No matching/);
  refused(message.at, webhook.secret, withHeader("webhook-id", "msg_other"), /No matching/);
  refused(message.at + 6 * MINUTE, webhook.secret, message, /too old/);
  const later = `${Math.floor(message.at / SECOND) + 360}`;
  refused(message.at + 6 * MINUTE, webhook.secret, withHeader("webhook-timestamp", later), /No matching/);
});

test("signatures are those of the official library for any body", () => {
  const secret = secretOf(251); // its base64 has the digits + and /
  for (const body of ["{}", '{"name":"Läufe 画像 🙂"}', ""]) {
    const headers = signedHeaders({ id: "msg_1", body, now: START + 999 }, secret);
    assert.equal(headers["webhook-signature"], new Webhook(secret).sign("msg_1", new Date(START + 999), body));
    assert.equal(headers["webhook-timestamp"], `${START / SECOND}`);
  }
});

test("a server that is down for two hours gets the message afterwards, freshly signed under the same id", async (context) => {
  const back = START + 2 * HOUR;
  const down: Post = async () => {
    if (clock.now() < back) throw new Error("no connection");
    return { status: 200 };
  };
  const { clock, notify, letPass, arrived, deliveries, webhook } = await world(down);
  await notify("run.finished", runRow());
  await letPass(HOUR);
  const [waiting] = await deliveries();
  assert.deepEqual([waiting?.state, waiting?.lastError, waiting?.lastStatus], ["pending", "no connection", undefined]);
  await letPass(DAY);
  const [delivery] = await deliveries();
  assert.deepEqual([delivery?.state, delivery?.lastStatus, delivery?.lastError], ["delivered", 200, undefined]);
  const last = arrived.at(-1) as Arrived;
  assert.ok(last.at >= back);
  assert.equal(new Set(arrived.map(({ headers }) => headers["webhook-id"])).size, 1);
  assert.equal(new Set(arrived.map(({ body }) => body)).size, 1);
  assert.ok(verifyAt(context, last.at, webhook, last));
});

test("a server that never answers well is tried 8 times in about a day, ever less often, and then given up", async () => {
  const { arrived, delivery } = await sendTo(async () => ({ status: 500 }), 3 * DAY);
  assert.deepEqual([delivery.state, delivery.attempts, delivery.lastStatus], ["given_up", 8, 500]);
  const pauses = arrived.slice(1).map(({ at }, index) => at - (arrived[index] as Arrived).at);
  assert.equal(pauses.length, 7);
  assert.ok(
    pauses.every((pause, index) => index === 0 || pause > 2 * (pauses[index - 1] as number)),
    `${pauses}`,
  );
  const inAll = pauses.reduce((sum, pause) => sum + pause, 0);
  assert.ok(inAll > 20 * HOUR && inAll < 30 * HOUR, `${inAll / HOUR} h`);
});

test("redirects are failures, and a receiver that says it is gone is not asked again", async () => {
  const moved = await sendTo(async () => ({ status: 302 }), 30 * SECOND);
  assert.deepEqual([moved.delivery.state, moved.delivery.lastStatus, moved.arrived.length], ["pending", 302, 2]);
  const gone = await sendTo(async () => ({ status: 410 }), DAY);
  assert.deepEqual([gone.delivery.state, gone.arrived.length], ["given_up", 1]);
});

test("a reply that is lost costs the receiver a second message with the same id", async () => {
  let lost = true;
  const { arrived, delivery } = await sendTo(async () => {
    if (!lost) return { status: 200 };
    lost = false;
    throw new Error("cut off");
  }, MINUTE);
  assert.deepEqual([delivery.state, delivery.attempts], ["delivered", 2]);
  assert.deepEqual(
    arrived.map(({ headers }) => headers["webhook-id"]),
    [delivery.deliveryId, delivery.deliveryId],
  );
});

test("a server that hangs is left after a while, and keeps no other waiting", async () => {
  const hangs: Post = (url) => (url.includes("slow") ? new Promise(() => {}) : answered());
  const { clock, create, notify, startSender, store, deliveries } = await world(hangs);
  const slow = await create({ webhookId: "slow", url: "https://slow.example/" });
  await notify("run.finished", runRow());
  const stop = startSender();
  await clock.advance(0);
  assert.equal((await deliveries())[0]?.state, "delivered");
  await clock.advance(12 * SECOND);
  await stop();
  const [left] = (await store.deliveries({ webhookId: slow.webhookId, limit: 1 })).items;
  assert.deepEqual([left?.state, left?.attempts, left?.lastError], ["pending", 1, "no answer in 10 s"]);
});

test("two senders on one store attempt each delivery once each time it is due", async () => {
  let down = true;
  const { clock, notify, startSender, arrived, deliveries } = await world(async () => ({ status: down ? 503 : 200 }));
  for (let version = 0; version < 40; version++) await notify("run.paused", runRow({ version }));
  const stops = [startSender(), startSender()];
  await clock.advance(3 * SECOND);
  assert.equal(arrived.length, 40);
  down = false;
  await clock.advance(MINUTE);
  await Promise.all(stops.map((stop) => stop()));
  assert.equal(arrived.length, 80);
  assert.ok((await deliveries()).every(({ state, attempts }) => state === "delivered" && attempts === 2));
});

test("what a stopped sender left in the middle is sent by the next one", async () => {
  let first = true;
  const { clock, notify, startSender, arrived, deliveries, faults } = await world(() => {
    if (!first) return answered();
    first = false;
    return new Promise(() => {});
  });
  await notify("run.finished", runRow());
  const stop = startSender();
  await clock.advance(SECOND);
  await stop();
  const stopNext = startSender();
  await clock.advance(MINUTE);
  await stopNext();
  assert.deepEqual([(await deliveries())[0]?.state, arrived.length, faults], ["delivered", 2, []]);
});

test("a delivery that is asked for again is sent again under its id, with all its attempts before it", async () => {
  const { clock, store, notify, startSender, arrived, deliveries } = await world(answered);
  await notify("run.finished", runRow());
  const stop = startSender();
  await clock.advance(SECOND);
  const { deliveryId } = (await deliveries())[0] as { deliveryId: string };
  await store.redeliver(deliveryId, clock.now());
  await clock.advance(2 * SECOND);
  await stop();
  assert.deepEqual(
    arrived.map(({ headers }) => headers["webhook-id"]),
    [deliveryId, deliveryId],
  );
  assert.deepEqual((await deliveries())[0]?.attempts, 1);
});

test("deliveries of a webhook that was deleted are given up", async () => {
  const { clock, store, webhook, notify, startSender, arrived, deliveries } = await world(answered);
  await notify("run.finished", runRow());
  await store.delete(webhook.webhookId);
  const stop = startSender();
  await clock.advance(MINUTE);
  await stop();
  const [delivery] = await deliveries();
  assert.deepEqual([delivery?.state, delivery?.lastError, arrived.length], ["given_up", "the webhook was deleted", 0]);
});

test("a store that fails for a while is told, and does not end the sender", async () => {
  const { clock, store, notify, startSender, deliveries, faults } = await world(answered);
  await notify("run.finished", runRow());
  const { takeDue } = store;
  store.takeDue = async () => {
    throw new Error("database is locked");
  };
  const stop = startSender();
  await clock.advance(3 * SECOND);
  store.takeDue = takeDue;
  await clock.advance(2 * SECOND);
  await stop();
  assert.ok(faults.length >= 2);
  assert.equal((await deliveries())[0]?.state, "delivered");
});
