import { BatchGetItemCommand, GetItemCommand, QueryCommand } from "@aws-sdk/client-dynamodb";
import { chunksOf, unlessStuck, untilDone } from "./batches.ts";
import type { Key } from "./dynamo-keys.ts";
import { attributesOf, type Item, itemFrom } from "./items.ts";
import { type Range, rangeParts } from "./ranges.ts";
import type { Sending } from "./table-rows.ts";

const MOST_READ_AT_ONCE = 100; // AWS "Quotas in Amazon DynamoDB"

export function tableReading({ client, table, ask }: Sending) {
  async function getChunk(keys: readonly Key[]): Promise<Item[]> {
    const items: Item[] = [];
    await untilDone(
      keys.map(({ pk, sk }) => attributesOf({ pk, sk })),
      (left) =>
        ask("BatchGetItem", async () => {
          const RequestItems = { [table]: { Keys: [...left], ConsistentRead: true } };
          const { Responses, UnprocessedKeys } = await client.send(new BatchGetItemCommand({ RequestItems }));
          items.push(...(Responses?.[table] ?? []).map(itemFrom));
          return unlessStuck(UnprocessedKeys?.[table]?.Keys ?? [], left);
        }),
    );
    return items;
  }

  /** One page: at most `limit` rows looked at, at most 1 MB. `through`: the last key looked at, while there may be more. */
  async function query(range: Range): Promise<{ items: Item[]; through?: string }> {
    const input = { TableName: table, ...rangeParts(range) };
    const { Items = [], LastEvaluatedKey } = await ask("Query", () => client.send(new QueryCommand(input)));
    const through = LastEvaluatedKey?.[range.index ? "gsi1sk" : "sk"]?.S;
    return { items: Items.map(itemFrom), ...(through === undefined ? {} : { through }) };
  }

  return {
    query,
    async get({ pk, sk }: Key): Promise<Item | undefined> {
      const input = { TableName: table, Key: attributesOf({ pk, sk }), ConsistentRead: true };
      const { Item: found } = await ask("GetItem", () => client.send(new GetItemCommand(input)));
      return found && itemFrom(found);
    },
    /** One place per key; a key may come twice. */
    async getMany(keys: readonly Key[]): Promise<(Item | undefined)[]> {
      const distinct = [...new Map(keys.map((key) => [nameOf(key), key])).values()];
      const chunks = chunksOf(distinct, MOST_READ_AT_ONCE).map(getChunk);
      const found = new Map((await Promise.all(chunks)).flat().map((item) => [nameOf(item), item]));
      return keys.map((key) => found.get(nameOf(key)));
    },
    /** All rows of a range, or the first `limit`, page by page. */
    async queryAll(range: Range): Promise<Item[]> {
      const items: Item[] = [];
      for (let after = range.after; ; ) {
        const limit = range.limit === undefined ? {} : { limit: range.limit - items.length };
        const page = await query({ ...range, ...(after === undefined ? {} : { after }), ...limit });
        items.push(...page.items);
        if (page.through === undefined || items.length === range.limit) return items;
        after = page.through;
      }
    },
  };
}

const nameOf = ({ pk, sk }: Key): string => `${pk}\u0000${sk}`;
