import assert from "node:assert/strict";
import { test } from "node:test";
import { ACCOUNT, ofKind, only, rights, type Statement, statementsOf, synthesis } from "../support/synthesis.ts";

const made = synthesis();
const byRole = rights(made);
const table = String(only(made, "dynamodb/table")["name"]);
const bucket = String(only(made, "s3/bucket")["bucket"]);

const actionsOf = (role: string) => byRole.get(role)!.flatMap(({ Action }) => Action);
const at = (role: string, action: string) =>
  byRole.get(role)!.flatMap(({ Action, Resource }) => (Action.includes(action) ? Resource : []));

/** `*` where AWS knows no resource for the action. */
const WITHOUT_RESOURCES = [
  /^logs:[A-Za-z]*(LogDelivery|LogDeliveries|ResourcePolicy|ResourcePolicies|LogGroups)$/,
  /^xray:/,
];

test("every role but the edge signer's has rights of its own and no policy of AWS", () => {
  const managed = [...ofKind(made, "iam/role")].filter(
    ([, role]) => ((role["managedPolicyArns"] ?? []) as []).length > 0,
  );
  // It logs in whatever region a request comes in, to a group that Lambda@Edge names: SST gives it AWS's policy for that.
  assert.deepEqual(
    managed.map(([name, role]) => [name, role["managedPolicyArns"]]),
    [["RouterEdgeFunctionRole", ["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"]]],
  );
});

test("no action is named by a wildcard", () => {
  const wild = [...byRole].flatMap(([role, statements]) =>
    statements.flatMap(({ Action }) => Action.filter((action) => action.includes("*")).map((action) => [role, action])),
  );
  assert.deepEqual(wild, []);
});

test("every resource is named, except for actions that have none", () => {
  const open = (statement: Statement) =>
    statement.Resource.includes("*") &&
    !statement.Action.every((action) => WITHOUT_RESOURCES.some((pattern) => pattern.test(action)));
  assert.deepEqual(
    [...byRole].filter(([, statements]) => statements.some(open)),
    [],
  );
});

test("wildcards in resources stand below a name of ours", () => {
  const below = [
    /^arn:aws:s3:::rlaifv-ci-databucket-[a-z]+\/(runs|blobs|batches|manifests|pilots|uploads)\/\*$/,
    /^arn:aws:s3:::rlaifv-ci-databucket-[a-z]+\/runs\/\*\/(passes|maps|rounds|control)\/\*$/,
    new RegExp(`^arn:aws:states:us-east-1:${ACCOUNT}:(execution|stateMachine):rlaifv-ci-loop[:/]\\*$`),
    new RegExp(`^arn:aws:logs:us-east-1:${ACCOUNT}:log-group:/aws/lambda/rlaifv-ci-[a-z]+:\\*$`),
  ];
  const wild = [...byRole.values()].flat().flatMap(({ Resource }) => Resource.filter((one) => one.includes("*")));
  const unknown = wild.filter((one) => one !== "*" && !below.some((pattern) => pattern.test(one)));
  assert.deepEqual(unknown, []);
});

test("only the service it works for may take a role", () => {
  const takers = [...ofKind(made, "iam/role")].map(([name, { assumeRolePolicy }]) => {
    const text = typeof assumeRolePolicy === "string" ? assumeRolePolicy : JSON.stringify(assumeRolePolicy);
    const { Statement } = JSON.parse(text) as { Statement: { Principal: Record<string, string | string[]> }[] };
    return [name, Statement.flatMap(({ Principal }) => Object.entries(Principal))] as const;
  });
  const expected = (name: string) =>
    name === "LoopRole"
      ? ["states.amazonaws.com"]
      : name === "SweeperRole"
        ? ["scheduler.amazonaws.com"]
        : name === "RouterEdgeFunctionRole"
          ? ["lambda.amazonaws.com", "edgelambda.amazonaws.com"]
          : ["lambda.amazonaws.com"];
  for (const [name, principals] of takers) {
    if (name === "GpuRole") continue; // taken by an identity, not by a service: the next test
    assert.deepEqual(
      principals.flatMap(([kind, who]) => [who].flat().map((one) => [kind, one])),
      expected(name).map((one) => ["Service", one]),
      name,
    );
  }
});

