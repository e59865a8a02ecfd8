import { z } from "zod";
import type { WebhookStore } from "../../../shared/ports/service-store.ts";
import type { DeliveryRow } from "../../../shared/schemas/service.ts";
import { checkLimit, decodeCursor, pageOf } from "../paging.ts";
import { DUE, deliveriesPartition, deliveryKey, dueKey, place, sortable } from "./dynamo-keys.ts";
import type { Item, Value } from "./items.ts";
import { TTL_ATTRIBUTE } from "./table.ts";
import type { TableRows } from "./table-rows.ts";

/** Deliveries are kept so long after they were queued or made due again. Our choice. */
const KEPT_SECONDS = 30 * 24 * 3600;

const NewestFirst = z.tuple([z.int(), z.string()]);
const DUE_INDEX = ["gsi1pk", "gsi1sk"] as const;

type Deliveries = Pick<WebhookStore, "enqueue" | "delivery" | "deliveries" | "takeDue" | "record" | "redeliver">;

/** A delivery is a row and an entry in its webhook's list, written together. Only pending ones are in the index of due ones. */
export function dynamoDeliveries(rows: TableRows): Deliveries {
  const { clock } = rows.patience;
  const secondsNow = (): number => Math.ceil(clock.now() / 1000);
  const alive = (item: Item | undefined): item is Item => isAlive(item, rows);

  async function enqueueOne(row: DeliveryRow): Promise<boolean> {
    const kept = { [TTL_ATTRIBUTE]: secondsNow() + KEPT_SECONDS };
    const { webhookId, createdAt, deliveryId } = row;
    const entry = { pk: deliveriesPartition(webhookId), sk: place(createdAt, deliveryId), ...kept };
    const { outcome } = await rows.transact([
      {
        put: { ...itemOf(row), ...kept },
        when: { text: "attribute_not_exists(#pk) OR #ttl <= :seconds", values: { seconds: secondsNow() } },
      },
      { put: { ...entry, delivery: deliveryId } },
    ]);
    return outcome === "written";
  }

  return {
    async enqueue(deliveries) {
      const first = new Map(deliveries.toReversed().map((row) => [row.deliveryId, row]));
      const written = await Promise.all([...first.values()].map(enqueueOne));
      return { written: written.filter((one) => one).length };
    },
    async delivery(deliveryId) {
      const item = await rows.get(deliveryKey(deliveryId));
      return alive(item) ? deliveryFrom(item) : undefined;
    },
    async deliveries({ webhookId, limit, cursor }) {
      checkLimit(limit);
      const last = decodeCursor(cursor, NewestFirst);
      const range = { pk: deliveriesPartition(webhookId), descending: true, limit: limit + 1 };
      const after = last === undefined ? {} : { after: place(...last) };
      const entries = await rows.queryAll({ ...range, ...after });
      const full = await rows.getMany(entries.map((entry) => deliveryKey(entry["delivery"] as string)));
      const page = full.filter(alive).map(deliveryFrom);
      return pageOf(page, limit, ({ createdAt, deliveryId }) => [createdAt, deliveryId]);
    },
    async takeDue(now, leaseUntil, limit) {
      checkLimit(limit);
      return rows.lanes(["deliveries due"], () => takeDue(rows, { now, leaseUntil, limit }));
    },
    async record({ deliveryId, attempts, state, nextAt, lastStatus, lastError }) {
      const last = {
        ...(lastStatus === undefined ? {} : { lastStatus }),
        ...(lastError === undefined ? {} : { lastError }),
      };
      const due = state === "pending" ? dueKey(nextAt, deliveryId) : {};
      const gone = ["lastStatus", "lastError", ...DUE_INDEX].filter((name) => !(name in last || name in due));
      const set = setting({ state, nextAt, ...last, ...due }, gone);
      const when = { text: "#attempts = :same", values: { same: attempts } };
      return {
        outcome: (await rows.update(deliveryKey(deliveryId), set, when)).outcome === "written" ? "written" : "stale",
      };
    },
    async redeliver(deliveryId, now) {
      const kept = { [TTL_ATTRIBUTE]: secondsNow() + KEPT_SECONDS };
      const set = setting({ state: "pending", attempts: 0, nextAt: now, ...dueKey(now, deliveryId), ...kept });
      const when = { text: "#ttl > :seconds", values: { seconds: secondsNow() } };
      const { outcome } = await rows.update(deliveryKey(deliveryId), set, when);
      return { outcome: outcome === "written" ? "queued" : "unknown_delivery" };
    },
  };
}

/** TTL is late by up to days: what should be gone is gone. */
function isAlive(item: Item | undefined, { patience }: TableRows): item is Item {
  return item !== undefined && (item[TTL_ATTRIBUTE] as number) > patience.clock.now() / 1000;
}

type Taking = { now: number; leaseUntil: number; limit: number };

async function take(rows: TableRows, item: Item, { now, leaseUntil }: Taking): Promise<DeliveryRow[]> {
  const row = deliveryFrom(item);
  const set = setting({ attempts: row.attempts + 1, nextAt: leaseUntil, ...dueKey(leaseUntil, row.deliveryId) });
  const when = {
    text: "#attempts = :before AND #nextAt = :due AND #nextAt <= :now AND #state = :pending",
    values: { before: row.attempts, due: row.nextAt, now, pending: "pending" },
  };
  const { outcome, item: taken } = await rows.update(item, set, when);
  return outcome === "written" && taken !== undefined ? [deliveryFrom(taken)] : [];
}

async function takeDue(rows: TableRows, { now, leaseUntil, limit }: Taking): Promise<DeliveryRow[]> {
  const taken: DeliveryRow[] = [];
  for (let after: string | undefined; taken.length < limit; ) {
    const range = { pk: DUE, index: true, before: `${sortable(now)}#\u{10ffff}`, limit: limit - taken.length };
    const { items, through } = await rows.query({ ...range, ...(after === undefined ? {} : { after }) });
    const alive = (await rows.getMany(items)).filter((item) => isAlive(item, rows));
    const full = alive.filter((item) => item["state"] === "pending");
    taken.push(...(await Promise.all(full.map((item) => take(rows, item, { now, leaseUntil, limit })))).flat());
    if (through === undefined) break;
    after = through;
  }
  return taken;
}

function setting(values: Record<string, Value>, gone: readonly string[] = []) {
  const set = Object.keys(values).map((name) => `#${name} = :${name}`);
  const remove = gone.length === 0 ? "" : ` REMOVE ${gone.map((name) => `#${name}`).join(", ")}`;
  return { text: `SET ${set.join(", ")}${remove}`, values };
}

function itemOf(row: DeliveryRow): Item {
  const due = row.state === "pending" ? dueKey(row.nextAt, row.deliveryId) : {};
  return { ...deliveryKey(row.deliveryId), ...due, ...(row as Record<string, Value>) };
}

function deliveryFrom(item: Item): DeliveryRow {
  const { pk, sk, gsi1pk, gsi1sk, w, [TTL_ATTRIBUTE]: _ttl, ...row } = item;
  return row as unknown as DeliveryRow;
}
