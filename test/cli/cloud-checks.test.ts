import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { type CloudChecksOptions, cloudChecks } from "../../functions/cli/cloud-checks.ts";
import type { Check } from "../../functions/cli/doctor-checks.ts";
import { embeddedConfig } from "../../functions/runtime/embedded-models.ts";
import { loopDefinition } from "../../shared/loop.ts";
import { GPU_CONTRACT } from "../../shared/schemas/gpu.ts";
import { type AwsAnswers, awsFault, awsServer } from "../support/aws-answers.ts";
import type { FakeApp } from "../support/modal/apps.ts";
import { startFakeModal } from "../support/modal/fake-modal.ts";

const BUCKET = "rlaifv-data";
const arn = (worker: string) => `arn:aws:lambda:us-east-1:123456789012:function:rlaifv-${worker}`;
const WORKERS = ["prepare", "plan", "dispatch", "pair", "train", "select", "evaluate", "gate"] as const;
const FUNCTIONS = Object.fromEntries(WORKERS.map((worker) => [worker, arn(worker)])) as Record<
  (typeof WORKERS)[number],
  string
>;
const keys = (prefix: string) => [
  { AttributeName: `${prefix}pk`, KeyType: "HASH" },
  { AttributeName: `${prefix}sk`, KeyType: "RANGE" },
];
const TABLE = {
  TableName: "rlaifv-state",
  TableStatus: "ACTIVE",
  KeySchema: keys(""),
  GlobalSecondaryIndexes: [{ IndexName: "gsi1", IndexStatus: "ACTIVE", KeySchema: keys("gsi1") }],
};
const blocked = (on: boolean) =>
  `<?xml version="1.0"?><PublicAccessBlockConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${[
    ["BlockPublicAcls", true],
    ["IgnorePublicAcls", true],
    ["BlockPublicPolicy", on],
    ["RestrictPublicBuckets", on],
  ]
    .map(([name, value]) => `<${name}>${value}</${name}>`)
    .join("")}</PublicAccessBlockConfiguration>`;
const machineOf = (definition: object) => ({
  ...{ stateMachineArn: "arn", name: "rlaifv-loop", status: "ACTIVE", type: "STANDARD", creationDate: 1 },
  definition: JSON.stringify(definition),
});
const LOOP = loopDefinition({ functions: FUNCTIONS, bucket: BUCKET });
const SOUND: AwsAnswers = {
  DescribeTable: { body: { Table: TABLE } },
  DescribeTimeToLive: { body: { TimeToLiveDescription: { TimeToLiveStatus: "ENABLED", AttributeName: "ttl" } } },
  HeadBucket: {},
  GetPublicAccessBlock: { body: blocked(true) },
  DescribeStateMachine: { body: machineOf(LOOP) },
};
const SECRETS = {
  SST_RESOURCE_ModalTokenId: '{"value":"ak-fake"}',
  SST_RESOURCE_ModalTokenSecret: '{"value":"as-fake"}',
  SST_RESOURCE_CallbackSecret: JSON.stringify({ value: `whsec_${Buffer.alloc(32, 1).toString("base64")}` }),
};
const contract = (number: number): FakeApp => ({ contract: () => ({ contract: number, versions: {} }) });

type World = { aws?: AwsAnswers; app?: FakeApp; env?: Record<string, string>; health?: number } & Partial<
  Pick<CloudChecksOptions, "config">
>;

/** Everything in order but for what `world` says. */
async function checksIn({ aws = {}, app = contract(GPU_CONTRACT), env = {}, health = 200, config }: World = {}) {
  await using modal = await startFakeModal({ apps: { rlaifv: app }, environment: "main" });
  await using server = await awsServer({ ...SOUND, ...aws });
  const service = createServer((_, response) =>
    response.writeHead(health).end(JSON.stringify({ status: "ok", version: "0.1.0" })),
  );
  await new Promise<void>((listening) => service.listen(0, "127.0.0.1", listening));
  const address = `http://127.0.0.1:${(service.address() as AddressInfo).port}`;
  try {
    const checks = await cloudChecks({
      env: {
        ...{ RLAIFV_TABLE: "rlaifv-state", RLAIFV_BUCKET: BUCKET, RLAIFV_SERVER: address },
        RLAIFV_MACHINE_ARN: "arn:aws:states:us-east-1:123456789012:stateMachine:rlaifv-loop",
        ...{ RLAIFV_CALLBACK_URL: "https://abc.lambda-url.us-east-1.on.aws/", RLAIFV_MODAL_APP: "rlaifv" },
        ...{ MODAL_SERVER_URL: modal.url, ...SECRETS, ...env },
      },
      clients: server.clients,
      config,
    });
    assert.doesNotMatch(
      JSON.stringify(checks),
      /as-fake|as-wrong|xx-nonsense|hunter2|whsec_[A-Za-z0-9+/]{8}|aws-secret-key/,
    );
    return { checks, asked: server.asked, address };
  } finally {
    service.closeAllConnections();
    service.close();
  }
}

