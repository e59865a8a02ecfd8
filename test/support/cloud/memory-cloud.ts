/** A cloud of memory adapters around a scripted GPU and an orchestrator that a test commands. */
import { memoryServiceStore } from "../../../functions/adapters/memory/service.ts";
import { openAdmission } from "../../../functions/api/admission/admission.ts";
import { openCloud } from "../../../functions/runtime/cloud/cloud.ts";
import { cloudTelling } from "../../../functions/runtime/cloud/run-control.ts";
import type { Execution, Orchestrator } from "../../../shared/ports/orchestrator.ts";
import { scriptedGpu } from "../scripted-gpu.ts";
import { keptTelemetry } from "./telemetry.ts";

const unused = () => Promise.reject(new Error("not asked"));

export async function memoryCloud(options: Parameters<typeof scriptedGpu>[0] = {}) {
  const gpu = await scriptedGpu(options);
  const executions = new Map<string, Execution>();
  const telemetry = keptTelemetry();
  const { deps, clock } = gpu;
  const orchestrator: Orchestrator = {
    async start({ name, input }) {
      const known = executions.get(name);
      if (known !== undefined && known.status !== "RUNNING") return { outcome: "name_taken", executionId: name };
      executions.set(name, { id: name, name, status: "RUNNING", input, currentStates: [], startedAt: clock.now() });
      return { outcome: "started", executionId: name };
    },
    describe: async (id) => executions.get(id),
    async stop(id, reason) {
      end(id, { status: "ABORTED", error: { error: "stopped", cause: reason } });
      return { outcome: "stopped" };
    },
    history: async () => [],
    complete: async (token, report) => {
      gpu.told.push({ token, report });
      return { outcome: "accepted" };
    },
  };

  function end(id: string, ending: Partial<Execution>): void {
    executions.set(id, { ...executions.get(id)!, ...ending, stoppedAt: clock.now() });
  }

  const cloud = openCloud({
    dataDir: "/nowhere",
    store: { ...gpu.store, service: memoryServiceStore() },
    blobs: gpu.blobs,
    clock,
    models: { engine: () => Promise.reject(new Error("no engine")), bind: deps.bind },
    orchestrator,
    gpu: deps.gpu,
    uploads: { open: unused, take: unused } as never, // no data is sent here
    telemetry,
    web: {},
  });
  const telling = cloudTelling(cloud, openAdmission({ ledger: cloud.store.ledger, clock }));
  return { ...gpu, cloud, telling, telemetry, executions, end };
}
