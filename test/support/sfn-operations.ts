/** The operations of Step Functions' API that the project uses, each by its rules in AWS's API reference (2026-11). */
import type { LocalOrchestrator } from "../../functions/adapters/asl/orchestrator.ts";
import type { Execution, HistoryEvent, Json, TaskReport } from "../../shared/ports/orchestrator.ts";

export type World = {
  orchestrator: LocalOrchestrator;
  definition: unknown;
  machineArn: string;
  /** Ids of executions started here, oldest first. */
  started: string[];
  /** Page tokens of earlier generations are expired. */
  generation: number;
};

type Fields = { [field: string]: Json };
type Operation = (world: World, fields: Fields) => Promise<Fields>;

/** An error with the name the API gives it. */
export class SfnFault extends Error {
  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}

const MAX_BYTES = 256 * 1024;
const seconds = (ms: number) => ms / 1000;
const text = (fields: Fields, field: string): string => {
  const value = fields[field];
  if (typeof value === "string") return value;
  throw new SfnFault("ValidationException", `1 validation error detected: Value null at '${field}' must not be null`);
};

/** Payloads count in bytes of UTF-8, texts in characters. */
function checkLength(value: string, field: string, most: number): string {
  const length = most === MAX_BYTES ? Buffer.byteLength(value) : [...value].length;
  if (length <= most) return value;
  throw new SfnFault(
    "ValidationException",
    `1 validation error detected: Value at '${field}' must have length less than or equal to ${most}`,
  );
}

function json(value: string, fault: string): Json {
  try {
    return JSON.parse(value);
  } catch {
    throw new SfnFault(fault, `Invalid JSON: '${value.slice(0, 100)}'`);
  }
}

/** `arn:…:execution:<machine>:<name>` belongs to the execution `<machine>:<name>` of the interpreter. */
export function idOf(executionArn: string): string {
  const [, id] = executionArn.split(":execution:");
  if (id === undefined || !/^[^:]+:[^:]+$/.test(id))
    throw new SfnFault("InvalidArn", `Invalid Arn: 'Invalid ARN prefix: ${executionArn}'`);
  return id;
}

export function executionArnOf({ machineArn }: World, id: string): string {
  return `${machineArn.replace(":stateMachine:", ":execution:")}:${id.slice(id.indexOf(":") + 1)}`;
}

async function known(world: World, fields: Fields): Promise<Execution> {
  const executionArn = text(fields, "executionArn");
  const execution = await world.orchestrator.describe(idOf(executionArn));
  if (execution !== undefined) return execution;
  throw new SfnFault("ExecutionDoesNotExist", `Execution Does Not Exist: '${executionArn}'`);
}

