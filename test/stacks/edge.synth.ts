import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { EDGE_HEADERS, fromEdge } from "../../functions/runtime/edge.ts";
import { EDGE } from "../../stacks/plan.ts";
import { ofKind, only, ROOT, synthesis } from "../support/synthesis.ts";

const made = synthesis();

type Header = { value: string };
type ViewerRequest = { uri: string; headers: Record<string, Header>; querystring: object; cookies: object };
type Origin = { domainName: string; timeouts?: object; originAccessControlConfig?: object };

/** Runs the function that CloudFront would run, with the routes that would be in its store. */
async function atTheEdge(
  uri: string,
  headers: Record<string, string>,
): Promise<{ request: ViewerRequest; origin: Origin }> {
  const stored = new Map<string, string>();
  for (const { type, inputs } of made.resources) {
    if (!type.startsWith("pulumi-nodejs:dynamic")) continue;
    const { namespace, entries, key, entry } = inputs as Record<string, string> & { entries?: Record<string, string> };
    for (const [name, value] of Object.entries(entries ?? {})) stored.set(`${namespace}:${name}`, String(value));
    if (entry !== undefined) stored.set(`${namespace}:${key}`, JSON.stringify([entry]));
  }
  const origins: Origin[] = [];
  const cloudfront = {
    kvs: () => ({
      get: async (name: string) => stored.get(name) ?? Promise.reject(new Error(`KeyNotFound ${name}`)),
    }),
    updateRequestOrigin: (origin: Origin) => origins.push(origin),
  };
  const code = String(only(made, "cloudfront/function")["code"]).replace('import cf from "cloudfront";', "");
  const handler = new Function("cf", `${code}; return handler;`)(cloudfront) as (
    event: object,
  ) => Promise<ViewerRequest>;
  const given = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, { value }]));
  const request = await handler({
    viewer: { ip: "203.0.113.7" },
    request: { method: "GET", uri, headers: given, querystring: {}, cookies: {} },
  });
  return { request, origin: origins[0]! };
}

const values = (headers: Record<string, Header>) =>
  Object.fromEntries(Object.entries(headers).map(([name, { value }]) => [name, value]));

for (const uri of ["/", "/v1/chat/completions", "/assets/console-1.js"]) {
  test(`${uri} goes to the API's function, signed, with time to think`, async () => {
    const { origin } = await atTheEdge(uri, { host: "synth.cloudfront.net" });
    const url = [...ofKind(made, "lambda/functionUrl").keys()].find((name) => name === "ApiUrl");
    assert.equal(origin.domainName, `${url!.toLowerCase()}.lambda-url.us-east-1.on.aws`);
    assert.deepEqual(origin.timeouts, {
      readTimeout: EDGE.readTimeoutSeconds,
      keepAliveTimeout: EDGE.keepAliveSeconds,
    });
    assert.deepEqual(origin.originAccessControlConfig, {
      enabled: true,
      signingBehavior: "always",
      signingProtocol: "sigv4",
      originType: "lambda",
    });
  });
}

test("a client's key reaches the API though CloudFront signs over it", async () => {
  const { request } = await atTheEdge("/v1/runs", { host: "synth.cloudfront.net", authorization: "Bearer rlk_1" });
  const arrived = { ...values(request.headers), authorization: "AWS4-HMAC-SHA256 Credential=cloudfront" };
  const { authorization, "x-forwarded-for": address } = fromEdge(arrived);
  assert.deepEqual([authorization, address], ["Bearer rlk_1", "203.0.113.7"]);
});

test("nobody can pretend to another key or address", async () => {
  const forged = { [EDGE_HEADERS.authorization]: "Bearer rlk_admin", [EDGE_HEADERS.address]: "127.0.0.1" };
  const { request } = await atTheEdge("/v1/runs", { host: "synth.cloudfront.net", ...forged });
  const arrived = { ...values(request.headers), authorization: "AWS4-HMAC-SHA256 Credential=cloudfront" };
  const { authorization, "x-forwarded-for": address } = fromEdge(arrived);
  assert.deepEqual([authorization, address], [undefined, "203.0.113.7"]);
});

