/**
 * Keys of every row, by access pattern. `b` is a write shard: two hex digits derived from the name behind it, so that many
 * rows of one kind never share one partition (a partition takes 1,000 write units and 3,000 read units a second, AWS
 * "Burst and adaptive capacity"). `n` is a whole number as 17 digits that sort as text. The index (gsi1) is sparse: only
 * rows named there have its keys. A read of the index may lag; a read of the table never does here.
 *
 * | access pattern                      | pk                        | sk              | bound of the partition                  |
 * |-------------------------------------|---------------------------|-----------------|-----------------------------------------|
 * | a run                               | run#<run>                 | run             | one row                                 |
 * | runs, newest first                  | gsi1 runs                 | n#<run>         | one index row per run, written once     |
 * | a sample; a pass by id or state     | sample#<run>#<pass>#b     | <sample>        | a 16th of the pass; 2 units per move    |
 * | samples of a shard                  | members#<run>#<pass>#<sh> | <first sample>  | a row of ids per 98 samples of a shard  |
 * | parked samples                      | gsi1 parked#<run>#<pass>#b| <sample>        | a 16th of the parked ones               |
 * | counts of a pass by state           | counts#<run>#<pass>       | b               | 16 rows; each moved by 1 of 16 writers  |
 * | shards of a run, pass, stage        | shards#<run>              | pass#stage#shard| all shards of a run: about 6 units each |
 * | ledger account; accounts by prefix  | accounts#b                | <account>       | a 16th of the accounts                  |
 * | open reservations by id prefix      | open#b                    | <reservation>   | an 8th of what is open now              |
 * | a reservation, open or closed       | reservation#<id>          | reservation     | one row                                 |
 * | reservations of a pruned account    | gsi1 took#<account>       | <reservation>   | those of its first account by name      |
 * | a reply; its parts                  | reply#<hash>              | reply, part#..  | one reply                               |
 * | a call                              | call#<call>               | call            | one row                                 |
 * | open calls, by name                 | gsi1 open-calls#b         | <call>          | an 8th of the open calls; b of the run  |
 * | an API key                          | key#<id>                  | key             | one row                                 |
 * | API keys, newest first              | gsi1 keys                 | n#<id>          | one index row per key, written once     |
 * | an idempotent request               | request#<key>             | request         | one row, gone by TTL                    |
 * | expired requests                    | gsi1 expiring#b           | n               | an 8th of a day's requests              |
 * | events of a run                     | events#<run>              | n               | a run's events, tens a minute           |
 * | a webhook                           | webhook#<id>              | webhook         | one row                                 |
 * | webhooks, newest first              | gsi1 webhooks             | n#<id>          | one index row per webhook               |
 * | a delivery                          | delivery#<id>             | delivery        | one row, gone by TTL                    |
 * | deliveries of a webhook             | deliveries#<webhook>      | n#<id>          | a month of one webhook, gone by TTL     |
 * | deliveries due, oldest first        | gsi1 due                  | n#<id>          | pending deliveries; a few per run       |
 */
import type { PassId, SampleState } from "../../../shared/schemas/rows.ts";

export type Key = { pk: string; sk: string };
export type IndexKey = { gsi1pk: string; gsi1sk: string };

/** Write shards. Changing a figure would orphan the rows that are there. Our choice: 16 take 8,000 moves a second. */
export const SAMPLE_BUCKETS = 16;
const ACCOUNT_BUCKETS = 16;
const OPEN_BUCKETS = 8;
const CALL_BUCKETS = 8;
const REQUEST_BUCKETS = 8;

type PassKey = { runId: string; passId: PassId };

export const runKey = (runId: string): Key => ({ pk: join("run", runId), sk: "run" });
export const NEWEST_RUNS = "runs";
export const newestKey = (list: string, createdAt: number, id: string): IndexKey => ({
  gsi1pk: list,
  gsi1sk: place(createdAt, id),
});

export const sampleKey = ({ runId, passId }: PassKey, sampleId: string): Key => ({
  pk: join("sample", runId, passId, bucketOf(sampleId, SAMPLE_BUCKETS)),
  sk: sampleId,
});
export const samplePartitions = ({ runId, passId }: PassKey): string[] =>
  buckets(SAMPLE_BUCKETS).map((bucket) => join("sample", runId, passId, bucket));
export const membersPartition = ({ runId, passId }: PassKey, shardId: string): string =>
  join("members", runId, passId, shardId);
export const parkedKey = ({ runId, passId }: PassKey, sampleId: string): IndexKey => ({
  gsi1pk: join("parked", runId, passId, bucketOf(sampleId, SAMPLE_BUCKETS)),
  gsi1sk: sampleId,
});
export const parkedPartitions = ({ runId, passId }: PassKey): string[] =>
  buckets(SAMPLE_BUCKETS).map((bucket) => join("parked", runId, passId, bucket));
