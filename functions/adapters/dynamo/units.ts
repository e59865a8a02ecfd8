/** Request units as DynamoDB counts them itself. */
import type { ConsumedCapacity, DynamoDBClient } from "@aws-sdk/client-dynamodb";

/** `index`: the part of `write` that the index took. */
export type Units = { requests: number; read: number; write: number; index: number };

const READS = new Set(["GetItemCommand", "BatchGetItemCommand", "QueryCommand"]);

/**
 * Counts what the client's requests take from now on: one middleware asks every request for `ReturnConsumedCapacity` and
 * adds up the answers. A request that is refused has no answer, so what it took is not counted.
 * @returns `take` gives what was counted since the last `take`
 */
export function countUnits(client: DynamoDBClient): { take(): Units } {
  let units = none();
  client.middlewareStack.add(
    (next, { commandName = "" }) =>
      async (args) => {
        const input = { ...args.input, ReturnConsumedCapacity: "INDEXES" as const };
        const answer = await next({ ...args, input });
        const { ConsumedCapacity: consumed } = answer.output as {
          ConsumedCapacity?: ConsumedCapacity | ConsumedCapacity[];
        };
        units.requests++;
        for (const one of [consumed ?? []].flat()) add(units, one, READS.has(commandName));
        return answer;
      },
    { step: "initialize", name: "countUnits" },
  );
  return {
    take() {
      const counted = units;
      units = none();
      return counted;
    },
  };
}

const none = (): Units => ({ requests: 0, read: 0, write: 0, index: 0 });

function add(
  units: Units,
  { CapacityUnits = 0, GlobalSecondaryIndexes = {} }: ConsumedCapacity,
  isRead: boolean,
): void {
  if (isRead) {
    units.read += CapacityUnits;
    return;
  }
  units.write += CapacityUnits;
  for (const index of Object.values(GlobalSecondaryIndexes)) units.index += index.CapacityUnits ?? 0;
}
