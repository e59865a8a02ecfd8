import type { PassId, RunRow, SampleMove, SampleRow, SampleState, ShardRow, StageName } from "../schemas/rows.ts";
import type { Ledger } from "./ledger.ts";

/** A page of rows; `cursor` is absent on the last one. */
export type Page<T> = { items: T[]; cursor?: string };

export interface RunStore {
  /** Writes once; a second run under the same id changes nothing. */
  create(run: RunRow): Promise<{ outcome: "written" | "already_there" }>;
  get(runId: string): Promise<RunRow | undefined>;
  /** Newest first. */
  list(page: { limit: number; cursor?: string }): Promise<Page<RunRow>>;
  /** Replaces the row when the stored version is `run.version`; stores `version + 1`. */
  update(run: RunRow): Promise<{ outcome: "written"; run: RunRow } | { outcome: "conflict" }>;
}

/** What became of one move: `moved`, `already_moved` (the row is in `to` already), or `lost_condition` (it is elsewhere). */
export type MoveOutcome = {
  sampleId: string;
  outcome: "moved" | "already_moved" | "lost_condition" | "unknown_sample";
};

export interface SampleStore {
  /** Writes rows that are not there yet; rows that are stay as they are. Any number at once. */
  createMany(rows: readonly SampleRow[]): Promise<{ written: number }>;
  /** Conditional moves in one pass, each on its own; outcomes in the order of the moves. */
  move(runId: string, passId: PassId, moves: readonly SampleMove[]): Promise<MoveOutcome[]>;
  get(runId: string, passId: PassId, sampleId: string): Promise<SampleRow | undefined>;
  /** Ordered by sampleId. */
  query(filter: {
    runId: string;
    passId: PassId;
    state?: SampleState;
    shardId?: string;
    limit: number;
    cursor?: string;
  }): Promise<Page<SampleRow>>;
  count(runId: string, passId: PassId): Promise<Record<SampleState, number>>;
}

export interface ShardStore {
  /** Writes rows that are not there yet. */
  createMany(rows: readonly ShardRow[]): Promise<{ written: number }>;
  /** Replaces the row when the stored one is not `done` and its attempt is ≤ the new one's. */
  put(row: ShardRow): Promise<{ outcome: "written" | "already_done" | "stale" }>;
  /** Makes done shards `planned` again, to be run once more; what they counted stays. Others are left as they are. */
  reopen(
    shards: readonly { runId: string; passId: PassId; stage: StageName; shardId: string }[],
  ): Promise<{ reopened: number }>;
  get(shard: { runId: string; passId: PassId; stage: StageName; shardId: string }): Promise<ShardRow | undefined>;
  /** All shards of a run, or of one pass or stage, ordered by pass, stage and shard. */
  list(filter: { runId: string; passId?: PassId; stage?: StageName }): Promise<ShardRow[]>;
}

/** Replies by request hash, shared by all runs of a store: what was answered once is never asked or paid again. */
export interface ReplyCache {
  /** The stored reply text (JSON) for each key that has one. */
  getMany(keys: readonly string[]): Promise<Map<string, string>>;
  /** First write wins. */
  putMany(entries: readonly { key: string; reply: string }[]): Promise<void>;
}

/** Everything small the pipeline remembers. */
export interface StateStore {
  runs: RunStore;
  samples: SampleStore;
  shards: ShardStore;
  ledger: Ledger;
  replies: ReplyCache;
  close(): Promise<void>;
}
