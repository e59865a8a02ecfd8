/** One Lambda function a worker: numbers from plan.ts, rights from rights.ts, secrets from secrets.ts. */
import { machineArn, nameOf, titleOf } from "./names.ts";
import type { Worker, WorkerPlan } from "./plan.ts";
import { ASYNC_MAX_AGE_SECONDS, ASYNC_RETRIES, DEAD_LETTER_DAYS, LOG_RETENTION, RUNTIME, WORKERS } from "./plan.ts";
import { rightsOf } from "./rights.ts";
import { ASKS_MODAL, type Secrets, secretsOf } from "./secrets.ts";
import type { Settings } from "./settings.ts";
import type { Bucket, Table } from "./storage.ts";

export type Base = {
  table: Table;
  bucket: Bucket;
  secrets: Secrets;
  settings: Settings;
  deadLetters: aws.sqs.Queue;
};
type Environment = Record<string, $util.Input<string>>;
/** What only one function has. */
type Special = Pick<sst.aws.FunctionArgs, "url" | "streaming" | "copyFiles"> & { environment?: Environment };

/** Calls and events that failed for good, of all functions; each message says which. */
export function deadLetterQueue(): aws.sqs.Queue {
  return new aws.sqs.Queue("DeadLetters", {
    name: nameOf("dead-letters"),
    sqsManagedSseEnabled: true,
    messageRetentionSeconds: DEAD_LETTER_DAYS * 24 * 3600,
  });
}

const NEEDS_MACHINE: readonly Worker[] = ["api", "ended", "sweep", "callback", "collect"];
const NEEDS_COLLECT: readonly Worker[] = ["callback", "sweep", "dispatch", "collect"];
const NEEDS_CALLBACK: readonly Worker[] = ["dispatch", "train", "collect"];

/** What `functions/runtime/aws-config.ts` reads. */
function environmentOf(worker: Worker, base: Base, callbackUrl: $util.Output<string> | undefined): Environment {
  const { table, bucket, settings } = base;
  return {
    RLAIFV_TABLE: table.name,
    RLAIFV_BUCKET: bucket.name,
    ...(NEEDS_MACHINE.includes(worker) ? { RLAIFV_MACHINE_ARN: machineArn() } : {}),
    ...(NEEDS_COLLECT.includes(worker) ? { RLAIFV_COLLECT: nameOf("collect") } : {}),
    ...(NEEDS_CALLBACK.includes(worker) && callbackUrl !== undefined ? { RLAIFV_CALLBACK_URL: callbackUrl } : {}),
    ...(ASKS_MODAL.includes(worker)
      ? { RLAIFV_MODAL_APP: settings.RLAIFV_MODAL_APP, RLAIFV_MODAL_ENVIRONMENT: settings.RLAIFV_MODAL_ENVIRONMENT }
      : {}),
  };
}

/** `callbackUrl`: where GPU functions report; whoever begins their work hands it on. */
export function workerFunction(
  worker: Worker,
  base: Base,
  callbackUrl: $util.Output<string> | undefined,
  { environment = {}, ...special }: Special = {},
): sst.aws.Function {
  const plan: WorkerPlan = WORKERS[worker];
  const deadLetters = plan.asynchronous ? base.deadLetters.arn : undefined;
  return new sst.aws.Function(titleOf(worker), {
    ...special,
    ...RUNTIME,
    name: nameOf(worker),
    handler: `functions/runtime/lambda/${worker}.handler`,
    timeout: `${plan.timeoutSeconds} seconds`,
    memory: `${plan.memoryMb} MB`,
    ...(plan.reservedConcurrency === undefined ? {} : { concurrency: { reserved: plan.reservedConcurrency } }),
    ...(ASYNC_RETRIES[worker] === undefined ? {} : { retries: ASYNC_RETRIES[worker] }),
    logging: { retention: LOG_RETENTION.name, format: "json" },
    nodejs: { minify: true, install: [...plan.native] }, // in the version of package.json
    link: secretsOf(worker).map((name) => base.secrets[name]),
    environment: { ...environmentOf(worker, base, callbackUrl), ...environment },
    permissions: rightsOf(worker, { ...base, deadLetters }),
    transform: {
      role: (role) => {
        role.managedPolicyArns = []; // AWS's own lets a function write to every log group of the account
        // SST 4.17.1 always gives the role of its live mode, which the whole account may assume.
        role.assumeRolePolicy = aws.iam.assumeRolePolicyForPrincipal({ Service: "lambda.amazonaws.com" });
        return undefined;
      },
      eventInvokeConfig: (config) => {
        config.maximumEventAgeInSeconds = ASYNC_MAX_AGE_SECONDS;
        config.destinationConfig = { onFailure: { destination: base.deadLetters.arn } };
        return undefined;
      },
    },
  });
}

export type Workers = Record<Exclude<Worker, "api">, sst.aws.Function>;

/** All functions but the API's, which comes with the router. `callback` is first: others are told its address. */
export function workers(base: Base): Workers {
  // Public on purpose: GPU functions outside AWS report here, each report signed with the callback secret.
  const callback = workerFunction("callback", base, undefined, { url: { authorization: "none", cors: false } });
  const names = Object.keys(WORKERS) as Worker[];
  const others = names
    .filter((name) => name !== "callback" && name !== "api")
    .map((name) => [name, workerFunction(name, base, callback.url)] as const);
  return { ...Object.fromEntries(others), callback } as Workers;
}
