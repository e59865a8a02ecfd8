/** What the API needs from the world. `functions/runtime` supplies it; nothing here knows a cloud, a file or a process. */
import type { BoundModel } from "../../shared/answer.ts";
import type { BlobStore } from "../../shared/ports/blob-store.ts";
import type { Clock } from "../../shared/ports/clock.ts";
import type { EngineInfo } from "../../shared/ports/engine.ts";
import type { ServiceStore } from "../../shared/ports/service-store.ts";
import type { StateStore } from "../../shared/ports/state-store.ts";
import type { Uploads } from "../../shared/ports/uploads.ts";
import type { ModelRef, RunConfig } from "../../shared/schemas/config.ts";
import type { EvaluationRequest, EvaluationRow } from "../../shared/schemas/evaluation-job.ts";
import type { ExportFormat } from "../../shared/schemas/lineage.ts";
import type { RunPlan } from "../../shared/schemas/plan.ts";
import type { Report } from "../../shared/schemas/report.ts";
import type { Checkpoint, RunRow } from "../../shared/schemas/rows.ts";
import type { ManifestRow } from "../../shared/schemas/service.ts";
import type { Identify } from "./access.ts";
import type { Admission, Principal } from "./admission/admission.ts";
import type { PilotView } from "./contract/runs.ts";

/** A refusal of something in a request, with the field and the way out. */
export type Refused = { outcome: "refused"; code: string; field: string; value?: unknown; detail: string; fix: string };

export type Created = { outcome: "created" | "already_there"; run: RunRow };
/** `not_possible`: from this state there is no way there; `reason` says so. */
export type Moved = { outcome: "moved" | "already_there"; run: RunRow } | { outcome: "not_possible"; reason: string };

/** Runs are begun, stopped and told to go on; whoever does the work is elsewhere. Unknown ids are the caller's to refuse. */
export interface RunControl {
  /** `config.data` and `config.evaluate` name manifests. The run of the same config, data and code is the same run. */
  create(config: RunConfig, owner: Principal): Promise<Created | Refused>;
  /** The embedded world's own run under a free name. */
  demo(request: { seed: number; rounds: number; images: number }, owner: Principal): Promise<Created | Refused>;
  pause(runId: string): Promise<Moved>;
  resume(runId: string): Promise<Moved | Refused>;
  cancel(runId: string): Promise<Moved>;
  /** A run that had paused for want of money goes on. */
  setBudget(runId: string, budgetUsd: number, owner: Principal): Promise<Moved | Refused>;
  /** Puts the parked samples of the newest training pass back to where they stood. */
  retryParked(runId: string): Promise<Moved>;
  /** Runs a pilot of 20 samples; its money counts for the principal. */
  estimate(
    config: RunConfig,
    owner: Principal,
    signal: AbortSignal,
  ): Promise<({ outcome: "estimated" } & PilotView) | Refused>;
}

/** Evaluations are begun and told; whoever does the work is elsewhere. Unknown ids are the caller's to refuse. */
export interface EvaluationControl {
  /** The same request with the same code is the same evaluation; one that stands still goes on. */
  create(
    request: EvaluationRequest,
    owner: Principal,
  ): Promise<{ outcome: "created" | "already_there"; evaluation: EvaluationRow } | Refused>;
  get(evaluationId: string): Promise<EvaluationRow | undefined>;
  /** Newest first. */
  list(): Promise<EvaluationRow[]>;
  facts(row: EvaluationRow): Promise<{
    progress: { done: number; total: number; what: string } | undefined;
    settledUsdMicros: number;
    reservedUsdMicros: number;
  }>;
  /** `result.json` and `report.html` of a finished one. */
  result(evaluationId: string): Promise<string | undefined>;
  page(evaluationId: string): Promise<string | undefined>;
  cancel(evaluationId: string): Promise<{ outcome: "cancelled" | "not_possible"; evaluation: EvaluationRow }>;
}

/** A model that chat serves. */
export type ServedModel = {
  /** E.g. `embedded/policy`, or `rlaifv-demo-r4` for the checkpoint that round 4 of the run `demo` promoted. */
  id: string;
  /** Seconds since 1970. */
  created: number;
  ref: ModelRef;
  checkpoint: Checkpoint | undefined;
  run: { runId: string; round: number } | undefined;
  /** Whose divider, questioner and labelers judge this model's answers. */
  config: RunConfig;
};

export interface ModelCatalog {
  /** Base models first, then checkpoints, newest first. */
  list(): Promise<ServedModel[]>;
  find(id: string): Promise<ServedModel | undefined>;
  /** The engine as `flow` (a principal) sees it: its share of the concurrency. */
  bind(ref: ModelRef, checkpoint: Checkpoint | undefined, flow: string): Promise<BoundModel & { info: EngineInfo }>;
}

export type AcceptedImage = {
  outcome: "accepted";
  bytes: Uint8Array;
  sha256: string;
  format: "jpeg" | "png" | "webp";
  width: number;
  height: number;
  changed: string[];
};
export type RefusedImage = { outcome: "refused"; code: string; reason: string; fix: string };

/** The one door of images (functions/intake). Accepted bytes are kept under their content key. */
export interface Images {
  /** Bytes as they came. */
  accept(bytes: Uint8Array): Promise<AcceptedImage | RefusedImage>;
  /** A data or https URL, or the 64 hex digits of an image that is here. */
  open(reference: string, signal: AbortSignal): Promise<AcceptedImage | RefusedImage>;
  /** At most 256 pixels wide and high, WebP; `undefined` for an unknown image. */
  thumbnail(sha256: string): Promise<Uint8Array | undefined>;
  /** Checks rows and keeps them as a manifest. A row that is a string is one JSON text, as a line of NDJSON is. */
  manifest(
    rows: AsyncIterable<unknown>,
    options: { question: string | undefined; signal: AbortSignal },
  ): Promise<{ row: ManifestRow; bad: RunPlan["badRows"]["first"] }>;
}

export type ApiDeps = {
  store: StateStore;
  service: ServiceStore;
  blobs: BlobStore;
  clock: Clock;
  admission: Admission;
  identify: Identify;
  runs: RunControl;
  /** Left out where nobody does evaluations: the routes say so. */
  evals?: EvaluationControl;
  models: ModelCatalog;
  images: Images;
  uploads: Uploads;
  /** As far as the run has come. */
  report: (run: RunRow) => Promise<Report>;
  reportHtml: (run: RunRow) => Promise<string>;
  /** Writes a round's dataset below a prefix of `blobs` unless it is there whole; gives the prefix. */
  dataset: (run: RunRow, round: number, format: ExportFormat) => Promise<{ prefix: string }>;
  /** Is a webhook's or image's address one that may be called? Throws a ProblemError. */
  checkWebhookUrl: (url: string) => Promise<void>;
  version: string;
};
