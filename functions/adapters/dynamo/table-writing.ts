import { randomUUID } from "node:crypto";
import {
  BatchWriteItemCommand,
  type TransactWriteItem,
  TransactWriteItemsCommand,
  type WriteRequest,
} from "@aws-sdk/client-dynamodb";
import { chunksOf, unlessStuck, untilDone } from "./batches.ts";
import type { Key } from "./dynamo-keys.ts";
import { attributesOf, type Condition, checkSize, type Item, itemFrom } from "./items.ts";
import { isCancelled } from "./retry.ts";
import { type Change, changeParts } from "./single-writes.ts";
import type { Sending } from "./table-rows.ts";

const MOST_WRITTEN_AT_ONCE = 25; // AWS "Quotas in Amazon DynamoDB"

/** One place per change; `item` is the row as it is where its condition failed. */
export type Refusals = ({ item?: Item } | undefined)[];
export type Transacted = { outcome: "written" } | { outcome: "refused"; refusals: Refusals };

export function tableWriting({ client, table, ask }: Sending) {
  return {
    transact,
    /** Knows its own removal again when the reply was lost, which a removal alone cannot: for two units, not one. */
    removeOnce: (key: Key, when: Condition): Promise<Transacted> => transact([{ key, remove: true, when }]),
    /** Writes and removes without conditions, 25 at a time. */
    async writeMany(puts: readonly Item[], removes: readonly Key[] = []): Promise<void> {
      const requests: WriteRequest[] = [
        ...puts.map((item) => ({ PutRequest: { Item: attributesOf(checkSize(item, item)) } })),
        ...removes.map(({ pk, sk }) => ({ DeleteRequest: { Key: attributesOf({ pk, sk }) } })),
      ];
      const chunks = chunksOf(requests, MOST_WRITTEN_AT_ONCE);
      await Promise.all(chunks.map((chunk) => untilDone(chunk, writeChunk)));
    },
  };

  /** Up to 100 changes of different rows, all or none. */
  async function transact(changes: readonly Change[]): Promise<Transacted> {
    const TransactItems = changes.map((change): TransactWriteItem => transactItem(table, change));
    let token = randomUUID();
    try {
      await ask("TransactWriteItems", async () => {
        const input = { TransactItems, ClientRequestToken: token };
        try {
          return await client.send(new TransactWriteItemsCommand(input));
        } catch (error) {
          // Only what was cancelled for certain may be asked under a new name: else it might be done twice.
          if (isCancelled(error)) token = randomUUID();
          throw refusedBy(error) ?? error;
        }
      });
      return { outcome: "written" };
    } catch (error) {
      if (error instanceof Refused) return { outcome: "refused", refusals: error.refusals };
      throw error;
    }
  }

  function writeChunk(left: readonly WriteRequest[]): Promise<readonly WriteRequest[]> {
    return ask("BatchWriteItem", async () => {
      const RequestItems = { [table]: [...left] };
      const { UnprocessedItems } = await client.send(new BatchWriteItemCommand({ RequestItems }));
      return unlessStuck(UnprocessedItems?.[table] ?? [], left);
    });
  }
}

class Refused extends Error {
  readonly refusals: Refusals;
  constructor(refusals: Refusals) {
    super("a condition of the transaction was not met");
    this.refusals = refusals;
  }
}

/** Where a condition failed that is the answer, whatever else was in the way. */
function refusedBy(error: unknown): Refused | undefined {
  if (!isCancelled(error)) return undefined;
  const reasons = error.CancellationReasons as { Code?: string; Item?: Parameters<typeof itemFrom>[0] }[];
  if (!reasons.some(({ Code }) => Code === "ConditionalCheckFailed")) return undefined;
  return new Refused(
    reasons.map(({ Code, Item: found }) => {
      if (Code !== "ConditionalCheckFailed") return undefined;
      return found === undefined ? {} : { item: itemFrom(found) };
    }),
  );
}

function transactItem(table: string, change: Change): TransactWriteItem {
  const parts = { TableName: table, ...changeParts(change), ReturnValuesOnConditionCheckFailure: "ALL_OLD" as const };
  if ("put" in change) return { Put: { ...parts, Item: attributesOf(checkSize(change.put, change.put)) } };
  const Key = attributesOf({ pk: change.key.pk, sk: change.key.sk });
  if ("set" in change) return { Update: { ...parts, Key, UpdateExpression: change.set.text } };
  return { Delete: { ...parts, Key } };
}
