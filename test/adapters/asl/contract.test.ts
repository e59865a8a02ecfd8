import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openOrchestrator } from "../../../functions/adapters/asl/orchestrator.ts";
import { contractDefinition, orchestratorContract } from "../../contract/orchestrator.ts";
import { heldTokens } from "../../support/held-tokens.ts";
import { virtualClock } from "../../support/virtual-clock.ts";
import { memoryObjects } from "./bench.ts";

orchestratorContract("the interpreter", async () => {
  const folder = await mkdtemp(join(tmpdir(), "asl-contract-"));
  const { hold, tokenOf } = heldTokens();
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
    tokenOf,
    close: async () => {
      await orchestrator.close();
      await rm(folder, { recursive: true });
    },
  };
});
