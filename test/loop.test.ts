import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import aslValidator from "asl-validator";
import { MAX_HISTORY_EVENTS } from "../functions/adapters/asl/limits.ts";
import { type LocalOrchestrator, openOrchestrator } from "../functions/adapters/asl/orchestrator.ts";
import { loopDefinition } from "../shared/loop.ts";
import { IN_PROCESS_LIMITS, LOOP_LIMITS, type LoopRefs, type WorkerName } from "../shared/loop-stages.ts";
import type { Execution, Json } from "../shared/ports/orchestrator.ts";
import {
  DispatchInput,
  GateInput,
  type GateResult,
  LoopOutput,
  PassInput,
  PlanInput,
  type PrepareResult,
  RUN_PAUSED,
  TrainInput,
} from "../shared/schemas/loop.ts";
import { memoryObjects, NamedError, type Objects } from "./adapters/asl/bench.ts";
import { virtualClock } from "./support/virtual-clock.ts";

const WORKERS: WorkerName[] = ["prepare", "plan", "dispatch", "pair", "train", "select", "evaluate", "gate"];
const REFS: LoopRefs = {
  functions: Object.fromEntries(WORKERS.map((name) => [name, name])) as Record<WorkerName, string>,
  bucket: "bucket",
};
const definition = loopDefinition(REFS);

type World = {
  prepared?: Partial<PrepareResult>;
  shards?: number;
  pairs?: number;
  trained?: boolean;
  selectPasses?: string[];
  /** Called for every dispatch; may throw. Otherwise the shard succeeds a second later. */
  onDispatch?: (input: DispatchInput) => void;
  paused?: () => boolean;
  gate?: (round: number) => GateResult;
};

/** A run whose workers remember nothing but what they were asked, as `pass stage` or `pass worker`. */
class TestRun {
  readonly calls: string[] = [];
  readonly dispatched: string[] = [];
  /** Before which rounds the gate was asked: the number of the last one that had ended. */
  readonly gated: number[] = [];
  readonly objects: Objects = new Map();
  readonly clock = virtualClock();
  readonly orchestrator: LocalOrchestrator;
  readonly world: World;
  #finished = new Set<string>();

  constructor(world: World) {
    this.world = world;
    const functions = { prepare: this.#prepare, plan: this.#plan, dispatch: this.#dispatch, train: this.#train };
    const simple = {
      pair: this.#simple("pair", { pairs: world.pairs ?? 3 }),
      select: this.#simple("select", {}),
      evaluate: this.#simple("evaluate", {}),
      gate: this.#gate,
    };
    this.orchestrator = openOrchestrator({
      database: new DatabaseSync(":memory:"),
      definition,
      functions: { ...functions, ...simple },
      objects: memoryObjects(this.objects),
      clock: this.clock,
    });
  }

  async execution(name = "run"): Promise<Execution> {
    const { executionId } = await this.orchestrator.start({ name, input: { runId: "demo" } });
    return this.clock.run(this.orchestrator.settled(executionId));
  }

  #refuseWhenPaused(): void {
    if (this.world.paused?.()) throw new NamedError(RUN_PAUSED);
  }

  #prepare = async (payload: Json) => {
    assert.deepEqual(payload, { runId: "demo" });
    const defaults = {
      firstRound: 1,
      rounds: 2,
      basePasses: ["0.select-0", "0.evaluate", "0.greedy"],
      hasTrainer: true,
      hasEvaluation: true,
      hasControl: false,
      maxConcurrency: 2,
      toleratedFailurePercent: 10,
    };
    return { ...defaults, ...this.world.prepared };
  };

  #plan = async (payload: Json) => {
    this.#refuseWhenPaused();
    const { passId, stage } = PlanInput.parse(payload);
    this.calls.push(`${passId} ${stage}`);
    const shards = Array.from({ length: this.world.shards ?? 3 }, (_, n) => `s${n}`);
    const left = shards.filter((shardId) => !this.#finished.has(`${passId} ${stage} ${shardId}`));
    const manifestKey = `manifests/${passId}/${stage}.jsonl`;
    this.objects.set(`bucket/${manifestKey}`, left.map((shardId) => `${JSON.stringify({ shardId })}\n`).join(""));
    return { manifestKey, shards: left.length };
  };

  #dispatch = async (payload: Json) => {
    this.#refuseWhenPaused();
    const input = DispatchInput.parse(payload);
    const { passId, stage, shardId, token } = input;
    this.dispatched.push(`${passId} ${stage} ${shardId}`);
    this.world.onDispatch?.(input);
    void this.clock.sleep(1000).then(() => {
      this.#finished.add(`${passId} ${stage} ${shardId}`);
      return this.orchestrator.complete(token, { kind: "success", output: { shardId } });
    });
  };

  #train = async (payload: Json) => {
    const { passId, token, round } = TrainInput.parse(payload);
    this.calls.push(`${passId} train`);
    const selectPasses = this.world.selectPasses ?? [`${round}.select-7`, `${round}.select-14`];
    void this.clock.sleep(60_000).then(() =>
      this.orchestrator.complete(token, {
        kind: "success",
        output: { trained: this.world.trained ?? true, selectPasses },
      }),
    );
  };

  #gate = async (payload: Json) => {
    this.#refuseWhenPaused();
    const { round } = GateInput.parse(payload);
    this.gated.push(round);
    return this.world.gate?.(round) ?? { outcome: "go_on" };
  };

  #simple(name: string, result: Json) {
    return async (payload: Json) => {
      this.#refuseWhenPaused();
      this.calls.push(`${PassInput.parse(payload).passId} ${name}`);
      return result;
    };
  }
}

