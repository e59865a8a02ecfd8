/** Conditional writes of one row, which know their own write again when its reply was lost. */
import { randomUUID } from "node:crypto";
import { DeleteItemCommand, PutItemCommand, UpdateItemCommand } from "@aws-sdk/client-dynamodb";
import type { Key } from "./dynamo-keys.ts";
import { attributesOf, type Condition, checkSize, expressions, type Item, itemFrom } from "./items.ts";
import type { Sending } from "./table-rows.ts";

/** `set`: an update expression. Conditions must fail on an absent row where it must exist: an update would create it. */
export type Change =
  | { put: Item; when?: Condition }
  | { key: Key; set: Condition; when?: Condition }
  | { key: Key; remove: true; when?: Condition };

/** `item`: the row as it is now; of a refused write only where there is one. */
export type Written = { outcome: "written"; item?: Item } | { outcome: "refused"; item?: Item };

/** Names one write: a condition that fails on a row with our own mark failed because of our own write. */
const MARK = "w";

export function singleWrites({ client, table, ask }: Sending) {
  /** 48 bits. */
  const newMark = (): string => randomUUID().slice(0, 13);

  async function unlessRefused(mark: string | undefined, write: () => Promise<Written>): Promise<Written> {
    try {
      return await write();
    } catch (error) {
      const { name, Item: attributes } = error as { name?: string; Item?: Parameters<typeof itemFrom>[0] };
      if (name !== "ConditionalCheckFailedException") throw error;
      if (attributes === undefined) return { outcome: "refused" };
      const item = itemFrom(attributes);
      return { outcome: mark !== undefined && item[MARK] === mark ? "written" : "refused", item };
    }
  }

  return {
    async put(put: Item, when?: Condition): Promise<Written> {
      const mark = newMark();
      const item = when === undefined ? put : { ...put, [MARK]: mark };
      const input = {
        TableName: table,
        Item: attributesOf(checkSize(put, item)),
        ...changeParts({ put, ...(when === undefined ? {} : { when }) }),
        ReturnValuesOnConditionCheckFailure: "ALL_OLD" as const,
      };
      return unlessRefused(mark, async () => {
        await ask("PutItem", () => client.send(new PutItemCommand(input)));
        return { outcome: "written", item };
      });
    },
    /** `set` begins with SET. */
    async update(key: Key, set: Condition, when: Condition): Promise<Written> {
      const mark = newMark();
      const marked = { text: set.text.replace("SET ", `SET #${MARK} = :mark, `), values: { ...set.values, mark } };
      const input = {
        TableName: table,
        Key: attributesOf({ pk: key.pk, sk: key.sk }),
        UpdateExpression: marked.text,
        ...changeParts({ key, set: marked, when }),
        ReturnValues: "ALL_NEW" as const,
        ReturnValuesOnConditionCheckFailure: "ALL_OLD" as const,
      };
      checkSize(key, marked.values);
      return unlessRefused(mark, async () => {
        const { Attributes } = await ask("UpdateItem", () => client.send(new UpdateItemCommand(input)));
        return { outcome: "written", item: itemFrom(Attributes ?? {}) };
      });
    },
    async remove(key: Key, when?: Condition): Promise<Written> {
      const input = {
        TableName: table,
        Key: attributesOf({ pk: key.pk, sk: key.sk }),
        ...changeParts({ key, remove: true, ...(when === undefined ? {} : { when }) }),
      };
      return unlessRefused(undefined, async () => {
        await ask("DeleteItem", () => client.send(new DeleteItemCommand(input)));
        return { outcome: "written" };
      });
    },
  };
}

/** Condition, names and values of a change. */
export function changeParts(change: Change) {
  const set = "set" in change ? change.set : undefined;
  return {
    ...(change.when === undefined ? {} : { ConditionExpression: change.when.text }),
    ...expressions(set, change.when),
  };
}
