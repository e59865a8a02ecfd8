/** Rows as DynamoDB's items: text and numbers only, which is all that this store keeps. */
import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import type { Key } from "./dynamo-keys.ts";

export type Value = string | number;
export type Item = Key & Record<string, Value>;

/** AWS "Quotas in Amazon DynamoDB": an item, names included, and all items of one transaction. */
const MOST_ITEM_BYTES = 400 * 1024;
export const MOST_TRANSACTION_BYTES = 4 * 1024 * 1024;

/** `#name` in a text stands for the attribute `name`, so that no reserved word ever stands bare; `:name` for a value. */
export type Condition = { text: string; values?: Record<string, Value> };

export const ABSENT: Condition = { text: "attribute_not_exists(#pk)" };

export function attributesOf(values: Record<string, Value>): Record<string, AttributeValue> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, attributeOf(value)]));
}

export function itemFrom(attributes: Record<string, AttributeValue>): Item {
  return Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, valueFrom(name, value)])) as Item;
}

/** The names and values of all texts of one request. */
export function expressions(...parts: readonly (Condition | undefined)[]) {
  const texts = parts.map((part) => part?.text ?? "").join(" ");
  const names = new Set([...texts.matchAll(/#(\w+)/g)].map(([, name]) => name as string));
  const values = Object.assign({}, ...parts.map((part) => part?.values)) as Record<string, Value>;
  const valued = Object.entries(values).map(([name, value]) => [`:${name}`, attributeOf(value)]);
  return {
    ...(names.size === 0
      ? {}
      : { ExpressionAttributeNames: Object.fromEntries([...names].map((name) => [`#${name}`, name])) }),
    ...(valued.length === 0 ? {} : { ExpressionAttributeValues: Object.fromEntries(valued) }),
  };
}

/** Bytes as DynamoDB counts them (UTF-8; 21 for any number is its most). */
export function bytesOf(values: Record<string, Value>): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(values)) {
    bytes += name.length + (typeof value === "string" ? Buffer.byteLength(value) : 21);
  }
  return bytes;
}

/** Returns the values; throws when they can be no item, before anything is sent. */
export function checkSize<T extends Record<string, Value>>(key: Key, values: T): T {
  const bytes = bytesOf(values);
  if (bytes <= MOST_ITEM_BYTES) return values;
  throw new RangeError(
    `row ${key.pk} ${key.sk}: ${bytes} bytes are more than the ${MOST_ITEM_BYTES} that DynamoDB keeps in one item; keep long content in the bucket and its name here`,
  );
}

function attributeOf(value: Value): AttributeValue {
  return typeof value === "string" ? { S: value } : { N: String(value) };
}

function valueFrom(name: string, { S, N }: AttributeValue): Value {
  if (S !== undefined) return S;
  if (N !== undefined) return Number(N);
  throw new Error(`attribute ${name}: neither text nor number; another program wrote to this table`);
}
