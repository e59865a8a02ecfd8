/** The API of a deployment: the same app as on one machine, over the cloud's stores. */
import { ModelRef, RunConfig } from "../../../shared/schemas/config.ts";
import { openAdmission } from "../../api/admission/admission.ts";
import { createApi } from "../../api/app.ts";
import { openCatalog } from "../../api/chat/catalog.ts";
import type { ApiDeps } from "../../api/deps.ts";
import { checkWebhookUrl } from "../../intake/safe-fetch.ts";
import { serviceImages } from "../../intake/service-images.ts";
import { openDatasets } from "../datasets.ts";
import { currentReport, currentReportPage } from "../finish.ts";
import { codeVersion } from "../plan-run.ts";
import { asUrlProblem } from "../url-problem.ts";
import type { Cloud } from "./cloud.ts";
import { identifyInCloud } from "./identify.ts";
import { cloudRunControl } from "./run-control.ts";

export type CloudApiOptions = {
  operatorKey: string;
  /** Models that chat serves beside promoted checkpoints. */
  served: readonly { id: string; config: RunConfig }[];
};

export function cloudApi(cloud: Cloud, { operatorKey, served }: CloudApiOptions) {
  const { store, blobs, clock, models, web, telemetry, uploads } = cloud;
  const admission = openAdmission({ ledger: store.ledger, clock });
  const deps: ApiDeps = {
    store,
    service: store.service,
    blobs,
    clock,
    admission,
    identify: identifyInCloud({ keys: store.service.keys, clock, operatorKey }),
    runs: cloudRunControl(cloud, admission),
    models: openCatalog({ store, blobs, clock, base: served, bind: models.bind }),
    images: serviceImages({ blobs, clock, web }),
    uploads,
    report: (run) => currentReport(run, cloud),
    reportHtml: (run) => currentReportPage(run, cloud),
    dataset: openDatasets(cloud),
    checkWebhookUrl: (url) => checkWebhookUrl(url, web).catch(asUrlProblem),
    version: codeVersion(),
  };
  return createApi(deps, (error, requestId) => telemetry.error("the API broke", error, { requestId }));
}

/** The base model of the chat server on Modal; it is its own judge, for no other model has a server there. */
export function servedBase(model: string | undefined): CloudApiOptions["served"] {
  if (model === undefined) return [];
  const ref = ModelRef.parse({ engine: "modal", model });
  const roles = { policy: ref, divider: ref, questioner: ref, labelers: [ref] };
  return [{ id: model, config: RunConfig.parse({ name: "chat", data: { path: "none" }, ...roles }) }];
}
