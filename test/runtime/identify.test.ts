import assert from "node:assert/strict";
import { test } from "node:test";
import { Hono } from "hono";
import { memoryServiceStore } from "../../functions/adapters/memory/service.ts";
import type { ApiEnv } from "../../functions/api/access.ts";
import { newKey, secureBytes } from "../../functions/api/keys/new-key.ts";
import { listen } from "../../functions/api/listen.ts";
import { ProblemError, problemResponse } from "../../functions/api/problem.ts";
import { identifyLocally } from "../../functions/runtime/identify.ts";
import { KEY_LIMITS } from "../../shared/schemas/service.ts";

const clock = { now: () => 1_000_000 };

/** Who each header makes the sender, on a real connection. */
async function asked(how: { ownerWithoutKey: boolean; anonymousChat: boolean }, headers: (key: string) => string[]) {
  const { keys } = memoryServiceStore();
  const { key, keyId, hash } = newKey(secureBytes);
  await keys.create({ keyId, hash, name: "ann", scopes: ["runs:read"], limits: KEY_LIMITS, createdAt: 0 });
  const identify = identifyLocally({ keys, clock, trustProxy: false, salt: "s", ...how });
  const app = new Hono<ApiEnv>();
  app.onError((error) => {
    if (error instanceof ProblemError) return problemResponse(error.facts);
    throw error;
  });
  app.get("/", async (context) => context.text((await identify(context)).kind));
  const server = await listen(app as unknown as Hono, { port: 0, host: "127.0.0.1" });
  try {
    const answers: string[] = [];
    for (const authorization of headers(key)) {
      const response = await fetch(server.url, { headers: authorization === "" ? {} : { authorization } });
      answers.push(response.ok ? await response.text() : String(response.status));
    }
    return answers;
  } finally {
    await server.close();
  }
}

const headers = (key: string) => [
  "",
  "Bearer none",
  "Bearer ",
  `Bearer ${key}`,
  `Bearer ${key.slice(0, -1)}`,
  "Bearer rlk_x",
];

test("on this machine no key, or the one that a client must send, is the owner; ours are checked", async () => {
  const answers = await asked({ ownerWithoutKey: true, anonymousChat: true }, headers);
  assert.deepEqual(answers, ["owner", "owner", "owner", "key", "401", "401"]);
});

test("where everybody needs a key, a key that is not ours is nobody's", async () => {
  const answers = await asked({ ownerWithoutKey: false, anonymousChat: true }, headers);
  assert.deepEqual(answers, ["anonymous", "anonymous", "anonymous", "key", "401", "401"]);
});
