import { z } from "zod";
import type { SampleStore } from "../../../shared/ports/state-store.ts";
import { type Pointer, type SampleRow, SampleState } from "../../../shared/schemas/rows.ts";
import { checkLimit, compareUtf8, decodeCursor, encodeCursor, pageOf } from "../paging.ts";
import {
  countOf,
  countsPartition,
  membersPartition,
  parkedPartitions,
  sampleKey,
  samplePartitions,
} from "./dynamo-keys.ts";
import type { Item } from "./items.ts";
import { mergedPage } from "./merged.ts";
import { sampleCreation } from "./sample-creation.ts";
import { sampleMoving } from "./sample-moving.ts";
import type { TableRows } from "./table-rows.ts";

const BySampleId = z.tuple([z.string()]);

type Filter = Parameters<SampleStore["query"]>[0];

/**
 * Samples lie in 16 partitions per pass. How many are in each state is counted in the same transactions that create and
 * move them: exact at every moment, and read at once however large the pass is. That costs a second unit per change; an
 * index by state would cost two, and reading millions of index rows to count them.
 */
export function dynamoSamples(rows: TableRows): SampleStore {
  return {
    createMany: sampleCreation(rows),
    move: sampleMoving(rows),
    async get(runId, passId, sampleId) {
      const item = await rows.get(sampleKey({ runId, passId }, sampleId));
      return item && sampleFrom(item, { runId, passId });
    },
    async query(filter) {
      checkLimit(filter.limit);
      const [after] = decodeCursor(filter.cursor, BySampleId) ?? [];
      if (filter.shardId !== undefined) return ofShard(rows, { ...filter, shardId: filter.shardId }, after);
      return filter.state === "parked" ? parked(rows, filter, after) : ofPass(rows, filter, after);
    },
    async count(runId, passId) {
      const items = await rows.queryAll({ pk: countsPartition({ runId, passId }) });
      const total = (state: SampleState) => items.reduce((sum, item) => sum + Number(item[countOf(state)] ?? 0), 0);
      return Object.fromEntries(SampleState.options.map((state) => [state, total(state)])) as Record<
        SampleState,
        number
      >;
    },
  };
}

/** The ids of a shard are kept with it, so that a worker reads every sample that was ever put into it, at once. */
async function ofShard(rows: TableRows, filter: Filter & { shardId: string }, after: string | undefined) {
  const { limit, state, shardId } = filter;
  const members = await rows.queryAll({ pk: membersPartition(filter, shardId) });
  const ids = members
    .flatMap((item) => JSON.parse(item["ids"] as string) as string[])
    .filter((id) => after === undefined || compareUtf8(id, after) > 0)
    .sort(compareUtf8);
  const found: SampleRow[] = [];
  for (let at = 0; at < ids.length && found.length <= limit; at += limit + 1) {
    const items = await rows.getMany(ids.slice(at, at + limit + 1).map((id) => sampleKey(filter, id)));
    const full = items.flatMap((item) => (item === undefined ? [] : [sampleFrom(item, filter)]));
    found.push(...full.filter((row) => state === undefined || row.state === state));
  }
  return pageOf(found.slice(0, limit + 1), limit, idOf);
}

async function parked(rows: TableRows, filter: Filter, after: string | undefined) {
  const { found } = await mergedPage(rows, {
    partitions: parkedPartitions(filter),
    index: true,
    after,
    want: filter.limit + 1,
    read: async (items) => {
      const full = (await rows.getMany(items)).flatMap((item) =>
        item === undefined ? [] : [sampleFrom(item, filter)],
      );
      return full.filter(({ state }) => state === "parked");
    },
  });
  return pageOf(found, filter.limit, idOf);
}

/** A page of a rare state may come short and with a cursor: it has looked at as many samples as one page may. */
async function ofPass(rows: TableRows, filter: Filter, after: string | undefined) {
  const { found, stoppedAt } = await mergedPage(rows, {
    partitions: samplePartitions(filter),
    after,
    want: filter.limit + 1,
    ...(filter.state === undefined ? {} : { where: { name: "state", value: filter.state } }),
    read: (items) => items.map((item) => sampleFrom(item, filter)),
  });
  const page = pageOf(found, filter.limit, idOf);
  if (stoppedAt === undefined || page.cursor !== undefined) return page;
  return { ...page, cursor: encodeCursor([stoppedAt]) };
}

const idOf = ({ sampleId }: SampleRow): [string] => [sampleId];

function sampleFrom(item: Item, { runId, passId }: Pick<SampleRow, "runId" | "passId">): SampleRow {
  const pointer = { key: item["file"], offset: item["offset"], length: item["length"] } as Pointer;
  const reason = item["reason"] as string | undefined;
  return {
    runId,
    passId,
    sampleId: item.sk,
    shardId: item["shard"] as string,
    state: item["state"] as SampleState,
    attempt: item["attempt"] as number,
    pointer,
    ...(reason === undefined ? {} : { reason }),
  };
}
