import type { SampleStore } from "../../../shared/ports/state-store.ts";
import type { SampleRow } from "../../../shared/schemas/rows.ts";
import { membersPartition, parkedKey, sampleKey } from "./dynamo-keys.ts";
import { ABSENT, bytesOf, type Item, MOST_TRANSACTION_BYTES } from "./items.ts";
import { add, type Counted, countTurns } from "./sample-counts.ts";
import type { Change } from "./single-writes.ts";
import type { TableRows } from "./table-rows.ts";

/** A transaction holds 100 changes: these rows, the list of their ids, and the counts. */
const ROWS_AT_ONCE = 98;

export function sampleCreation(rows: TableRows): SampleStore["createMany"] {
  const countsOf = countTurns(rows.patience.random);

  /** Those that are there already are left out, and the rest is written. @returns how many were written */
  async function createTogether(samples: readonly SampleRow[]): Promise<number> {
    for (let left = samples; left.length > 0; ) {
      const written = await rows.transact([...left.map(creation), ...around(left)]);
      if (written.outcome === "written") return left.length;
      left = left.filter((_, at) => written.refusals[at] === undefined);
    }
    return 0;
  }

  /** What a transaction changes beside its samples. A sample is created once, so the first id names its list for good. */
  function around(samples: readonly SampleRow[]): Change[] {
    const [first] = samples as readonly [SampleRow];
    const counted: Counted = new Map();
    for (const { state } of samples) add(counted, state, 1);
    const ids = JSON.stringify(samples.map(({ sampleId }) => sampleId));
    return [
      { put: { pk: membersPartition(first, first.shardId), sk: first.sampleId, ids } },
      ...countsOf(first, counted),
    ];
  }

  return async (samples) => {
    const first = new Map(
      samples.toReversed().map((row) => [JSON.stringify([row.runId, row.passId, row.sampleId]), row]),
    );
    const shards = Map.groupBy([...first.values()].reverse(), (row) =>
      JSON.stringify([row.runId, row.passId, row.shardId]),
    );
    const together = [...shards.values()].flatMap(transactionsOf);
    const written = await Promise.all(together.map(createTogether));
    return { written: written.reduce((sum, count) => sum + count, 0) };
  };
}

/** Under both limits of a transaction: items, and bytes. */
function transactionsOf(samples: readonly SampleRow[]): SampleRow[][] {
  const all: SampleRow[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const row of samples) {
    const more = bytesOf(itemOf(row)) + row.sampleId.length * 4;
    if (bytes + more > MOST_TRANSACTION_BYTES / 2 || all.at(-1)?.length === ROWS_AT_ONCE) {
      all.push([]);
      bytes = 0;
    }
    all.at(-1)?.push(row);
    bytes += more;
  }
  return all;
}

const creation = (row: SampleRow): Change => ({ put: itemOf(row), when: ABSENT });

function itemOf(row: SampleRow): Item {
  const { sampleId, shardId, state, attempt, pointer, reason } = row;
  return {
    ...sampleKey(row, sampleId),
    ...(state === "parked" ? parkedKey(row, sampleId) : {}),
    shard: shardId,
    state,
    attempt,
    file: pointer.key,
    offset: pointer.offset,
    length: pointer.length,
    ...(reason === undefined ? {} : { reason }),
  };
}
