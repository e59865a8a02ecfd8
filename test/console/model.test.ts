import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RunDetail } from "../../functions/api/contract/runs.ts";
import { actionOn } from "../../functions/console/model/actions.ts";
import { answerAfter, askedAt, chatBody, ended } from "../../functions/console/model/chat.ts";
import { marking, pairClaims, type ShownClaim } from "../../functions/console/model/claims.ts";
import { subjectText } from "../../functions/console/model/evaluation.ts";
import { funnelRows } from "../../functions/console/model/funnel.ts";
import { liveAfter, type Numbered, startLive, withSnapshot } from "../../functions/console/model/live-run.ts";
import { demoBody, ownBody } from "../../functions/console/model/new-run.ts";
import { hrefOf, routeOf } from "../../functions/console/model/route.ts";
import { sseParser } from "../../functions/console/model/sse.ts";
import { ago } from "../../functions/console/model/time.ts";
import { embeddedConfig } from "../../functions/runtime/embedded-models.ts";

const NOW = Date.parse("2026-11-23T10:00:00Z");

function aRun(samples: number): RunDetail {
  const none = { data: "none", selection: "none", evaluation: "none" };
  const { evaluate: _, ...config } = embeddedConfig({ name: "demo", seed: 1, rounds: 1, ...none });
  return {
    id: "demo-1",
    name: "demo",
    state: "running",
    reason: null,
    round: 1,
    rounds: 1,
    samples: { data: samples, selection: 0, evaluation: 0 },
    created_at: "2026-11-23T09:59:00.000Z",
    updated_at: "2026-11-23T09:59:00.000Z",
    seconds: 0,
    budget: { usd: 1, settled_usd: 0, reserved_usd: 0 },
    served_as: null,
    samples_per_second: null,
    config,
    models: [],
    warnings: [],
    bad_rows: { count: 0, first: [] },
    estimate_usd: 0,
    stages: [],
    passes: [],
    last_event: 0,
  };
}

const stage: Numbered["event"] = {
  kind: "stage",
  passId: "1.train",
  stage: "generate",
  shards: 1000,
  samples: 100_000,
};
const shard = (parked: number): Numbered["event"] => ({
  kind: "shard",
  passId: "1.train",
  stage: "generate",
  shardId: "s",
  samples: 100 - parked,
  parked,
});
const numbered = (events: Numbered["event"][]): Numbered[] => events.map((event, index) => ({ seq: index + 1, event }));

describe("a run that is watched", () => {
  test("adds up its shards, and an event that comes twice counts once", () => {
    const events = numbered([stage, shard(0), shard(10)]);
    const live = liveAfter(startLive(aRun(100_000), NOW), events, NOW);
    const again = liveAfter(live, events, NOW);
    const [row] = funnelRows(again, undefined);
    const cell = row?.cells[0];
    assert.deepEqual([cell?.text, cell?.parked, cell?.running], ["200/100,000", 10, true]);
  });

  test("stays as small for a hundred thousand samples as for a hundred", () => {
    const events = numbered([stage, ...Array.from({ length: 1000 }, () => shard(0))]);
    const live = liveAfter(startLive(aRun(100_000), NOW), events, NOW);
    assert.equal(live.run.stages.length, 1);
    assert.equal(live.run.stages[0]?.samples_done, 100_000);
    assert.ok(JSON.stringify(live.run).length < 4000);
  });

  test("is not set back by a snapshot that events have overtaken", () => {
    const live = liveAfter(
      startLive(aRun(100), NOW),
      numbered([{ kind: "run", runId: "demo-1", state: "finished" }]),
      NOW,
    );
    assert.equal(withSnapshot(live, aRun(100), NOW).run.state, "finished");
    assert.equal(withSnapshot(live, { ...aRun(100), last_event: 2 }, NOW).run.state, "running");
  });

  test("says why an action is not possible", () => {
    assert.deepEqual(actionOn({ state: "running" }, "pause"), { possible: true });
    assert.deepEqual(actionOn({ state: "finished" }, "resume"), {
      possible: false,
      why: "Not possible: it is finished.",
    });
  });
});

const claim = (text: string): ShownClaim => ({
  text,
  question: null,
  pYes: 0.9,
  each: [],
  verdict: "accepted",
  repeated: false,
  inBoth: false,
});

