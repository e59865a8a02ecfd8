/** The API with evaluations over a data folder; the models are a priced server's, a test's engine, or the embedded ones. */
import { join } from "node:path";
import { systemClock } from "../../functions/adapters/clock.ts";
import { openAdmission } from "../../functions/api/admission/admission.ts";
import type { EvaluationDetail } from "../../functions/api/contract/evals.ts";
import { type EvaluationParts, openEvaluationControl } from "../../functions/runtime/evaluation-control.ts";
import { openLocal } from "../../functions/runtime/local.ts";
import type { Engine } from "../../shared/ports/engine.ts";
import type { ModelRef } from "../../shared/schemas/config.ts";
import type { EvaluationState } from "../../shared/schemas/evaluation-job.ts";
import { openTestApi } from "./api.ts";

export type ServiceModels = { served: Record<string, ModelRef>; judges?: ModelRef[]; engine?: Engine };

export async function openEvaluations(
  folder: string,
  { served, judges = [], engine }: ServiceModels,
  more: Partial<EvaluationParts> = {},
) {
  const opened = await openLocal({ dataDir: join(folder, "data"), env: {} });
  const bind: typeof opened.models.bind = async ({ model }) => {
    const info = await engine!.describe(model);
    return { engine: engine!, model, revision: info.revision, info };
  };
  const local = engine === undefined ? opened : { ...opened, models: { ...opened.models, bind } };
  const admission = openAdmission({ ledger: local.store.ledger, clock: systemClock });
  const faults: unknown[] = [];
  const control = openEvaluationControl({
    ...{ local, admission, judges, files: async () => ({}), onFault: (error) => void faults.push(error) },
    models: {
      find: async (id) =>
        served[id] === undefined ? undefined : ({ ref: served[id], checkpoint: undefined } as never),
    },
    ...more,
  });
  const api = await openTestApi("memory", { evals: control, clock: systemClock, admission, blobs: local.blobs });
  const told = async (id: string) => (await (await api.request(`/v1/evals/${id}`)).json()) as EvaluationDetail;
  return {
    ...{ api, control, local, faults, told },
    /** Asks until it stands there. */
    async reaches(id: string, ...states: EvaluationState[]): Promise<EvaluationDetail> {
      for (;;) {
        const evaluation = await told(id);
        if (states.includes(evaluation.state)) return evaluation;
        if (evaluation.state === "failed") throw new Error(evaluation.reason ?? "failed");
        await systemClock.sleep(10);
      }
    },
    async [Symbol.asyncDispose]() {
      await control.close();
      await local.close();
      await api[Symbol.asyncDispose]();
    },
  };
}

export type EvaluationService = Awaited<ReturnType<typeof openEvaluations>>;
