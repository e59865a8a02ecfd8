/** The table as the stores see it: rows in, rows out, conditions and their outcomes; retries and limits stay in here. */
import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { openGate, openLanes } from "./lanes.ts";
import { type Patience, patiently } from "./retry.ts";
import { singleWrites } from "./single-writes.ts";
import { tableReading } from "./table-reading.ts";
import { tableWriting } from "./table-writing.ts";

/** The SDK holds 50 connections by default; more requests than that would only wait inside it. */
const MOST_IN_FLIGHT = 48;

export type TablePlace = Patience & { client: DynamoDBClient; table: string };
/** Sends a request with patience, and within the limit of requests at once. */
export type Ask = <T>(what: string, send: () => Promise<T>) => Promise<T>;
export type Sending = { client: DynamoDBClient; table: string; ask: Ask };
export type TableRows = ReturnType<typeof openTable>;

export function openTable({ client, table, clock, random }: TablePlace) {
  const patience = { clock, random };
  const gate = openGate(MOST_IN_FLIGHT);
  const ask: Ask = (what, send) => patiently(`${what} in table ${table}`, () => gate(send), patience);
  const sending = { client, table, ask };
  return {
    lanes: openLanes(),
    patience,
    ...tableReading(sending),
    ...singleWrites(sending),
    ...tableWriting(sending),
  };
}