const wrong = (checks: readonly Check[]) =>
  checks.filter(({ ok }) => !ok).map(({ what, found }) => `${what}: ${found}`);

test("a deployment in order has one good line for each part", async () => {
  const { checks, asked, address } = await checksIn();
  assert.deepEqual(wrong(checks), []);
  assert.deepEqual(
    checks.map(({ what, found }) => `${what}: ${found}`),
    [
      "environment: every variable is there and well formed",
      "callback secret: well formed",
      "AWS credentials: accepted",
      "table: rlaifv-state is ACTIVE, keys pk, sk",
      "table's index gsi1: ACTIVE, keys gsi1pk, gsi1sk",
      "table's expiry: ENABLED on ttl",
      "bucket: rlaifv-data can be reached",
      "bucket's privacy: all public access is blocked",
      "state machine: rlaifv-loop is the loop of this version",
      `service: ${address} is up, version 0.1.0`,
      "Modal token: accepted",
      "Modal app: rlaifv, version 1",
      "GPU contract: it speaks 1, this version 1",
      "GPUs: Modal's plans allow Starter 10, Team 50 GPUs at once; --config FILE tells what a run asks for",
    ],
  );
  assert.equal(asked.length, 5);
  assert.ok(checks.every(({ ok, fix }) => ok || fix !== undefined));
});

test("variables that are missing or malformed are told all at once, and their parts are not looked at", async () => {
  const env = {
    RLAIFV_TABLE: "",
    RLAIFV_MACHINE_ARN: "rlaifv-loop",
    RLAIFV_CALLBACK_URL: "http://x",
    RLAIFV_SERVER: "",
  };
  const { checks } = await checksIn({ env });
  assert.deepEqual(wrong(checks), [
    "environment: RLAIFV_TABLE is missing; RLAIFV_MACHINE_ARN=rlaifv-loop is no ARN of a state machine; " +
      "RLAIFV_CALLBACK_URL=http://x is no https address; RLAIFV_SERVER is missing",
    "table: not looked at: RLAIFV_TABLE is missing or wrong",
    "state machine: not looked at: RLAIFV_MACHINE_ARN is missing or wrong",
    "service: not looked at: RLAIFV_SERVER is missing or wrong",
  ]);
});

test("credentials that AWS refuses are one line, with how to sign in", async () => {
  const { checks, asked } = await checksIn({
    aws: { DescribeTable: awsFault("UnrecognizedClientException", "The security token included is invalid.") },
  });
  assert.deepEqual(wrong(checks), [
    "AWS credentials: UnrecognizedClientException: The security token included is invalid.",
  ]);
  assert.match(checks.find(({ what }) => what === "AWS credentials")?.fix ?? "", /aws sso login/);
  assert.equal(asked.length, 1);
});

test("a missing table, bucket or machine, and rights that are missing, are told as AWS tells them", async () => {
  const missing = awsFault("ResourceNotFoundException", "Requested resource not found: Table: rlaifv-state not found");
  const { checks } = await checksIn({
    aws: {
      DescribeTable: missing,
      DescribeTimeToLive: awsFault("AccessDeniedException", "not authorized to perform: dynamodb:DescribeTimeToLive"),
      HeadBucket: { status: 404, body: "" },
      DescribeStateMachine: awsFault("StateMachineDoesNotExist", "State Machine Does Not Exist"),
    },
  });
  assert.deepEqual(wrong(checks), [
    "table: ResourceNotFoundException: Requested resource not found: Table: rlaifv-state not found",
    "table's expiry: AccessDeniedException: not authorized to perform: dynamodb:DescribeTimeToLive",
    "bucket: NotFound",
    "state machine: StateMachineDoesNotExist: State Machine Does Not Exist",
  ]);
});

test("a table without index or expiry, a bucket open to the public and a machine of another version are found", async () => {
  const otherLimits = loopDefinition({ functions: FUNCTIONS, bucket: BUCKET, limits: { trainTimeoutSeconds: 60 } });
  const { checks } = await checksIn({
    aws: {
      DescribeTable: { body: { Table: { ...TABLE, GlobalSecondaryIndexes: [] } } },
      DescribeTimeToLive: { body: { TimeToLiveDescription: { TimeToLiveStatus: "DISABLED" } } },
      GetPublicAccessBlock: { body: blocked(false) },
      DescribeStateMachine: { body: machineOf(otherLimits) },
    },
  });
  assert.deepEqual(wrong(checks), [
    "table's index gsi1: missing",
    "table's expiry: DISABLED on no attribute",
    "bucket's privacy: BlockPublicPolicy, RestrictPublicBuckets off",
    "state machine: rlaifv-loop is another version's: its definition differs at /States/Train/TimeoutSeconds",
  ]);
});

