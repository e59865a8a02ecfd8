import assert from "node:assert/strict";
import { test } from "node:test";
import { EDGE_HEADERS, fromEdge } from "../../functions/runtime/edge.ts";

const signed = { host: "x.lambda-url.us-east-1.on.aws", authorization: "AWS4-HMAC-SHA256 Credential=…" };

test("the client's key and address take the place of CloudFront's", () => {
  const headers = {
    ...signed,
    "x-forwarded-for": "8.8.8.8, 64.252.1.1",
    [EDGE_HEADERS.authorization]: "Bearer rlk_1",
    [EDGE_HEADERS.address]: "203.0.113.7",
  };
  assert.deepEqual(fromEdge(headers), {
    host: signed.host,
    authorization: "Bearer rlk_1",
    "x-forwarded-for": "203.0.113.7",
  });
});

test("a client without a key has none, whatever CloudFront signed with", () => {
  const headers = { ...signed, [EDGE_HEADERS.address]: "203.0.113.7" };
  assert.deepEqual(fromEdge(headers), { host: signed.host, "x-forwarded-for": "203.0.113.7" });
});