const stages = (passId: string) => ["generate", "divide", "question", "score"].map((stage) => `${passId} ${stage}`);

for (const limits of [LOOP_LIMITS, IN_PROCESS_LIMITS]) {
  test(`asl-validator finds nothing wrong with the loop ${limits === LOOP_LIMITS ? "on AWS" : "in process"}`, () => {
    const { isValid, errorsText } = aslValidator(JSON.parse(JSON.stringify(loopDefinition({ ...REFS, limits }))));
    assert.ok(isValid, errorsText("\n"));
  });
}

test("two rounds run base evaluation, stages, pairs, training, selection and evaluation in order", async () => {
  const run = new TestRun({});
  const { status, output } = await run.execution();
  const round = (n: number) => [
    ...stages(`${n}.train`),
    `${n}.train pair`,
    `${n}.train train`,
    ...stages(`${n}.select-7`),
    ...stages(`${n}.select-14`),
    `${n}.select-14 select`,
    ...stages(`${n}.evaluate`),
    ...stages(`${n}.greedy`),
    `${n}.greedy evaluate`,
  ];
  assert.deepEqual([status, LoopOutput.parse(output)], ["SUCCEEDED", { runId: "demo", status: "finished", round: 2 }]);
  assert.deepEqual(run.calls, [
    ...["0.select-0", "0.evaluate", "0.greedy"].flatMap(stages),
    "0.greedy evaluate",
    ...round(1),
    ...round(2),
  ]);
  assert.equal(run.dispatched.length, 3 * 4 * (3 + 2 * 5));
});

test("the control is trained and evaluated once, after the last round", async () => {
  const run = new TestRun({ prepared: { basePasses: [], rounds: 1, hasControl: true }, selectPasses: [] });
  assert.equal((await run.execution()).status, "SUCCEEDED");
  assert.deepEqual(run.calls.slice(-6), ["1.control train", ...stages("1.control"), "1.control evaluate"]);
});

test("the gate stands before every round and after the last", async () => {
  const run = new TestRun({ prepared: { hasControl: true } });
  assert.equal((await run.execution()).status, "SUCCEEDED");
  assert.deepEqual(run.gated, [0, 1, 2, 2]);
});

test("a gate that says stop ends the run as finished, with its reason and without the rounds that were left", async () => {
  const stop = { outcome: "stop" as const, reason: "recall fell" };
  const run = new TestRun({
    prepared: { basePasses: [], rounds: 4, hasControl: true },
    gate: (round) => (round < 2 ? { outcome: "go_on" } : stop),
  });
  const { status, output } = await run.execution();
  const ending = { runId: "demo", status: "finished", round: 2, reason: "recall fell" };
  assert.deepEqual([status, LoopOutput.parse(output)], ["SUCCEEDED", ending]);
  assert.deepEqual([run.calls.at(-1), run.gated], ["2.greedy evaluate", [0, 1, 2]]);
  const again = new TestRun({ prepared: { basePasses: [], rounds: 4, firstRound: 3 }, gate: () => stop });
  assert.deepEqual((await again.execution()).output, ending);
  assert.deepEqual(again.calls, []);
});

