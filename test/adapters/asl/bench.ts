/** A small bench on which tests run state machines: memory, virtual time, and the two lines every one needs. */
import { DatabaseSync } from "node:sqlite";
import {
  type LocalOrchestrator,
  type OrchestratorParts,
  openOrchestrator,
} from "../../../functions/adapters/asl/orchestrator.ts";
import type { Execution, Json } from "../../../shared/ports/orchestrator.ts";
import { virtualClock } from "../../support/virtual-clock.ts";

export type Objects = Map<string, string>;

export function memoryObjects(objects: Objects): OrchestratorParts["objects"] {
  return {
    readObject: async ({ bucket, key }) => {
      const content = objects.get(`${bucket}/${key}`);
      if (content === undefined) throw new Error("no such key");
      return content;
    },
    writeObject: async ({ bucket, key }, content) => {
      objects.set(`${bucket}/${key}`, content);
    },
  };
}

export type BenchParts = Partial<OrchestratorParts> & { objectsMap?: Objects };

/** `settled` lets virtual time run until the execution has ended. */
export function bench(states: { [name: string]: Json }, { objectsMap = new Map(), ...parts }: BenchParts = {}) {
  const clock = virtualClock(Date.parse("2026-11-23T00:00:00Z"));
  const startAt = Object.keys(states)[0]!;
  const opened = openOrchestrator({
    database: new DatabaseSync(":memory:"),
    definition: { QueryLanguage: "JSONata", StartAt: startAt, States: states },
    functions: {},
    objects: memoryObjects(objectsMap),
    clock,
    random: () => 0.5,
    ...parts,
  });
  const orchestrator: LocalOrchestrator = {
    start: (run) => opened.start(run),
    describe: (id) => opened.describe(id),
    stop: (id, reason) => opened.stop(id, reason),
    history: (id, page) => opened.history(id, page),
    complete: (token, report) => opened.complete(token, report),
    redrive: (id) => opened.redrive(id),
    resume: () => opened.resume(),
    settled: (id) => clock.run(opened.settled(id)),
    close: () => opened.close(),
  };
  return { clock, orchestrator, objects: objectsMap };
}

/** The ended execution of a machine whose first state is the first one named. */
export async function ending(
  states: { [name: string]: Json },
  input: Json = {},
  parts: BenchParts = {},
): Promise<Execution> {
  const { orchestrator } = bench(states, parts);
  const { executionId } = await orchestrator.start({ name: "run", input });
  return orchestrator.settled(executionId);
}

/** What the machine gives, or the name of the error it fails with. */
export async function result(
  states: { [name: string]: Json },
  input: Json = {},
  parts: BenchParts = {},
): Promise<Json> {
  const execution = await ending(states, input, parts);
  return execution.status === "SUCCEEDED" ? execution.output! : `${execution.status} ${execution.error?.error}`;
}

export const invoke = (name: string, payload: Json = "{% $states.input %}"): { [field: string]: Json } => ({
  Type: "Task",
  Resource: "arn:aws:states:::lambda:invoke",
  Arguments: { FunctionName: name, Payload: payload },
  Output: "{% $states.result.Payload %}",
});

export const invokeAndWait = (name: string): { [field: string]: Json } => ({
  Type: "Task",
  Resource: "arn:aws:states:::lambda:invoke.waitForTaskToken",
  Arguments: {
    FunctionName: name,
    Payload: { input: "{% $states.input %}", token: "{% $states.context.Task.Token %}" },
  },
});

export class NamedError extends Error {
  constructor(name: string, message = "") {
    super(message);
    this.name = name;
  }
}