async function startExecution(world: World, fields: Fields): Promise<Fields> {
  if (text(fields, "stateMachineArn") !== world.machineArn)
    throw new SfnFault("StateMachineDoesNotExist", `State Machine Does Not Exist: '${fields["stateMachineArn"]}'`);
  const name = text(fields, "name");
  if (!/^[^\s<>{}[\]?*"#%\\^|~`$&,;:/]{1,80}$/.test(name)) throw new SfnFault("InvalidName", `Invalid Name: '${name}'`);
  const input = json(checkLength(String(fields["input"] ?? "{}"), "input", MAX_BYTES), "InvalidExecutionInput");
  const { outcome, executionId } = await world.orchestrator.start({ name, input });
  const executionArn = executionArnOf(world, executionId);
  if (outcome === "name_taken")
    throw new SfnFault("ExecutionAlreadyExists", `Execution Already Exists: '${executionArn}'`);
  if (!world.started.includes(executionId)) world.started.push(executionId);
  const execution = await world.orchestrator.describe(executionId);
  return { executionArn, startDate: seconds(execution!.startedAt) };
}

function summary(world: World, { id, name, status, startedAt, stoppedAt }: Execution): Fields {
  return {
    executionArn: executionArnOf(world, id),
    stateMachineArn: world.machineArn,
    name,
    status,
    startDate: seconds(startedAt),
    ...(stoppedAt === undefined ? {} : { stopDate: seconds(stoppedAt) }),
  };
}

async function describeExecution(world: World, fields: Fields): Promise<Fields> {
  const execution = await known(world, fields);
  return {
    ...summary(world, execution),
    input: JSON.stringify(execution.input),
    ...(execution.output === undefined ? {} : { output: JSON.stringify(execution.output) }),
    ...execution.error,
  };
}

/** Newest first, as Step Functions lists them. */
async function listExecutions(world: World, fields: Fields): Promise<Fields> {
  const all = await Promise.all(world.started.toReversed().map((id) => world.orchestrator.describe(id)));
  const wanted = all.filter((execution) => execution !== undefined);
  const { statusFilter } = fields;
  const chosen = wanted.filter(({ status }) => statusFilter === undefined || status === statusFilter);
  return { executions: chosen.slice(0, Number(fields["maxResults"] ?? 100)).map((one) => summary(world, one)) };
}

/** Step Functions answers the stop of an ended execution as if it had stopped it. */
async function stopExecution(world: World, fields: Fields): Promise<Fields> {
  const { id } = await known(world, fields);
  await world.orchestrator.stop(id, String(fields["cause"] ?? ""));
  return { stopDate: seconds((await world.orchestrator.describe(id))!.stoppedAt!) };
}

async function redriveExecution(world: World, fields: Fields): Promise<Fields> {
  const { id } = await known(world, fields);
  const redriven = await world.orchestrator.redrive(id);
  if (redriven.outcome === "not_redrivable") throw new SfnFault("ExecutionNotRedrivable", redriven.reason);
  const events = await allEvents(world, id);
  return { redriveDate: seconds(events.findLast(({ type }) => type === "ExecutionRedriven")!.at) };
}

async function allEvents({ orchestrator }: World, id: string): Promise<HistoryEvent[]> {
  const all: HistoryEvent[] = [];
  for (;;) {
    const page = await orchestrator.history(id, { after: all.length, limit: 1000 });
    all.push(...page);
    if (page.length < 1000) return all;
  }
}

/** What the API tells of an event by its type. */
const DETAILS: { of: RegExp; tell: (event: HistoryEvent, details: Fields) => Fields | undefined }[] = [
  { of: /^MapStateStarted$/, tell: (_, { items = 0 }) => ({ length: items }) },
  { of: /^MapIteration/, tell: ({ state = "" }, { index = 0 }) => ({ name: state, index }) },
  { of: /^Execution(Failed|Aborted|TimedOut)$/, tell: (_, { error = "", cause = "" }) => ({ error, cause }) },
  { of: /^ExecutionSucceeded$/, tell: (_, { output = null }) => ({ output: JSON.stringify(output) }) },
  {
    of: /^Task(Failed|TimedOut)$/,
    tell: (_, { error = "", cause = "" }) => ({ resourceType: "lambda", resource: "invoke", error, cause }),
  },
];

function detailFields(event: HistoryEvent): Fields {
  const { type, state = "", details } = event;
  if (type.endsWith("StateEntered")) return { stateEnteredEventDetails: { name: state } };
  if (type.endsWith("StateExited")) return { stateExitedEventDetails: { name: state } };
  const told = DETAILS.find(({ of }) => of.test(type))?.tell(event, (details ?? {}) as Fields);
  return told === undefined ? {} : { [`${type[0]!.toLowerCase()}${type.slice(1)}EventDetails`]: told };
}

function toApi(events: readonly HistoryEvent[]): Fields[] {
  const newest = new Map<string, number>();
  return events.map((event) => {
    const { id, at, type, state } = event;
    const sameState = state === undefined || type.endsWith("StateEntered") ? undefined : newest.get(state);
    if (state !== undefined) newest.set(state, id);
    return { id, timestamp: seconds(at), type, previousEventId: sameState ?? id - 1, ...detailFields(event) };
  });
}

function placeOf({ generation }: World, nextToken: Json | undefined): number {
  if (nextToken === undefined) return 0;
  const [of, at] = Buffer.from(String(nextToken), "base64url").toString().split(":");
  if (of === String(generation)) return Number(at);
  throw new SfnFault("InvalidToken", "Invalid Token: 'Invalid token'");
}

async function getExecutionHistory(world: World, fields: Fields): Promise<Fields> {
  const { id } = await known(world, fields);
  const size = Math.min(Number(fields["maxResults"] ?? 100) || 100, 1000);
  const from = placeOf(world, fields["nextToken"]);
  const events = toApi(await allEvents(world, id));
  if (fields["reverseOrder"] === true) events.reverse();
  const more = from + size < events.length;
  const nextToken = Buffer.from(`${world.generation}:${from + size}`).toString("base64url");
  return { events: events.slice(from, from + size), ...(more ? { nextToken } : {}) };
}

async function machineOf(world: World, fields: Fields): Promise<Fields> {
  await known(world, fields);
  const name = world.machineArn.split(":").at(-1)!;
  const definition = JSON.stringify(world.definition);
  return { stateMachineArn: world.machineArn, name, definition, roleArn: "arn:aws:iam::123456789012:role/loop" };
}

const report =
  (make: (fields: Fields) => TaskReport): Operation =>
  async ({ orchestrator }, fields) => {
    const { outcome } = await orchestrator.complete(text(fields, "taskToken"), make(fields));
    if (outcome === "not_waiting")
      throw new SfnFault("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'");
    return {};
  };

export const operations: Readonly<Record<string, Operation>> = {
  StartExecution: startExecution,
  DescribeExecution: describeExecution,
  ListExecutions: listExecutions,
  StopExecution: stopExecution,
  RedriveExecution: redriveExecution,
  GetExecutionHistory: getExecutionHistory,
  DescribeStateMachineForExecution: machineOf,
  SendTaskSuccess: report((fields) => ({
    kind: "success",
    output: json(checkLength(text(fields, "output"), "output", MAX_BYTES), "InvalidOutput"),
  })),
  SendTaskFailure: report((fields) => ({
    kind: "failure",
    error: checkLength(String(fields["error"] ?? ""), "error", 256),
    cause: checkLength(String(fields["cause"] ?? ""), "cause", 32_768),
  })),
  SendTaskHeartbeat: report(() => ({ kind: "heartbeat" })),
};
