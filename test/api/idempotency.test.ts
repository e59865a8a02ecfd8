import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { serve } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { memoryServiceStore } from "../../functions/adapters/memory/service.ts";
import { idempotent } from "../../functions/api/idempotency.ts";
import { ProblemError, problemResponse } from "../../functions/api/problem.ts";
import { virtualClock } from "../support/virtual-clock.ts";

const HOUR = 60 * 60_000;

type Handler = (context: Context) => Response | Promise<Response>;

/** An app with one POST route, and how often its handler was asked. */
function appWith(handler: Handler) {
  const clock = virtualClock(1_800_000_000_000);
  const { idempotency: store } = memoryServiceStore();
  const worked = { times: 0 };
  const app = new Hono();
  app.onError((error) => {
    if (error instanceof ProblemError) return problemResponse(error.facts);
    return new Response("broken", { status: 500 });
  });
  app.use("*", idempotent({ store, clock, principal: (context) => context.req.header("x-who") ?? "a" }));
  app.all("/work", (context) => {
    worked.times++;
    return handler(context);
  });
  app.post("/other", (context) => context.text("other"));
  const post = (init: RequestInit & { key?: string | undefined; path?: string } = {}) => {
    const { key = "k1", path = "/work", headers, ...rest } = init;
    return app.request(path, { method: "POST", ...rest, headers: { "idempotency-key": key, ...headers } });
  };
  return { app, clock, store, worked, post };
}

const jsonOf = (body: unknown) => ({ body: JSON.stringify(body), headers: { "content-type": "application/json" } });
const echo: Handler = async (context) =>
  context.json({ got: await context.req.json() }, 201, { location: "/runs/1", "x-ratelimit-remaining": "9" });

async function problemOf(response: Response) {
  const { code, field } = (await response.json()) as { code: string; field: string };
  return { status: response.status, code, field };
}

test("a repeated request gets the first one's answer, and the work is done once", async () => {
  const { post, worked } = appWith(echo);
  const first = await post(jsonOf({ a: "ü" }));
  assert.deepEqual([first.status, first.headers.get("idempotency-replayed")], [201, null]);
  assert.deepEqual(await first.json(), { got: { a: "ü" } });
  const again = await post(jsonOf({ a: "ü" }));
  assert.deepEqual(Object.fromEntries(again.headers), {
    "content-type": "application/json",
    "idempotency-replayed": "true",
    location: "/runs/1",
  });
  assert.deepEqual([again.status, await again.json(), worked.times], [201, { got: { a: "ü" } }, 1]);
});

test("an answer without a body is repeated as it was", async () => {
  const { post, worked } = appWith((context) => context.body(null, 204));
  const answers = [await post(), await post()];
  assert.deepEqual(
    answers.map(({ status, body }) => [status, body]),
    [
      [204, null],
      [204, null],
    ],
  );
  assert.equal(worked.times, 1);
});

test("a key is of one principal and one path; without a key, and with other methods, all work is done", async () => {
  const { app, post, worked } = appWith((context) => context.text("done"));
  await post();
  await post({ headers: { "x-who": "b" } });
  assert.equal(await (await post({ path: "/other" })).text(), "other");
  for (const method of ["POST", "GET", "GET"]) {
    const headers = method === "GET" ? { "idempotency-key": "k1" } : {};
    await app.request("/work", { method, headers });
  }
  assert.equal(worked.times, 5);
});

test("another body, content type or query under the same key is refused", async () => {
  const { post, worked } = appWith(echo);
  await post(jsonOf({ a: 1 }));
  const others = [
    jsonOf({ a: 2 }),
    { ...jsonOf({ a: 1 }), headers: { "content-type": "text/plain" } },
    { ...jsonOf({ a: 1 }), path: "/work?b=1" },
    {},
  ];
  for (const other of others) {
    assert.deepEqual(await problemOf(await post(other)), {
      status: 422,
      code: "idempotency.other_body",
      field: "header.Idempotency-Key",
    });
  }
  assert.equal(worked.times, 1);
});

