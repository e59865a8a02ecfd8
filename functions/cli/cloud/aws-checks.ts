/** What must be right at AWS: the table, the bucket, the state machine. One answer of AWS each, and what to do otherwise. */
import {
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  type DynamoDBClient,
  type KeySchemaElement,
  type TableDescription,
} from "@aws-sdk/client-dynamodb";
import { GetPublicAccessBlockCommand, HeadBucketCommand, type S3Client } from "@aws-sdk/client-s3";
import { DescribeStateMachineCommand, type SFNClient } from "@aws-sdk/client-sfn";
import type { Check } from "../doctor-checks.ts";
import { answered, asError, textOf, unnamed } from "./check.ts";
import { definitionDifference } from "./definition.ts";
import type { CloudSettings } from "./settings.ts";

export type AwsClients = { dynamo: DynamoDBClient; s3: S3Client; sfn: SFNClient };

const DEPLOY = 'deploy with "npx sst deploy --stage STAGE"';
/** Errors of AWS and of its SDK that mean the caller, not the thing asked for. */
const CREDENTIAL_FAULTS =
  /^(CredentialsProviderError|UnrecognizedClientException|InvalidSignatureException|ExpiredTokenException|InvalidClientTokenId|MissingAuthenticationTokenException|IncompleteSignature)$/;

/** Checks of the parts that `settings` names. Without credentials nothing else is asked. */
export async function awsChecks(settings: CloudSettings, clients: AwsClients): Promise<Check[]> {
  const table = settings.RLAIFV_TABLE;
  if (table === undefined) return [unnamed("table", "RLAIFV_TABLE"), ...(await storeChecks(settings, clients))];
  const described = await clients.dynamo.send(new DescribeTableCommand({ TableName: table })).catch(asError);
  if (described instanceof Error && isCredentialFault(described)) return [credentials(described)];
  return [
    credentials(undefined),
    ...(described instanceof Error
      ? [{ ok: false, what: "table", found: textOf(described), fix: `check RLAIFV_TABLE, or ${DEPLOY}` }]
      : tableChecks(described.Table ?? {})),
    await timeToLive(table, clients),
    ...(await storeChecks(settings, clients)),
  ];
}

async function storeChecks(settings: CloudSettings, clients: AwsClients): Promise<Check[]> {
  const { RLAIFV_BUCKET: bucket, RLAIFV_MACHINE_ARN: machine } = settings;
  return [
    ...(bucket === undefined ? [unnamed("bucket", "RLAIFV_BUCKET")] : await bucketChecks(bucket, clients)),
    machine === undefined || bucket === undefined
      ? unnamed("state machine", machine === undefined ? "RLAIFV_MACHINE_ARN" : "RLAIFV_BUCKET")
      : await machineCheck({ machine, bucket }, clients),
  ];
}

function credentials(fault: Error | undefined): Check {
  return {
    ok: fault === undefined,
    what: "AWS credentials",
    found: fault === undefined ? "accepted" : textOf(fault),
    fix: 'sign in ("aws sso login") or set AWS_PROFILE and AWS_REGION; table, bucket and machine are looked at then',
  };
}

function isCredentialFault(error: Error): boolean {
  return CREDENTIAL_FAULTS.test(error.name) || /region is missing/i.test(error.message);
}

function tableChecks({ TableStatus, KeySchema, GlobalSecondaryIndexes = [], TableName }: TableDescription): Check[] {
  const index = GlobalSecondaryIndexes.find(({ IndexName }) => IndexName === "gsi1");
  const keys = keysOf(KeySchema);
  const indexKeys = index === undefined ? "missing" : `${index.IndexStatus}, keys ${keysOf(index.KeySchema)}`;
  return [
    {
      ok: TableStatus === "ACTIVE" && keys === "pk, sk",
      what: "table",
      found: `${TableName} is ${TableStatus}, keys ${keys}`,
      fix: `it must be ACTIVE with the keys pk, sk: wait, or ${DEPLOY}`,
    },
    {
      ok: indexKeys === "ACTIVE, keys gsi1pk, gsi1sk",
      what: "table's index gsi1",
      found: indexKeys,
      fix: `it must be ACTIVE with the keys gsi1pk, gsi1sk: wait while AWS fills it, or ${DEPLOY}`,
    },
  ];
}

const keysOf = (schema: KeySchemaElement[] = []): string => schema.map(({ AttributeName }) => AttributeName).join(", ");

function timeToLive(table: string, { dynamo }: AwsClients): Promise<Check> {
  return answered("table's expiry", `rows would never expire: ${DEPLOY}`, async () => {
    const { TimeToLiveDescription } = await dynamo.send(new DescribeTimeToLiveCommand({ TableName: table }));
    const { TimeToLiveStatus = "DISABLED", AttributeName = "no attribute" } = TimeToLiveDescription ?? {};
    const ok = /^(ENABLED|ENABLING)$/.test(TimeToLiveStatus) && AttributeName === "ttl";
    return { ok, found: `${TimeToLiveStatus} on ${AttributeName}` };
  });
}

async function bucketChecks(bucket: string, { s3 }: AwsClients): Promise<Check[]> {
  const found = await answered("bucket", `check RLAIFV_BUCKET and the rights of your role, or ${DEPLOY}`, async () => {
    await s3.send(new HeadBucketCommand({ Bucket: bucket }));
    return { ok: true, found: `${bucket} can be reached` };
  });
  if (!found.ok) return [found];
  const blocked = await answered("bucket's privacy", `block all public access of ${bucket}: ${DEPLOY}`, async () => {
    const answer = await s3.send(new GetPublicAccessBlockCommand({ Bucket: bucket }));
    const { BlockPublicAcls, IgnorePublicAcls, BlockPublicPolicy, RestrictPublicBuckets } =
      answer.PublicAccessBlockConfiguration ?? {};
    const switches = { BlockPublicAcls, IgnorePublicAcls, BlockPublicPolicy, RestrictPublicBuckets };
    const off = Object.entries(switches).flatMap(([name, on]) => (on === true ? [] : [name]));
    return { ok: off.length === 0, found: off.length === 0 ? "all public access is blocked" : `${off.join(", ")} off` };
  });
  return [found, blocked];
}

function machineCheck(names: { machine: string; bucket: string }, { sfn }: AwsClients): Promise<Check> {
  return answered("state machine", `check RLAIFV_MACHINE_ARN, or ${DEPLOY}`, async () => {
    const answer = await sfn.send(new DescribeStateMachineCommand({ stateMachineArn: names.machine }));
    if (answer.status !== "ACTIVE" || answer.type !== "STANDARD")
      return { ok: false, found: `${answer.name} is ${answer.status} and ${answer.type}, not ACTIVE and STANDARD` };
    const at = definitionDifference(answer.definition ?? "null", names.bucket);
    if (at === undefined) return { ok: true, found: `${answer.name} is the loop of this version` };
    return { ok: false, found: `${answer.name} is another version's: its definition differs at ${at || "its top"}` };
  });
}
