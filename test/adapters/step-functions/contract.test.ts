/** The SDK's own client in front of Step Functions' protocol, in front of the interpreter. */
import { DatabaseSync } from "node:sqlite";
import { setTimeout as pause } from "node:timers/promises";
import { openOrchestrator } from "../../../functions/adapters/asl/orchestrator.ts";
import { openStepFunctionsClient } from "../../../functions/adapters/step-functions/client.ts";
import { stepFunctionsOrchestrator } from "../../../functions/adapters/step-functions/orchestrator.ts";
import type { Execution } from "../../../shared/ports/orchestrator.ts";
import { contractDefinition, orchestratorContract } from "../../contract/orchestrator.ts";
import { heldTokens } from "../../support/held-tokens.ts";
import { openSfnServer } from "../../support/sfn-server.ts";
import { virtualClock } from "../../support/virtual-clock.ts";
import { memoryObjects } from "../asl/bench.ts";

orchestratorContract("Step Functions", async () => {
  const { hold, tokenOf } = heldTokens();
  const definition = contractDefinition("hold");
  const local = openOrchestrator({
    database: new DatabaseSync(":memory:"),
    definition,
    functions: { hold },
    objects: memoryObjects(new Map()),
    clock: virtualClock(Date.parse("2026-11-23T00:00:00Z")),
  });
  const server = await openSfnServer({ orchestrator: local, definition });
  const credentials = { accessKeyId: "emulated", secretAccessKey: "emulated" };
  const client = openStepFunctionsClient({ region: "us-east-1", endpoint: server.url, credentials });
  const orchestrator = stepFunctionsOrchestrator({ client, machineArn: server.machineArn });

  async function ended(executionId: string): Promise<Execution> {
    for (;;) {
      const execution = await orchestrator.describe(executionId);
      if (execution?.status !== "RUNNING") return execution!;
      await pause(5);
    }
  }
  return {
    orchestrator,
    tokenOf,
    ended,
    close: async () => {
      client.destroy();
      await server.close();
      await local.close();
    },
  };
});
