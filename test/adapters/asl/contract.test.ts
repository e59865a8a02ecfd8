import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openOrchestrator } from "../../../functions/adapters/asl/orchestrator.ts";
import { contractDefinition, orchestratorContract } from "../../contract/orchestrator.ts";
import { virtualClock } from "../../support/virtual-clock.ts";
import { memoryObjects } from "./bench.ts";

orchestratorContract("the interpreter", async () => {
  const folder = await mkdtemp(join(tmpdir(), "asl-contract-"));
  const tokens = new Map<string, string>();
  const hold = async (payload: unknown) => {
    const { name, token } = payload as { name: string; token: string };
    tokens.set(name, token);
  };
  const orchestrator = openOrchestrator({
    database: join(folder, "loop.sqlite"),
    definition: contractDefinition("hold"),
    functions: { hold },
    objects: memoryObjects(new Map()),
    clock: virtualClock(),
  });
  return {
    orchestrator,
    ended: (executionId) => orchestrator.settled(executionId),
    tokenOf: async (name) => {
      while (!tokens.has(name)) await new Promise((resolve) => setImmediate(resolve));
      return tokens.get(name)!;
    },
    close: async () => {
      await orchestrator.close();
      await rm(folder, { recursive: true });
    },
  };
});
