import type { CallStore } from "../../../shared/ports/calls.ts";
import type { ServiceStore } from "../../../shared/ports/service-store.ts";
import type { StateStore } from "../../../shared/ports/state-store.ts";
import { dynamoCalls } from "./calls.ts";
import { dynamoLedger } from "./ledger.ts";
import { dynamoReplies } from "./replies.ts";
import { dynamoRuns } from "./runs.ts";
import { dynamoSamples } from "./samples.ts";
import { dynamoService } from "./service.ts";
import { dynamoShards } from "./shards.ts";
import { openTable, type TablePlace } from "./table-rows.ts";

/** Everything that is kept in the table. */
export type DynamoStore = StateStore & { service: ServiceStore; calls: CallStore };

/**
 * All stores over one table (`TABLE` in table.ts). Any number of processes may share it. The client stays its owner's:
 * `close` leaves it open.
 */
export function dynamoStore(place: TablePlace): DynamoStore {
  const rows = openTable(place);
  return {
    runs: dynamoRuns(rows),
    samples: dynamoSamples(rows),
    shards: dynamoShards(rows),
    ledger: dynamoLedger(rows),
    replies: dynamoReplies(rows),
    calls: dynamoCalls(rows),
    service: dynamoService(rows),
    close: async () => {},
  };
}