describe("claims", () => {
  test("are marked where they stand, in their order, and listed where they do not", () => {
    const { parts, unplaced } = marking("A dog. A cat.", [claim("A dog."), claim("A bird."), claim("A cat.")]);
    assert.deepEqual(
      parts.map(({ text, claim: at }) => [text, at !== null]),
      [
        ["A dog.", true],
        [" ", false],
        ["A cat.", true],
      ],
    );
    assert.equal(parts.map(({ text }) => text).join(""), "A dog. A cat.", "no letter of the answer is lost");
    assert.deepEqual(
      unplaced.map(({ text }) => text),
      ["A bird."],
    );
  });

  test("of a pair are the same whatever their case and punctuation", () => {
    const side = (...texts: string[]) => ({
      candidateId: "c",
      text: texts.join(" "),
      score: 0,
      claims: texts.map((text) => ({ text, question: "?", pYes: 1, pNo: 0, verdict: "accepted" as const })),
    });
    const { chosen, rejected } = pairClaims(side("A dog.", "A cat."), side("a DOG", "A bird."));
    assert.deepEqual(
      chosen.map(({ inBoth }) => inBoth),
      [true, false],
    );
    assert.deepEqual(
      rejected.map(({ inBoth }) => inBoth),
      [true, false],
    );
  });
});

describe("chat", () => {
  test("puts a stream together, however it is cut", () => {
    const chunks = [
      '{"choices":[{"delta":{"content":"A "}}]}',
      '{"choices":[{"delta":{"content":"dog"},"finish_reason":"stop"}]}',
    ];
    const stream = chunks.map((data) => `data: ${data}\n\n`).join("");
    for (const size of [1, 7, stream.length]) {
      const parse = sseParser();
      const pieces = stream.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];
      const messages = pieces.flatMap(parse);
      let answer = askedAt("m", NOW);
      for (const { data } of messages) answer = answerAfter(answer, JSON.parse(data), NOW + 5);
      answer = ended(answer, "done", NOW + 9);
      assert.deepEqual([answer.text, answer.finish, answer.state, answer.firstMs], ["A dog", "stop", "done", NOW + 5]);
    }
  });

  test("sends the picture before the question, and trust only where it is wanted", () => {
    const plain = {
      model: "m",
      question: "q",
      image: "data:,",
      bestOf: undefined,
      temperature: 0,
      maxTokens: 5,
      seed: undefined,
    };
    const { messages, ...rest } = chatBody(plain);
    assert.deepEqual(
      messages[0]?.content.map(({ type }) => type),
      ["image_url", "text"],
    );
    assert.equal("trust" in rest, false);
    assert.deepEqual(chatBody({ ...plain, bestOf: 8 }).trust, { best_of: 8, claims: true });
  });
});

test("an address leads to its page and back, whatever an id holds", () => {
  const href = hrefOf(["runs", "a/b ü", "samples", "s?1"], { pass: "1.train", state: undefined });
  assert.deepEqual(routeOf(href), { page: "sample", runId: "a/b ü", sampleId: "s?1", query: { pass: "1.train" } });
  assert.deepEqual(routeOf("#/evals"), { page: "evals" });
  assert.deepEqual(routeOf("#/evals/evl_1"), { page: "eval", id: "evl_1" });
  assert.deepEqual(routeOf("#/nowhere"), { page: "unknown", path: "nowhere" });
});

test("an evaluation says whose answers it is of, also one that an earlier version began", () => {
  const subject = { run: { id: "demo-1", round: 2 }, model: null, answers: null };
  assert.equal(subjectText({ subject }), "round 2 of demo-1");
  assert.equal(subjectText({ subject: { ...subject, run: { id: "demo-1", round: 0 } } }), "the base model of demo-1");
  assert.equal(subjectText({ subject: { run: null, model: "m", answers: null } }), "m");
  assert.equal(subjectText({ subject: { run: null, model: null, answers: 2 } }), "2 sent answers");
  assert.equal(subjectText({ subject: null }), "answers");
});

test("a form that cannot be sent says which field is wrong", () => {
  const wrong = demoBody({ rounds: "0", images: "5", seed: "1" });
  assert.deepEqual(wrong, { outcome: "wrong", why: "rounds is a whole number from 1 to 50, not “0”." });
  assert.equal(ownBody({ config: "{", manifestId: "man_1", question: "", strict: false }).outcome, "wrong");
  const ready = ownBody({ config: "{}", manifestId: "man_1", question: " Why? ", strict: true });
  assert.deepEqual(ready, {
    outcome: "ready",
    body: { config: {}, strict: true, question: "Why?", manifest_id: "man_1" },
  });
});

test("a moment is told as people say it", () => {
  assert.equal(ago("2026-11-23T09:58:00Z", NOW), "2 min. ago");
});
