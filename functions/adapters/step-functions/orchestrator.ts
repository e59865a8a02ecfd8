/** The Orchestrator of the cloud: a Standard state machine of AWS Step Functions. */
import {
  DescribeExecutionCommand,
  type DescribeExecutionOutput,
  RedriveExecutionCommand,
  SendTaskFailureCommand,
  SendTaskHeartbeatCommand,
  SendTaskSuccessCommand,
  type SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from "@aws-sdk/client-sfn";
import { canonicalJson } from "../../../shared/ids.ts";
import type { Execution, Json, Orchestrator, Redrive, TaskReport } from "../../../shared/ports/orchestrator.ts";
import { CurrentStates } from "./current-states.ts";
import { History } from "./history.ts";

export type StepFunctionsParts = {
  client: SFNClient;
  /** `arn:aws:states:<region>:<account>:stateMachine:<name>`, without version or alias. */
  machineArn: string;
};

/** Step Functions' limits: JSON of a payload in bytes, and texts in characters. */
const MAX_PAYLOAD_BYTES = 256 * 1024;
const MAX_ERROR = 256;
const MAX_CAUSE = 32_768;
const MAX_TOKEN = 2048;
const MAX_EVENTS = 1000;

/** Nobody waits for the token: reported before, timed out, its execution ended, or never given out. */
const NOT_WAITING = ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"];

const named = (error: unknown, ...names: string[]): boolean => names.includes((error as Error).name);

/** What is longer says how much is missing. */
function fitted(text: string, most: number): string {
  if (text.length <= most) return text;
  const note = ` [… ${text.length - most} characters and more left out]`;
  return text.slice(0, most - note.length).toWellFormed() + note;
}

function executionFrom(output: DescribeExecutionOutput, currentStates: string[]): Execution {
  const { executionArn = "", name = "", status = "RUNNING", startDate, stopDate, error, cause } = output;
  const failed = status !== "RUNNING" && status !== "SUCCEEDED";
  return {
    id: executionArn,
    name,
    // a redrive that waits for its turn is under way
    status: status === "PENDING_REDRIVE" ? "RUNNING" : status,
    input: JSON.parse(output.input ?? "null") as Json,
    currentStates,
    startedAt: startDate?.getTime() ?? 0,
    ...(stopDate === undefined || status === "PENDING_REDRIVE" ? {} : { stoppedAt: stopDate.getTime() }),
    ...(output.output === undefined ? {} : { output: JSON.parse(output.output) as Json }),
    ...(failed && status !== "PENDING_REDRIVE" ? { error: { error: error ?? "", cause: cause ?? "" } } : {}),
  };
}

function send(client: SFNClient, taskToken: string, report: TaskReport): Promise<unknown> {
  switch (report.kind) {
    case "success":
      return client.send(new SendTaskSuccessCommand({ taskToken, output: JSON.stringify(report.output) }));
    case "failure": {
      const texts = { error: fitted(report.error, MAX_ERROR), cause: fitted(report.cause ?? "", MAX_CAUSE) };
      return client.send(new SendTaskFailureCommand({ taskToken, ...texts }));
    }
    case "heartbeat":
      return client.send(new SendTaskHeartbeatCommand({ taskToken }));
  }
}

class StepFunctionsOrchestrator implements Orchestrator, Redrive {
  readonly #client: SFNClient;
  readonly #machineArn: string;
  readonly #history: History;
  readonly #currentStates: CurrentStates;

  constructor({ client, machineArn }: StepFunctionsParts) {
    if (!/^arn:[^:]+:states:[^:]+:\d+:stateMachine:[^:]+$/.test(machineArn))
      throw new RangeError(
        `machineArn is ${JSON.stringify(machineArn)}: give arn:aws:states:<region>:<account>:stateMachine:<name>`,
      );
    this.#client = client;
    this.#machineArn = machineArn;
    this.#history = new History(client);
    this.#currentStates = new CurrentStates(client);
  }

  /** Step Functions compares the input as text, so that it goes out in canonical form. */
  async start({ name, input }: { name: string; input: Json }) {
    const text = canonicalJson(input);
    if (Buffer.byteLength(text) > MAX_PAYLOAD_BYTES) {
      throw new RangeError(
        `the input of "${name}" has more than ${MAX_PAYLOAD_BYTES} bytes: put it into an object and pass its key`,
      );
    }
    const executionId = `${this.#machineArn.replace(":stateMachine:", ":execution:")}:${name}`;
    try {
      await this.#client.send(new StartExecutionCommand({ stateMachineArn: this.#machineArn, name, input: text }));
      return { outcome: "started" as const, executionId };
    } catch (error) {
      if (named(error, "ExecutionAlreadyExists")) return { outcome: "name_taken" as const, executionId };
      throw error;
    }
  }

  async #describe(executionArn: string): Promise<DescribeExecutionOutput | undefined> {
    try {
      return await this.#client.send(new DescribeExecutionCommand({ executionArn }));
    } catch (error) {
      if (named(error, "ExecutionDoesNotExist", "InvalidArn")) return undefined;
      throw error;
    }
  }

  async describe(executionId: string): Promise<Execution | undefined> {
    const output = await this.#describe(executionId);
    if (output === undefined) return undefined;
    return executionFrom(output, output.status === "RUNNING" ? await this.#currentStates.of(executionId) : []);
  }

  /** Step Functions accepts the stop of what has ended, too: only looking before and after tells who ended it. */
  async stop(executionId: string, reason: string) {
    const before = await this.#describe(executionId);
    if (before === undefined) return { outcome: "unknown_execution" as const };
    if (before.status !== "RUNNING" && before.status !== "PENDING_REDRIVE")
      return { outcome: "already_ended" as const };
    const cause = fitted(reason, MAX_CAUSE);
    await this.#client.send(new StopExecutionCommand({ executionArn: executionId, error: "Stopped", cause }));
    const after = await this.#describe(executionId);
    const ours = after?.status === "ABORTED" && after.cause === cause;
    return { outcome: ours ? ("stopped" as const) : ("already_ended" as const) };
  }

  async history(executionId: string, { after, limit }: { after: number; limit: number }) {
    try {
      return await this.#history.read(executionId, { after, limit: Math.min(limit, MAX_EVENTS) });
    } catch (error) {
      if (named(error, "ExecutionDoesNotExist", "InvalidArn")) return [];
      throw error;
    }
  }

  /** A report whose reply was lost is sent again and may then be told `not_waiting`, though it was the one that counted. */
  async complete(...[token, report]: Parameters<Orchestrator["complete"]>) {
    if (token === "" || token.length > MAX_TOKEN) return { outcome: "not_waiting" as const };
    if (report.kind === "success" && Buffer.byteLength(JSON.stringify(report.output)) > MAX_PAYLOAD_BYTES)
      return { outcome: "too_large" as const };
    try {
      await send(this.#client, token, report);
      return { outcome: "accepted" as const };
    } catch (error) {
      if (named(error, ...NOT_WAITING)) return { outcome: "not_waiting" as const };
      throw error;
    }
  }

  /** Repeated requests are one redrive: the SDK sends a client token with them. */
  async redrive(executionId: string) {
    try {
      await this.#client.send(new RedriveExecutionCommand({ executionArn: executionId }));
      return { outcome: "redriven" as const };
    } catch (error) {
      if (named(error, "ExecutionDoesNotExist", "InvalidArn")) return { outcome: "unknown_execution" as const };
      if (named(error, "ExecutionNotRedrivable"))
        return { outcome: "not_redrivable" as const, reason: (error as Error).message };
      throw error;
    }
  }
}

/** Rights: StartExecution, DescribeExecution, DescribeStateMachineForExecution, StopExecution, GetExecutionHistory, SendTask*, RedriveExecution. */
export function stepFunctionsOrchestrator(parts: StepFunctionsParts): Orchestrator & Redrive {
  return new StepFunctionsOrchestrator(parts);
}