test("while the first is in progress a repeat is told to come again, and another body that it is another", async () => {
  const gate = Promise.withResolvers<void>();
  const { post, worked } = appWith(async (context) => {
    await gate.promise;
    return context.json({ done: true });
  });
  const first = post(jsonOf(1));
  const early = await post(jsonOf(1));
  assert.equal(early.headers.get("retry-after"), "5");
  assert.deepEqual((await problemOf(early)).code, "idempotency.in_progress");
  assert.equal((await post(jsonOf(2))).status, 422);
  gate.resolve();
  await first;
  assert.equal((await post(jsonOf(1))).headers.get("idempotency-replayed"), "true");
  assert.equal(worked.times, 1);
});

test("of many equal requests at once one does the work", async () => {
  const { post, worked } = appWith(echo);
  const statuses = (await Promise.all(Array.from({ length: 20 }, () => post(jsonOf(1))))).map(({ status }) => status);
  assert.equal(worked.times, 1);
  assert.deepEqual([...new Set(statuses)].toSorted(), [201, 409]);
});

test("failures and refusals of the moment are forgotten; a wrong request stays wrong", async () => {
  for (const [status, times] of Object.entries({
    500: 2,
    503: 2,
    429: 2,
    409: 2,
    402: 2,
    401: 2,
    400: 1,
    404: 1,
    422: 1,
  })) {
    const { post, worked } = appWith(() => new Response("no", { status: Number(status) }));
    await post();
    assert.equal((await post()).status, Number(status));
    assert.equal(worked.times, times, status);
  }
});

test("a handler that throws is asked again", async () => {
  const { post, worked } = appWith((context) => {
    if (worked.times === 1) throw new Error("broken once");
    return context.text("whole");
  });
  assert.equal((await post()).status, 500);
  assert.equal(await (await post()).text(), "whole");
});

test("answers are kept for 24 hours, and a dead request for its lease", async () => {
  const { post, worked, clock } = appWith((context) =>
    worked.times === 2 ? new Promise(() => {}) : context.text("done"),
  );
  await post();
  await clock.advance(24 * HOUR - 1);
  assert.equal((await post()).headers.get("idempotency-replayed"), "true");
  await clock.advance(1);
  void post(); // never ends
  assert.equal((await post()).status, 409);
  await clock.advance(HOUR);
  assert.equal(await (await post()).text(), "done");
  assert.equal(worked.times, 3);
});

test("a key is 1 to 255 visible ASCII characters", async () => {
  const { post, worked } = appWith((context) => context.text("done"));
  for (const key of ["", "a b", "ü", "x".repeat(256)]) {
    assert.deepEqual((await problemOf(await post({ key }))).code, "idempotency.key", key);
  }
  assert.equal((await post({ key: "x".repeat(255) })).status, 200);
  assert.equal(worked.times, 1);
});

const MEGABYTE = 1024 * 1024;

/** A body that comes in chunks of 64 KiB and counts how far it was read. */
function upload(bytes: number, fill = 1) {
  let sent = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const size = Math.min(65536, bytes - sent);
        if (size === 0) return controller.close();
        sent += size;
        controller.enqueue(new Uint8Array(size).fill(fill));
      },
    },
    { highWaterMark: 0 },
  );
  const init = { body, duplex: "half" as const, headers: { "content-type": "application/x-ndjson" } };
  return { init, sent: () => sent };
}

async function sizeOf(stream: ReadableStream | null): Promise<number> {
  let size = 0;
  for await (const chunk of stream ?? []) size += chunk.length;
  return size;
}

const count: Handler = async (context) => context.json({ bytes: await sizeOf(context.req.raw.body) });

test("a large upload reaches the handler as it comes, not after it was read", async () => {
  const seen: number[] = [];
  const { post } = appWith(async (context) => {
    seen.push(large.sent());
    return count(context);
  });
  const large = upload(20 * MEGABYTE);
  assert.deepEqual(await (await post(large.init)).json(), { bytes: 20 * MEGABYTE });
  assert.ok((seen[0] as number) < 2 * MEGABYTE, `${seen}`);
});

test("a large upload that is repeated is compared byte for byte before it is answered", async () => {
  const { post, worked } = appWith(count);
  await post(upload(3 * MEGABYTE).init);
  const again = await post(upload(3 * MEGABYTE).init);
  assert.equal(again.headers.get("idempotency-replayed"), "true");
  assert.deepEqual(await again.json(), { bytes: 3 * MEGABYTE });
  const endless = upload(500 * MEGABYTE);
  for (const other of [upload(3 * MEGABYTE, 2), upload(2 * MEGABYTE), upload(1), endless]) {
    assert.equal((await problemOf(await post(other.init))).code, "idempotency.other_body");
  }
  assert.ok(endless.sent() < 4 * MEGABYTE);
  assert.equal(worked.times, 1);
});

