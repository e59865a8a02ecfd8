/** Everything a function in the cloud works with. Which adapters these are is chosen in functions/runtime/aws.ts. */
import type { Orchestrator } from "../../../shared/ports/orchestrator.ts";
import type { Uploads } from "../../../shared/ports/uploads.ts";
import type { WebRules } from "../../intake/safe-fetch.ts";
import type { GpuDeps } from "../../workers/gpu/deps.ts";
import { openEventSinks } from "../event-sink.ts";
import type { World } from "../world.ts";
import type { Telemetry } from "./telemetry.ts";

export type CloudParts = World & {
  orchestrator: Orchestrator;
  gpu: GpuDeps;
  uploads: Uploads;
  telemetry: Telemetry;
  /** What may be called for images and webhooks; `{}`: the public internet by https. */
  web: WebRules;
};

export type Cloud = CloudParts & { sinks: ReturnType<typeof openEventSinks> };

/** One for all invocations of a container. */
export function openCloud(parts: CloudParts): Cloud {
  return { ...parts, sinks: openEventSinks(parts.store.service.events, parts.clock) };
}