test("the function at the edge is no longer than CloudFront takes", () => {
  assert.ok(Buffer.byteLength(String(only(made, "cloudfront/function")["code"])) <= 10_240); // bytes, its quota
});

test("only CloudFront may call the API's function, and it may stream", () => {
  const url = ofKind(made, "lambda/functionUrl").get("ApiUrl");
  assert.deepEqual([url?.["authorizationType"], url?.["invokeMode"]], ["AWS_IAM", "RESPONSE_STREAM"]);
  const callers = [...ofKind(made, "lambda/permission").values()].filter(({ function: fn }) => fn === "rlaifv-ci-api");
  assert.deepEqual(callers.map(({ principal, action }) => [principal, action]).sort(), [
    ["cloudfront.amazonaws.com", "lambda:InvokeFunction"],
    ["cloudfront.amazonaws.com", "lambda:InvokeFunctionUrl"],
  ]);
  assert.ok(callers.every(({ sourceArn }) => String(sourceArn).includes("RouterCdnDistribution")));
});

test("the callback is the only function that anybody may call", () => {
  const open = [...ofKind(made, "lambda/permission").values()].filter(({ principal }) => principal === "*");
  assert.deepEqual(new Set(open.map(({ function: fn }) => fn)), new Set(["rlaifv-ci-callback"]));
  const urls = [...ofKind(made, "lambda/functionUrl").values()];
  assert.deepEqual(urls.map(({ functionName, authorizationType }) => [functionName, authorizationType]).sort(), [
    ["rlaifv-ci-api", "AWS_IAM"],
    ["rlaifv-ci-callback", "NONE"],
  ]);
});

test("CloudFront keeps no answer and joins no requests: answers belong to a key", () => {
  const { defaultCacheBehavior, orderedCacheBehaviors } = only(made, "cloudfront/distribution") as {
    defaultCacheBehavior?: Record<string, unknown>;
    orderedCacheBehaviors?: unknown[];
  };
  assert.equal(defaultCacheBehavior?.["cachePolicyId"], "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"); // AWS's "CachingDisabled"
  assert.equal(defaultCacheBehavior?.["viewerProtocolPolicy"], "redirect-to-https");
  assert.deepEqual(orderedCacheBehaviors ?? [], []);
});

test("the firewall limits each address, and lets prose and pictures in bodies pass", () => {
  const acl = only(made, "wafv2/webAcl");
  assert.equal(
    only(made, "cloudfront/distribution")["webAclId"],
    `arn:aws:wafv2:us-east-1:111111111111:${acl["name"]}`,
  );
  const rules = acl["rules"] as { name: string; statement: Record<string, Record<string, unknown>> }[];
  const [rate, core, ...others] = rules;
  assert.deepEqual(rate?.statement, { rateBasedStatement: { limit: EDGE.requestsPerIp, aggregateKeyType: "IP" } });
  assert.deepEqual(
    core?.statement["managedRuleGroupStatement"]?.["ruleActionOverrides"],
    EDGE.countedBodyRules.map((name) => ({ name, actionToUse: { count: {} } })),
  );
  assert.deepEqual(
    others.map(({ name }) => name),
    ["AWSManagedRulesKnownBadInputsRuleSet"],
  );
});

test("the edge hashes a body for the signature, and refuses one that it cannot see whole", async () => {
  const path = join(ROOT, ".sst/platform/dist/oac-edge-signer/index.mjs");
  const { handler } = (await import(path)) as { handler: (event: object) => Promise<Record<string, unknown>> };
  const ask = (body: object) => handler({ Records: [{ cf: { request: { method: "POST", headers: {}, body } } }] });
  const signed = await ask({ data: Buffer.from("{}").toString("base64"), encoding: "base64", inputTruncated: false });
  const { "x-amz-content-sha256": hash } = signed["headers"] as Record<string, { value: string }[]>;
  assert.equal(hash?.[0]?.value, "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"); // of "{}"
  assert.equal((await ask({ data: "", encoding: "base64", inputTruncated: true }))["status"], "413");
});
