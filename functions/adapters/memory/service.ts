import type { ServiceStore } from "../../../shared/ports/service-store.ts";
import { memoryEvents } from "./service-events.ts";
import { memoryIdempotency } from "./service-idempotency.ts";
import { memoryKeys } from "./service-keys.ts";
import { memoryWebhooks } from "./service-webhooks.ts";

/** A ServiceStore that forgets everything with the process. Rows go in and out as copies. */
export function memoryServiceStore(): ServiceStore {
  return {
    keys: memoryKeys(),
    idempotency: memoryIdempotency(),
    events: memoryEvents(),
    webhooks: memoryWebhooks(),
  };
}
