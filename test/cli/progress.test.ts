import assert from "node:assert/strict";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { progressBlock, progressLine } from "../../functions/cli/progress-view.ts";
import { type ProgressState, progressAfter, secondsLeft, startProgress } from "../../shared/progress.ts";
import type { RunEvent } from "../../shared/schemas/events.ts";

const SIZES = { rounds: 2, data: 20, trains: false, evaluated: 0, share: () => 1 };

function after(events: [number, RunEvent][]): ProgressState {
  return events.reduce((state, [at, event]) => progressAfter(state, event, at), startProgress("demo-1", SIZES, 0));
}

const stage = (samples: number): RunEvent => ({
  kind: "stage",
  passId: "1.train",
  stage: "generate",
  shards: 1,
  samples,
});
const shard = (samples: number, parked = 0): RunEvent => ({
  kind: "shard",
  passId: "1.train",
  stage: "generate",
  shardId: "0",
  samples,
  parked,
});

test("a stage's line tells how many samples are through, how fast, and how many were parked", () => {
  const state = after([
    [0, stage(10)],
    [2000, shard(5, 1)],
  ]);
  const block = stripVTControlCharacters(progressBlock(state, 3000));
  assert.match(block, /demo-1 {2}round 1 of 2, making pairs · 00:03 elapsed/);
  assert.match(block, /generate +█+░+ +6\/10 +2\.0 samples\/s, 1 parked/);
});

test("the time left follows from the share of the work that is done, and is unknown at first", () => {
  assert.equal(secondsLeft(after([[0, stage(10)]]), 1000), undefined);
  const half = after([
    [0, stage(10)],
    [1000, shard(10)],
  ]);
  const left = secondsLeft(half, 10_000) as number;
  assert.ok(left > 5 && left < 30, `${left} s`);
});

test("replies from the cache are told apart from computed ones", () => {
  const state = after([
    [0, stage(10)],
    [1, { kind: "replies", passId: "1.train", stage: "generate", completed: 4, cached: 4 }],
    [2, { kind: "replies", passId: "1.train", stage: "generate", completed: 1, cached: 0 }],
  ]);
  assert.match(stripVTControlCharacters(progressBlock(state, 10)), /5 replies, 4 from cache/);
});

test("events of another pass do not touch the stages shown", () => {
  const state = after([
    [0, stage(10)],
    [1, { ...shard(3), passId: "2.train" } as RunEvent],
  ]);
  assert.equal(state.stages.generate?.done, 0);
});

test("without a terminal, noteworthy events are single lines and the rest is silent", () => {
  const state = after([[0, stage(10)]]);
  assert.equal(progressLine(state, stage(10), 61_000), "[01:01] round 1, making pairs: generate 10 samples");
  assert.equal(
    progressLine(state, { kind: "paired", round: 1, pairs: 7, samples: 5 }, 0),
    "[00:00] round 1: 7 pairs from 5 samples",
  );
  assert.equal(progressLine(state, shard(1), 0), undefined);
});
