/** The answers of a cloud that does not exist: every resource is taken down as it was asked for. */

export type Resource = { type: string; name: string; inputs: Record<string, unknown> };
type NewResource = { type: string; name: string; id?: string; inputs: Record<string, unknown> };
type Call = { token: string; inputs: Record<string, unknown> };

export const ACCOUNT = "111111111111";
export const REGION = "us-east-1";

/** Pulumi's own marks in serialised values: the signature's key, and what it says of a secret. */
const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";

export function cloud(taken: Resource[]) {
  return {
    newResource({ type, name, id, inputs }: NewResource) {
      taken.push({ type, name, inputs: plain(inputs) as Record<string, unknown> });
      return {
        id: id || `${name}-id`,
        state: { ...defaults(type, name, inputs), ...inputs, ...outputs(type, name, inputs) },
      };
    },
    call({ token, inputs }: Call): Record<string, unknown> {
      const answer = ANSWERS[token];
      if (answer !== undefined) return answer(inputs);
      throw new Error(`the synthesis has no answer to ${token}: add one to scripts/synth/mocks.ts`);
    },
  };
}

const ANSWERS: Record<string, (inputs: Record<string, unknown>) => Record<string, unknown>> = {
  "aws:index/getRegion:getRegion": () => ({ region: REGION, name: REGION, id: REGION }),
  "aws:index/getPartition:getPartition": () => ({ partition: "aws", dnsSuffix: "amazonaws.com" }),
  "aws:index/getCallerIdentity:getCallerIdentity": () => ({
    accountId: ACCOUNT,
    arn: `arn:aws:iam::${ACCOUNT}:user/synth`,
    userId: "synth",
  }),
  "aws:iam/getPolicyDocument:getPolicyDocument": (inputs) => ({
    ...inputs, // SST looks at `statements` before it adds the policy to a role
    id: "policy",
    json: JSON.stringify({ Version: "2012-10-17", Statement: (inputs["statements"] as Given[]).map(statement) }),
  }),
};

type Given = {
  effect?: string;
  actions?: string[];
  resources?: string[];
  principals?: { type: string; identifiers: string[] }[];
  conditions?: { test: string; variable: string; values: string[] }[];
};

/** As AWS writes it. */
function statement({ effect = "Allow", actions, resources, principals, conditions }: Given) {
  return {
    Effect: effect,
    Action: actions,
    Resource: resources,
    ...(principals === undefined
      ? {}
      : { Principal: Object.fromEntries(principals.map(({ type, identifiers }) => [type, identifiers])) }),
    ...(conditions === undefined
      ? {}
      : { Condition: Object.fromEntries(conditions.map((one) => [one.test, { [one.variable]: one.values }])) }),
  };
}

function defaults(type: string, name: string, inputs: Record<string, unknown>): Record<string, unknown> {
  const service = type.split(":")[1]?.split("/")[0] ?? "other";
  return { arn: `arn:aws:${service}:${REGION}:${ACCOUNT}:${(inputs["name"] as string | undefined) ?? name}`, name };
}

/** What AWS would add, where the stacks use it. */
function outputs(type: string, name: string, inputs: Record<string, unknown>): Record<string, unknown> {
  const called = String(inputs["name"] ?? name);
  switch (type) {
    case "aws:lambda/function:Function": {
      const arn = `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${called}`;
      return { arn, name: called, qualifiedArn: `${arn}:1`, version: "1", invokeArn: `arn:aws:apigateway:${arn}` };
    }
    case "aws:lambda/functionUrl:FunctionUrl":
      return { functionUrl: `https://${name.toLowerCase()}.lambda-url.${REGION}.on.aws/` };
    case "aws:sfn/stateMachine:StateMachine":
      return { arn: `arn:aws:states:${REGION}:${ACCOUNT}:stateMachine:${called}` };
    case "aws:dynamodb/table:Table":
      return { arn: `arn:aws:dynamodb:${REGION}:${ACCOUNT}:table/${called}` };
    case "aws:s3/bucket:Bucket": {
      const bucket = String(inputs["bucket"] ?? name.toLowerCase());
      return {
        bucket,
        arn: `arn:aws:s3:::${bucket}`,
        bucketRegionalDomainName: `${bucket}.s3.${REGION}.amazonaws.com`,
      };
    }
    case "aws:sqs/queue:Queue":
      return { url: `https://sqs.${REGION}.amazonaws.com/${ACCOUNT}/${called}` };
    case "aws:cloudwatch/logGroup:LogGroup":
      return { arn: `arn:aws:logs:${REGION}:${ACCOUNT}:log-group:${called}` };
    case "aws:cloudwatch/eventRule:EventRule":
      return { arn: `arn:aws:events:${REGION}:${ACCOUNT}:rule/${called}` };
    case "aws:cloudfront/distribution:Distribution":
      return { domainName: "synth.cloudfront.net", hostedZoneId: "Z2FDTNDATAQYW2", status: "Deployed" };
    default:
      return {};
  }
}

/** Without Pulumi's wrappers, and without the source text of SST's own providers. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  const record = value as Record<string, unknown>;
  if (record[SIGNATURE] === SECRET) return plain(record["value"]);
  if (record[SIGNATURE] !== undefined) return { asset: record["path"] ?? record["text"] ?? "archive" };
  return Object.fromEntries(
    Object.entries(record)
      .filter(([key]) => key !== "__provider")
      .map(([key, inner]) => [key, plain(inner)]),
  );
}