test("GPU functions of this app alone may take their role, and reach nothing but batches, images and training", () => {
  assert.deepEqual(statementsOf(ofKind(made, "iam/role").get("GpuRole")!["assumeRolePolicy"]), [
    {
      Effect: "Allow",
      Action: ["sts:AssumeRoleWithWebIdentity"],
      Principal: { Federated: [`arn:aws:iam::${ACCOUNT}:oidc-provider/oidc.modal.com`] },
      Condition: {
        StringEquals: { "oidc.modal.com:aud": ["oidc.modal.com"] },
        StringLike: { "oidc.modal.com:sub": ["modal:workspace_id:ac-synth:environment_name:main:app_name:rlaifv:*"] },
      },
    },
  ]);
  const objects = (keys: string[]) => keys.map((key) => `arn:aws:s3:::${bucket}/${key}`);
  const training = ["runs/*/rounds/*", "runs/*/control/*"];
  assert.deepEqual(at("GpuPolicy", "s3:GetObject"), objects(["blobs/*", "batches/*", ...training]));
  assert.deepEqual(at("GpuPolicy", "s3:PutObject"), objects(["batches/*", ...training]));
  assert.ok(actionsOf("GpuPolicy").every((action) => action.startsWith("s3:")));
  assert.equal(only(made, "iam/openIdConnectProvider")["url"], "https://oidc.modal.com");
});

test("the table is read and written by name, and never scanned or dropped", () => {
  const all = [...byRole.values()]
    .flat()
    .filter(({ Action }) => Action.some((action) => action.startsWith("dynamodb:")));
  const arn = `arn:aws:dynamodb:us-east-1:${ACCOUNT}:table/${table}`;
  assert.deepEqual([...new Set(all.flatMap(({ Resource }) => Resource))].sort(), [arn, `${arn}/index/gsi1`]);
  const allowed = ["GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem"];
  assert.deepEqual(
    [...new Set(all.flatMap(({ Action }) => Action))].sort(),
    [...allowed, "ConditionCheckItem"].map((name) => `dynamodb:${name}`).sort(),
  );
});

test("nobody may delete an object", () => {
  const actions = [...byRole.values()].flat().flatMap(({ Action }) => Action.filter((one) => one.startsWith("s3:")));
  assert.deepEqual([...new Set(actions)].sort(), [
    "s3:AbortMultipartUpload",
    "s3:GetObject",
    "s3:ListBucket",
    "s3:ListMultipartUploadParts",
    "s3:PutObject",
  ]);
});

test("the public callback reaches its rows and the collector, and neither objects nor the machine", () => {
  const services = new Set(actionsOf("CallbackRole").map((action) => action.split(":")[0]));
  assert.deepEqual([...services].sort(), ["dynamodb", "lambda", "logs"]);
  assert.deepEqual(at("CallbackRole", "lambda:InvokeFunction"), [
    `arn:aws:lambda:us-east-1:${ACCOUNT}:function:rlaifv-ci-collect`,
  ]);
});

test("only the collector is invoked by other functions", () => {
  const callers = [...byRole].filter(([role, statements]) =>
    statements.some(({ Action }) => role.endsWith("Role") && Action.includes("lambda:InvokeFunction")),
  );
  assert.deepEqual(callers.map(([role]) => [role, at(role, "lambda:InvokeFunction")[0]!.split(":").at(-1)]).sort(), [
    ["CallbackRole", "rlaifv-ci-collect"],
    ["CollectRole", "rlaifv-ci-collect"],
    ["DispatchRole", "rlaifv-ci-collect"],
    ["SweepRole", "rlaifv-ci-collect"],
    ["SweeperRole", "rlaifv-ci-sweep"],
  ]);
});

test("only who holds task tokens may report on tasks, and only on this machine's", () => {
  const reporters = [...byRole.keys()].filter((role) => actionsOf(role).includes("states:SendTaskSuccess"));
  assert.deepEqual(reporters.sort(), ["CollectRole", "DispatchRole", "SweepRole", "TrainRole"]);
  const machine = `arn:aws:states:us-east-1:${ACCOUNT}:stateMachine:rlaifv-ci-loop`;
  for (const role of reporters) assert.deepEqual(at(role, "states:SendTaskSuccess"), [machine, `${machine}/*`]);
});

test("only the API, and the sweeper where a start was cut off, start runs", () => {
  const starters = [...byRole.keys()].filter((role) => actionsOf(role).includes("states:StartExecution"));
  assert.deepEqual(starters.sort(), ["ApiRole", "LoopPolicy", "SweepRole"]);
});

test("every function writes to its own log group alone", () => {
  for (const [name, fn] of ofKind(made, "lambda/function")) {
    if (name === "RouterEdgeFunction") continue;
    const role = name.replace(/Function$/, "Role");
    const group = `arn:aws:logs:us-east-1:${ACCOUNT}:log-group:/aws/lambda/${fn["name"]}:*`;
    assert.deepEqual(at(role, "logs:PutLogEvents"), [group]);
  }
});

test("the bucket refuses everybody without TLS", () => {
  const [deny, ...others] = statementsOf(only(made, "s3/bucketPolicy")["policy"]);
  assert.deepEqual(others, []);
  assert.deepEqual(deny, {
    Effect: "Deny",
    Principal: { "*": ["*"] },
    Action: ["s3:*"],
    Resource: [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`],
    Condition: { Bool: { "aws:SecureTransport": ["false"] } },
  });
});