test("a machine whose workers are mixed up, or that reads another bucket, is another one", async () => {
  const swapped = { ...FUNCTIONS, select: "rlaifv-select" };
  const difference = async (definition: object) => {
    const { checks } = await checksIn({ aws: { DescribeStateMachine: { body: machineOf(definition) } } });
    return wrong(checks).join("\n");
  };
  assert.match(
    await difference(loopDefinition({ functions: swapped, bucket: BUCKET })),
    /\/States\/Select\/.*FunctionName/,
  );
  assert.match(
    await difference(loopDefinition({ functions: FUNCTIONS, bucket: "other" })),
    /differs at \/States\/.*Bucket/,
  );
});

test("a service that is down is told with what it answers", async () => {
  const { checks, address } = await checksIn({ health: 503 });
  assert.deepEqual(wrong(checks), [`service: ${address}/healthz answers 503`]);
});

test("a Modal token that is malformed, refused or missing is told without its value", async () => {
  const withToken = async (SST_RESOURCE_ModalTokenSecret: string) =>
    wrong((await checksIn({ env: { SST_RESOURCE_ModalTokenSecret } })).checks);
  assert.deepEqual(await withToken('{"value":"xx-nonsense"}'), [
    "Modal token: ModalTokenSecret does not look like as-…",
  ]);
  assert.deepEqual(await withToken(""), ["Modal token: ModalTokenSecret is missing"]);
  assert.deepEqual(await withToken('{"value":"as-wrong"}'), ["Modal token: Modal refuses it"]);
});

test("a GPU app that is missing, of another environment, or of another contract is told with what to deploy", async () => {
  const missing = await checksIn({ env: { RLAIFV_MODAL_APP: "other" } });
  assert.match(wrong(missing.checks).join("\n"), /^Modal app: .*Modal has no function contract in app "other"/);
  const elsewhere = await checksIn({ env: { RLAIFV_MODAL_ENVIRONMENT: "prod" } });
  assert.match(wrong(elsewhere.checks).join("\n"), /^Modal app: .*of environment prod/);
  const old = await checksIn({ app: contract(0) });
  assert.deepEqual(wrong(old.checks), ["GPU contract: it speaks 0, this version 1"]);
  assert.match(
    old.checks.find(({ what }) => what === "GPU contract")?.fix ?? "",
    /modal deploy functions\/gpu\/app\.py/,
  );
});

test("a callback secret that no signature can be made with is found", async () => {
  const secretOf = (value: string) => ({ SST_RESOURCE_CallbackSecret: JSON.stringify({ value }) });
  const told = async (env: Record<string, string>) => wrong((await checksIn({ env })).checks);
  assert.deepEqual(await told(secretOf("hunter2")), ["callback secret: CallbackSecret is not whsec_<base64>"]);
  assert.deepEqual(await told(secretOf("whsec_c2hvcnQ=")), [
    "callback secret: CallbackSecret's key has 5 bytes, not 24 to 64",
  ]);
  assert.deepEqual(await told({ SST_RESOURCE_CallbackSecret: "" }), ["callback secret: CallbackSecret is missing"]);
});

test("with a config it says how many GPUs a run asks for", async () => {
  const base = embeddedConfig({ name: "big", seed: 1, rounds: 1, data: "none", selection: "none", evaluation: "none" });
  const gpu = { kind: "H100", count: 2, maxContainers: 20, timeoutSeconds: 3_600 } as const;
  const config = { ...base, policy: { ...base.policy, engine: "modal" as const, gpu } };
  const { checks } = await checksIn({ config });
  assert.equal(
    checks.at(-1)?.found,
    "big asks for up to 40 at once; Modal's plans allow Starter 10, Team 50 GPUs at once, the rest waits",
  );
});

test("the command tells these checks and fails when one does; nothing is asked of what nobody named", () => {
  const main = new URL("../../functions/cli/main.ts", import.meta.url).pathname;
  const env = { PATH: process.env["PATH"], NO_COLOR: "1", AWS_EC2_METADATA_DISABLED: "true" };
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, "doctor", "--cloud"], {
    encoding: "utf8",
    env,
  });
  assert.equal(status, 1, stderr);
  assert.match(
    stdout,
    /^FAIL environment: RLAIFV_TABLE is missing; RLAIFV_BUCKET is missing;.*\n {5}what to do: run it in/m,
  );
  assert.match(stdout, /^FAIL Modal token: ModalTokenId is missing$/m);
  assert.match(stdout, /^ok {3}GPUs: Modal's plans allow/m);
});