test("a gate that finds the budget spent pauses the run before the next round", async () => {
  const spent = () => {
    throw new NamedError(RUN_PAUSED);
  };
  const run = new TestRun({
    prepared: { basePasses: [] },
    gate: (round) => (round === 1 ? spent() : { outcome: "go_on" }),
  });
  assert.deepEqual((await run.execution()).output, { runId: "demo", status: "paused", round: 1 });
  assert.equal(run.calls.at(-1), "1.greedy evaluate");
});

test("a run without trainer and evaluation makes pairs only", async () => {
  const run = new TestRun({ prepared: { hasTrainer: false, basePasses: [], hasEvaluation: false } });
  assert.equal((await run.execution()).status, "SUCCEEDED");
  assert.deepEqual(
    run.calls,
    [1, 2].flatMap((n) => [...stages(`${n}.train`), `${n}.train pair`]),
  );
});

test("a round without pairs, and one with too few of them, leave the policy as it is", async () => {
  const prepared = { basePasses: [], rounds: 1 };
  const [none, few] = [
    new TestRun({ prepared, pairs: 0 }),
    new TestRun({ prepared, trained: false, selectPasses: [] }),
  ];
  await Promise.all([none.execution(), few.execution()]);
  assert.deepEqual(none.calls, [...stages("1.train"), "1.train pair"]);
  assert.deepEqual(few.calls, [...stages("1.train"), "1.train pair", "1.train train"]);
});

test("without checkpoints to compare, selection follows training at once", async () => {
  const run = new TestRun({ prepared: { basePasses: [], rounds: 1 }, selectPasses: [] });
  await run.execution();
  assert.deepEqual(run.calls.slice(4), [
    "1.train pair",
    "1.train train",
    "1.train select",
    ...stages("1.evaluate"),
    ...stages("1.greedy"),
    "1.greedy evaluate",
  ]);
});

test("a run with nothing left to do finishes at once", async () => {
  const run = new TestRun({ prepared: { firstRound: 3, basePasses: [] } });
  assert.deepEqual((await run.execution()).output, { runId: "demo", status: "finished", round: 2 });
  assert.deepEqual(run.calls, []);
});

test("a spent budget ends the execution as paused, and starting again does only what is left", async () => {
  let budget = 5;
  const run = new TestRun({
    prepared: { basePasses: [], hasTrainer: false, hasEvaluation: false, rounds: 1 },
    paused: () => budget <= 0,
    onDispatch: () => {
      budget -= 1;
    },
  });
  const { status, output } = await run.execution();
  assert.deepEqual([status, output], ["SUCCEEDED", { runId: "demo", status: "paused", round: 1 }]);
  assert.deepEqual(run.calls, ["1.train generate", "1.train divide"]);
  budget = 100;
  assert.deepEqual((await run.execution("run-2")).output, { runId: "demo", status: "finished", round: 1 });
  assert.equal(new Set(run.dispatched).size, run.dispatched.length);
  assert.equal(run.dispatched.length, 3 * 4);
});

test("a shard is tried again with a higher attempt, and its failure is tolerated up to the run's share", async () => {
  const attempts: number[] = [];
  const failing = (shardId: string) => (input: DispatchInput) => {
    if (input.stage !== "score" || input.shardId !== shardId) return;
    attempts.push(input.attempt);
    throw new NamedError(attempts.length < 3 ? "Worker.Retryable" : "Shard.Broken");
  };
  const prepared = { basePasses: [], hasTrainer: false, rounds: 1 };
  const tolerated = new TestRun({ prepared, shards: 10, onDispatch: failing("s4") });
  assert.equal((await tolerated.execution()).status, "SUCCEEDED");
  assert.deepEqual(attempts, [0, 1, 2]);
  const broken = new TestRun({ prepared, shards: 3, onDispatch: failing("s1") });
  const { status, error } = await broken.execution();
  assert.deepEqual([status, error?.error], ["FAILED", "Run.TooManyShardsFailed"]);
  assert.match(error?.cause ?? "", /pass 1\.train: 1 of 3 items failed.*Shard\.Broken/);
});

test("a round that compares two checkpoints takes so few events that fifty rounds fit into one execution", async () => {
  const run = new TestRun({ shards: 1, prepared: { basePasses: [] } });
  const { id } = await run.execution();
  const events = await run.orchestrator.history(id, { after: 0, limit: 1000 });
  assert.ok(events.length / 2 < MAX_HISTORY_EVENTS / 50, `${events.length} events for two rounds`);
});
