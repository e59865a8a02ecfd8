/** What every ServiceStore promises. Run over each adapter: `serviceStoreContract("memory", openSomewhere)`. */
import { describe } from "node:test";
import type { ServiceStore } from "../../shared/ports/service-store.ts";
import { eventLogContract } from "./service-events.ts";
import { idempotencyContract } from "./service-idempotency.ts";
import { keysContract } from "./service-keys.ts";
import { webhooksContract } from "./service-webhooks.ts";

/** Opens an empty store; the contract closes it. */
export type OpenServiceStore = () => Promise<{ service: ServiceStore; close(): Promise<void> }>;

/** A test body that gets a store of its own. */
export type WithService = (work: (service: ServiceStore) => Promise<void>) => () => Promise<void>;

export function serviceStoreContract(name: string, open: OpenServiceStore): void {
  describe(`the ${name} service store keeps its promises`, () => {
    const within: WithService = (work) => async () => {
      const { service, close } = await open();
      try {
        await work(service);
      } finally {
        await close();
      }
    };
    keysContract(within);
    idempotencyContract(within);
    eventLogContract(within);
    webhooksContract(within);
  });
}
