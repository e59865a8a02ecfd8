/** What a run needs to be planned, begun, told about and reported, wherever its work is done. */
import type { BlobStore } from "../../shared/ports/blob-store.ts";
import type { Clock } from "../../shared/ports/clock.ts";
import type { ServiceStore } from "../../shared/ports/service-store.ts";
import type { StateStore } from "../../shared/ports/state-store.ts";
import type { ModelSource } from "./models.ts";

export type World = {
  store: StateStore & { service: ServiceStore };
  blobs: BlobStore;
  clock: Clock;
  models: ModelSource;
};
