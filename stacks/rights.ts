/** What each function may do: actions by name, on resources by name. */

import { executionArns, functionArn, logStreams, machineArn, taskHolders } from "./names.ts";
import type { Prefix, Worker } from "./plan.ts";
import type { Bucket, Table } from "./storage.ts";

export type Statement = { actions: string[]; resources: $util.Input<string>[] };

/** Objects a function reads and writes, by prefix; who writes reads too, and nobody deletes any. */
type Objects = { read?: readonly Prefix[]; write?: readonly Prefix[] };

const OBJECTS: Record<Worker, Objects> = {
  prepare: { read: ["runs", "manifests", "blobs"], write: ["runs"] },
  plan: { read: ["runs"], write: ["runs"] },
  dispatch: { read: ["runs", "batches", "blobs"], write: ["runs", "batches"] },
  collect: { read: ["runs", "batches", "blobs"], write: ["runs", "batches"] },
  pair: { read: ["runs"], write: ["runs"] },
  train: { read: ["runs"], write: ["runs"] },
  select: { read: ["runs"], write: ["runs"] },
  evaluate: { read: ["runs", "blobs"], write: ["runs"] },
  gate: { read: ["runs"], write: ["runs"] },
  ended: { read: ["runs", "blobs"], write: ["runs"] },
  sweep: { read: ["runs", "batches", "blobs"], write: ["runs"] }, // it also closes the books where the event was lost
  callback: {},
  api: {
    read: ["runs", "blobs", "manifests", "pilots", "uploads"],
    write: ["runs", "blobs", "manifests", "pilots", "uploads"], // it signs the URLs by which clients write to "uploads"
  },
};

/** Who hands a finished batch on. */
const CALLS_COLLECT: readonly Worker[] = ["callback", "sweep", "dispatch", "collect"];
/** Who holds task tokens and may tell a task's end. `callback` never sees one. */
const REPORTS_TASKS: readonly Worker[] = ["collect", "sweep", "dispatch", "train"];

function tableRights({ arn }: Table): Statement[] {
  const table = $interpolate`${arn}`;
  return [
    // BatchGetItem and transactions are allowed through the rights to the single actions where AWS has no own ones.
    { actions: ["dynamodb:GetItem", "dynamodb:BatchGetItem"], resources: [table] },
    { actions: ["dynamodb:Query"], resources: [table, $interpolate`${arn}/index/gsi1`] },
    {
      actions: [
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "dynamodb:DeleteItem",
        "dynamodb:BatchWriteItem",
        "dynamodb:ConditionCheckItem",
      ],
      resources: [table],
    },
  ];
}

function objectRights(worker: Worker, { arn }: Bucket): Statement[] {
  const { read = [], write = [] } = OBJECTS[worker];
  const below = (prefixes: readonly Prefix[]) => prefixes.map((prefix) => $interpolate`${arn}/${prefix}/*`);
  const statements: Statement[] = [];
  if (read.length > 0) {
    // The BlobStore asks before it writes `runs/a` whether there is an object `runs`, for it keeps no key that is a folder too.
    const folders = write.map((prefix) => $interpolate`${arn}/${prefix}`);
    statements.push({ actions: ["s3:GetObject"], resources: [...below(read), ...folders] });
    // Without it S3 answers 403 for an object that is not there, not 404; a condition on the prefix would bring that back.
    statements.push({ actions: ["s3:ListBucket"], resources: [arn] });
  }
  if (write.length > 0)
    statements.push({ actions: ["s3:PutObject", "s3:AbortMultipartUpload"], resources: below(write) });
  return statements;
}

/** What the orchestrator asks to tell how an execution stands. */
const LOOK = ["states:DescribeExecution", "states:GetExecutionHistory", "states:DescribeStateMachineForExecution"];

function machineRights(worker: Worker): Statement[] {
  if (worker === "api") {
    return [
      { actions: ["states:StartExecution"], resources: [machineArn()] },
      {
        actions: [...LOOK, "states:StopExecution", "states:RedriveExecution"],
        resources: executionArns(),
      },
    ];
  }
  // A run that ended badly, or was stopped while nobody looked, is stopped for good; a start that was cut off is made again.
  const look = { actions: [...LOOK, "states:StopExecution"], resources: executionArns() };
  if (worker === "ended") return [look];
  if (!REPORTS_TASKS.includes(worker)) return [];
  // AWS's list of actions names no resource for these three, but its refusals name the machine of the token, and a right to
  // that machine is enough (tried by the authors of AWS's CDK, whose grantTaskResponse gives the same).
  const report = {
    actions: ["states:SendTaskSuccess", "states:SendTaskFailure", "states:SendTaskHeartbeat"],
    resources: taskHolders(),
  };
  const start = { actions: ["states:StartExecution"], resources: [machineArn()] };
  return worker === "sweep" ? [report, look, start] : [report];
}

/** All rights of a function; `deadLetters` is the queue of what fails for good. */
export function rightsOf(
  worker: Worker,
  { table, bucket, deadLetters }: { table: Table; bucket: Bucket; deadLetters: $util.Output<string> | undefined },
): Statement[] {
  return [
    { actions: ["logs:CreateLogStream", "logs:PutLogEvents"], resources: [logStreams(worker)] },
    ...tableRights(table),
    ...objectRights(worker, bucket),
    ...machineRights(worker),
    ...(CALLS_COLLECT.includes(worker)
      ? [{ actions: ["lambda:InvokeFunction"], resources: [functionArn("collect")] }]
      : []),
    ...(deadLetters === undefined ? [] : [{ actions: ["sqs:SendMessage"], resources: [deadLetters] }]),
  ];
}
