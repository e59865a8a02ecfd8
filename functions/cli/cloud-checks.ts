/** What must be right before a run in the cloud, one line each. Values of secrets never stand in what is found. */
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { S3Client } from "@aws-sdk/client-s3";
import { SFNClient } from "@aws-sdk/client-sfn";
import { z } from "zod";
import type { RunConfig } from "../../shared/schemas/config.ts";
import { type AwsClients, awsChecks } from "./cloud/aws-checks.ts";
import { answered, unnamed } from "./cloud/check.ts";
import { gpuHint, modalChecks } from "./cloud/modal-checks.ts";
import { type CloudSecrets, type CloudSettings, cloudSecrets, cloudSettings } from "./cloud/settings.ts";
import type { Check } from "./doctor-checks.ts";

export type CloudChecksOptions = {
  /** Of `sst shell --stage STAGE`, which links the secrets, or of a terminal. */
  env: Readonly<Record<string, string | undefined>>;
  config?: RunConfig | undefined;
  /** By default those of the environment's region and profile. */
  clients?: AwsClients;
};

const Health = z.object({ status: z.literal("ok"), version: z.string() });
/** Our choice: a Lambda that starts cold answers within this time. */
const HEALTH_MS = 10_000;
/** Bytes of a key of Standard Webhooks. */
const KEY_BYTES = { least: 24, most: 64 };

export async function cloudChecks({ env, config, clients = defaultClients() }: CloudChecksOptions): Promise<Check[]> {
  const { settings, problems } = cloudSettings(env);
  const secrets = cloudSecrets(env);
  const [aws, service, modal] = await Promise.all([
    awsChecks(settings, clients),
    serviceCheck(settings),
    modalChecks({ settings, secrets, serverUrl: env["MODAL_SERVER_URL"] }),
  ]);
  return [environmentCheck(problems), callbackSecretCheck(secrets), ...aws, service, ...modal, gpuHint(config)];
}

function defaultClients(): AwsClients {
  return { dynamo: new DynamoDBClient({}), s3: new S3Client({}), sfn: new SFNClient({}) };
}

function environmentCheck(problems: string[]): Check {
  return {
    ok: problems.length === 0,
    what: "environment",
    found: problems.length === 0 ? "every variable is there and well formed" : problems.join("; "),
    fix: 'run it in "npx sst shell --stage STAGE", or set these variables to what "sst deploy" printed',
  };
}

function callbackSecretCheck({ callbackSecret }: CloudSecrets): Check {
  const fix = 'sst secret set CallbackSecret "whsec_$(openssl rand -base64 32)", and the same in Modal\'s secret';
  const found = secretFault(callbackSecret);
  return { ok: found === undefined, what: "callback secret", found: found ?? "well formed", fix };
}

function secretFault(secret: string | undefined): string | undefined {
  if (secret === undefined) return "CallbackSecret is missing";
  const [, key] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret) ?? [];
  if (key === undefined) return "CallbackSecret is not whsec_<base64>";
  const { length } = Buffer.from(key, "base64");
  if (length >= KEY_BYTES.least && length <= KEY_BYTES.most) return undefined;
  return `CallbackSecret's key has ${length} bytes, not ${KEY_BYTES.least} to ${KEY_BYTES.most}`;
}

function serviceCheck({ RLAIFV_SERVER: server }: CloudSettings): Promise<Check> | Check {
  if (server === undefined) return unnamed("service", "RLAIFV_SERVER");
  return answered("service", 'check RLAIFV_SERVER; "npx sst deploy" prints the address of the API', async () => {
    const url = new URL("/healthz", server);
    const answer = await fetch(url, { signal: AbortSignal.timeout(HEALTH_MS) });
    if (answer.status !== 200) return { ok: false, found: `${url} answers ${answer.status}` };
    const { version } = Health.parse(await answer.json());
    return { ok: true, found: `${url.origin} is up, version ${version}` };
  });
}