test("an answer that was given before a large upload was read is not kept", async () => {
  const { post, worked } = appWith((context) => context.text("too much", 413));
  for (let time = 0; time < 2; time++) assert.equal((await post(upload(3 * MEGABYTE).init)).status, 413);
  assert.equal(worked.times, 2);
});

const notReplayable: Record<string, Handler> = {
  "a stream of events": () => stream(["data: 1\n\n", "data: 2\n\n"], "text/event-stream"),
  "an answer above 1 MB": (context) => context.text("x".repeat(MEGABYTE + 1)),
  "an image": () => new Response(new Uint8Array([1, 2, 3]), { headers: { "content-type": "image/png" } }),
};

function stream(parts: readonly string[], type: string): Response {
  const body = new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(new TextEncoder().encode(part));
      controller.close();
    },
  });
  return new Response(body, { headers: { "content-type": type } });
}

for (const [what, handler] of Object.entries(notReplayable)) {
  test(`${what} goes out whole, blocks its key while it does, and cannot be had twice`, async () => {
    const { post, worked } = appWith(handler);
    const [first, plain] = [await post(), await appWith(handler).post({ key: "k2" })];
    assert.equal((await problemOf(await post())).code, "idempotency.in_progress");
    assert.deepEqual(await first.bytes(), await plain.bytes());
    assert.equal((await problemOf(await post())).code, "idempotency.not_replayable");
    assert.equal((await post({ body: "other" })).status, 422);
    assert.equal(worked.times, 1);
  });
}

test("a stream that its reader leaves stops its source, and frees its key from being in progress", async () => {
  let stopped = false;
  const { post } = appWith(() => {
    const source = new ReadableStream({
      cancel() {
        stopped = true;
      },
    });
    return new Response(source, { headers: { "content-type": "text/event-stream" } });
  });
  await (await post()).body?.cancel();
  assert.equal(stopped, true);
  assert.equal((await problemOf(await post())).code, "idempotency.not_replayable");
});

test("over a real connection uploads are repeated and compared, and streams go out as they come", async () => {
  const { app, worked } = appWith((context) =>
    context.req.query("stream") ? stream(["data: 1\n\n", "data: 2\n\n"], "text/event-stream") : count(context),
  );
  const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" });
  await once(server, "listening");
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/work`;
  const post = (key: string, { init }: ReturnType<typeof upload>, query = "") =>
    fetch(base + query, { ...init, method: "POST", headers: { ...init.headers, "idempotency-key": key } });
  try {
    for (const [key, size] of [["small", 1000] as const, ["large", 5 * MEGABYTE] as const]) {
      for (let time = 0; time < 2; time++)
        assert.deepEqual(await (await post(key, upload(size))).json(), { bytes: size });
      assert.equal((await post(key, upload(size, 2))).status, 422);
    }
    assert.equal(await (await post("s", upload(10), "?stream=1")).text(), "data: 1\n\ndata: 2\n\n");
    assert.equal((await problemOf(await post("s", upload(10), "?stream=1"))).code, "idempotency.not_replayable");
    assert.equal(worked.times, 3);
  } finally {
    server.close();
  }
});

test("a client that goes away is noticed by the handler, whatever the size of its request", async () => {
  const gone = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const { app, worked } = appWith(async (context) => {
    const { signal } = context.req.raw;
    const own = gone[worked.times - 1] as (typeof gone)[0];
    await sizeOf(context.req.raw.body);
    return new Promise((_, reject) => {
      signal.addEventListener("abort", () => {
        own.resolve();
        reject(new Error("gone"));
      });
      started.get(worked.times)?.resolve();
    });
  });
  const started = new Map([1, 2].map((time) => [time, Promise.withResolvers<void>()]));
  const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" });
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/work`;
  try {
    for (const [index, size] of [10, 2 * MEGABYTE].entries()) {
      const leaving = new AbortController();
      const headers = { "idempotency-key": `k${size}` };
      const body = new Uint8Array(size);
      const asked = fetch(url, { method: "POST", body, headers, signal: leaving.signal });
      await started.get(index + 1)?.promise;
      leaving.abort();
      await assert.rejects(asked);
      await gone[index]?.promise;
    }
  } finally {
    server.close();
  }
});
