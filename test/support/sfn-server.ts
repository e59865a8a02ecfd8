/** Step Functions' protocol (AWS JSON 1.0) in front of an orchestrator of this process, so that the real SDK can drive it. */
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { LocalOrchestrator } from "../../functions/adapters/asl/orchestrator.ts";
import type { Json } from "../../shared/ports/orchestrator.ts";
import { executionArnOf, operations, SfnFault, type World } from "./sfn-operations.ts";

export const MACHINE_ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:loop";

export type SfnServer = {
  url: string;
  machineArn: string;
  /** The ARN of an execution by its name. */
  executionArn(name: string): string;
  /** What has been asked, by the name of the operation. */
  asked: string[];
  /** Page tokens given out before are expired from now on. */
  expireTokens(): void;
  close(): Promise<void>;
};

export type SfnServerParts = {
  /** Of the machine's name in `machineArn`: "loop" if nothing else is said. */
  orchestrator: LocalOrchestrator;
  /** The definition the orchestrator runs. */
  definition: unknown;
  machineArn?: string;
};

async function bodyOf(request: IncomingMessage): Promise<{ [field: string]: Json }> {
  let text = "";
  for await (const piece of request) text += piece;
  return JSON.parse(text || "{}");
}

async function answer(world: World, operation: string, body: { [field: string]: Json }) {
  const perform = operations[operation];
  try {
    if (perform === undefined) throw new SfnFault("UnknownOperationException", `no operation "${operation}" here`);
    return { status: 200, body: await perform(world, body) };
  } catch (error) {
    const fault = error instanceof SfnFault ? error : new SfnFault("InternalServerError", String(error));
    const status = error instanceof SfnFault ? 400 : 500;
    return { status, body: { __type: `com.amazonaws.swf.service.v2.model#${fault.name}`, message: fault.message } };
  }
}

export async function openSfnServer(parts: SfnServerParts): Promise<SfnServer> {
  const { orchestrator, definition, machineArn = MACHINE_ARN } = parts;
  const world: World = { orchestrator, definition, machineArn, started: [], generation: 0 };
  const asked: string[] = [];
  const server = createServer(async (request, reply) => {
    const operation = String(request.headers["x-amz-target"]).replace(/^AWSStepFunctions\./, "");
    asked.push(operation);
    const { status, body } = await answer(world, operation, await bodyOf(request));
    reply.writeHead(status, { "content-type": "application/x-amz-json-1.0" }).end(JSON.stringify(body));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    machineArn,
    executionArn: (name) => executionArnOf(world, `loop:${name}`),
    asked,
    expireTokens: () => {
      world.generation += 1;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
