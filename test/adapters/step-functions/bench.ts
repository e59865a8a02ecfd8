/** A machine of the interpreter behind Step Functions' protocol, and the deployed adapter in front of it. */
import { DatabaseSync } from "node:sqlite";
import { type OrchestratorParts, openOrchestrator } from "../../../functions/adapters/asl/orchestrator.ts";
import {
  openStepFunctionsClient,
  type StepFunctionsSettings,
} from "../../../functions/adapters/step-functions/client.ts";
import { stepFunctionsOrchestrator } from "../../../functions/adapters/step-functions/orchestrator.ts";
import { type FaultProxy, openFaultProxy } from "../../support/fault-proxy.ts";
import { openSfnServer, type SfnServer } from "../../support/sfn-server.ts";
import { virtualClock } from "../../support/virtual-clock.ts";
import { memoryObjects } from "../asl/bench.ts";

export const CREDENTIALS = { accessKeyId: "emulated", secretAccessKey: "emulated" };

export type SfnBench = {
  orchestrator: ReturnType<typeof stepFunctionsOrchestrator>;
  local: ReturnType<typeof openOrchestrator>;
  clock: ReturnType<typeof virtualClock>;
  server: SfnServer;
  proxy: FaultProxy;
  /** A new adapter, which remembers nothing. */
  fresh(settings?: Partial<StepFunctionsSettings>): ReturnType<typeof stepFunctionsOrchestrator>;
};

/** Gives the test a bench and takes it down afterwards. */
export async function withStepFunctions(
  parts: Pick<OrchestratorParts, "definition"> & Partial<OrchestratorParts>,
  check: (bench: SfnBench) => Promise<void>,
): Promise<void> {
  const clock = virtualClock(Date.parse("2026-11-23T00:00:00Z"));
  const objects = memoryObjects(new Map());
  const local = openOrchestrator({ database: new DatabaseSync(":memory:"), functions: {}, objects, clock, ...parts });
  const server = await openSfnServer({ orchestrator: local, definition: parts.definition });
  const proxy = await openFaultProxy(server.url);
  const clients: ReturnType<typeof openStepFunctionsClient>[] = [];
  const fresh: SfnBench["fresh"] = (settings) => {
    const client = openStepFunctionsClient({
      region: "us-east-1",
      endpoint: proxy.endpoint,
      credentials: CREDENTIALS,
      ...settings,
    });
    clients.push(client);
    return stepFunctionsOrchestrator({ client, machineArn: server.machineArn });
  };
  try {
    await check({ orchestrator: fresh(), local, clock, server, proxy, fresh });
  } finally {
    for (const client of clients) client.destroy();
    await proxy.stop();
    await server.close();
    await local.close();
  }
}