export const countsPartition = ({ runId, passId }: PassKey): string => join("counts", runId, passId);
/** @param at any whole number: which of the 16 rows takes the change */
export const countsKey = (pass: PassKey, at: number): Key => ({
  pk: countsPartition(pass),
  sk: hex(at % SAMPLE_BUCKETS),
});
export const countOf = (state: SampleState): string => `in_${state}`;

type ShardName = { passId: PassId; stage: string; shardId: string };
export const shardsPartition = (runId: string): string => join("shards", runId);
export const shardKey = ({ runId, passId, stage, shardId }: ShardName & { runId: string }): Key => ({
  pk: shardsPartition(runId),
  sk: `${passId}#${stage}#${shardId}`,
});

export const accountKey = (account: string): Key => ({
  pk: join("accounts", bucketOf(account, ACCOUNT_BUCKETS)),
  sk: account,
});
export const ACCOUNT_PARTITIONS = buckets(ACCOUNT_BUCKETS).map((bucket) => join("accounts", bucket));
export const reservationKey = (id: string): Key => ({ pk: join("reservation", id), sk: "reservation" });
export const openKey = (id: string): Key => ({ pk: join("open", bucketOf(id, OPEN_BUCKETS)), sk: id });
export const OPEN_PARTITIONS = buckets(OPEN_BUCKETS).map((bucket) => join("open", bucket));
export const tookPartition = (account: string): string => join("took", account);

export const replyKey = (hash: string): Key => ({ pk: join("reply", hash), sk: "reply" });
export const replyPartKey = (hash: string, write: string, at: number): Key => ({
  pk: join("reply", hash),
  sk: `part#${write}#${at}`,
});

export const callKey = (call: string): Key => ({ pk: join("call", call), sk: "call" });
export const openCallKey = ({ runId, call }: { runId: string; call: string }): IndexKey => ({
  gsi1pk: join("open-calls", bucketOf(runId, CALL_BUCKETS)),
  gsi1sk: call,
});
export const openCallPartitions = (runId: string | undefined): string[] =>
  (runId === undefined ? buckets(CALL_BUCKETS) : [bucketOf(runId, CALL_BUCKETS)]).map((b) => join("open-calls", b));

export const apiKeyKey = (keyId: string): Key => ({ pk: join("key", keyId), sk: "key" });
export const NEWEST_KEYS = "keys";
export const requestKey = (key: string): Key => ({ pk: join("request", key), sk: "request" });
export const expiringKey = (expiresAt: number, key: string): IndexKey => ({
  gsi1pk: join("expiring", bucketOf(key, REQUEST_BUCKETS)),
  gsi1sk: sortable(expiresAt),
});
export const EXPIRING_PARTITIONS = buckets(REQUEST_BUCKETS).map((bucket) => join("expiring", bucket));
export const eventsPartition = (runId: string): string => join("events", runId);
export const eventKey = (runId: string, seq: number): Key => ({ pk: eventsPartition(runId), sk: sortable(seq) });
export const webhookKey = (webhookId: string): Key => ({ pk: join("webhook", webhookId), sk: "webhook" });
export const NEWEST_WEBHOOKS = "webhooks";
export const deliveryKey = (deliveryId: string): Key => ({ pk: join("delivery", deliveryId), sk: "delivery" });
export const deliveriesPartition = (webhookId: string): string => join("deliveries", webhookId);
export const DUE = "due";
export const dueKey = (nextAt: number, deliveryId: string): IndexKey => newestKey(DUE, nextAt, deliveryId);

/** Text that sorts by time, then by the bytes of the id. */
export const place = (at: number, id: string): string => `${sortable(at)}#${id}`;

/** 17 digits that sort as the number does: any safe integer, also a negative one. */
export function sortable(value: number): string {
  return (BigInt(value) + 2n ** 53n).toString().padStart(17, "0");
}

/** Names are free text: a `#` inside one must not read as the border between two. */
function join(...parts: readonly string[]): string {
  return parts.map((part) => part.replaceAll("%", "%25").replaceAll("#", "%23")).join("#");
}

function buckets(count: number): string[] {
  return Array.from({ length: count }, (_, at) => hex(at));
}

function hex(at: number): string {
  return at.toString(16).padStart(2, "0");
}

/** FNV-1a (Fowler, Noll, Vo) over UTF-16 code units, folded: spreads names evenly; not for secrets. */
function bucketOf(name: string, count: number): string {
  let hash = 0x811c9dc5;
  for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
  return hex(((hash ^ (hash >>> 16)) >>> 0) % count);
}
