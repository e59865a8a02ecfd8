/** What every StateStore promises. Run over each adapter: `stateStoreContract("sqlite", openSomewhere)`. */
import { describe } from "node:test";
import type { StateStore } from "../../shared/ports/state-store.ts";
import { ledgerContract } from "./ledger.ts";
import { repliesContract } from "./replies.ts";
import { runsContract } from "./runs.ts";
import { sampleQueriesContract } from "./sample-queries.ts";
import { samplesContract } from "./samples.ts";
import { shardsContract } from "./shards.ts";

/** Opens an empty store; the contract closes it. */
export type OpenStore = () => Promise<StateStore>;

export function stateStoreContract(name: string, open: OpenStore): void {
  describe(`the ${name} state store keeps its promises`, () => {
    const within: WithStore = (work) => async () => {
      const store = await open();
      try {
        await work(store);
      } finally {
        await store.close();
      }
    };
    runsContract(within);
    samplesContract(within);
    sampleQueriesContract(within);
    shardsContract(within);
    ledgerContract(within);
    repliesContract(within);
  });
}

/** A test body that gets a store of its own. */
export type WithStore = (work: (store: StateStore) => Promise<void>) => () => Promise<void>;
