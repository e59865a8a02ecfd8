/** How many state transitions a run takes, counted on the loop's own definition: it is carried out with workers that do nothing. */
import { openOrchestrator } from "../../functions/adapters/asl/orchestrator.ts";
import { loopDefinition } from "../../shared/loop.ts";
import { IN_PROCESS_LIMITS, type State, type WorkerName } from "../../shared/loop-stages.ts";
import type { Json } from "../../shared/ports/orchestrator.ts";
import { DispatchInput, PlanInput, TrainInput } from "../../shared/schemas/loop.ts";
import { eventClock } from "../event-clock.ts";

const WORKERS: WorkerName[] = ["prepare", "plan", "dispatch", "pair", "train", "select", "evaluate", "gate"];
const REFS = {
  functions: Object.fromEntries(WORKERS.map((name) => [name, name])) as Record<WorkerName, string>,
  bucket: "bucket",
};

/** `parent`: of the execution itself; `child`: of one shard of one stage, without retries. */
export type Transitions = { parent: number; child: number };

export async function countTransitions({ rounds, trains }: { rounds: number; trains: boolean }): Promise<Transitions> {
  const clock = eventClock();
  const objects = new Map<string, string>();
  const answer = (token: string, output: Json) =>
    void clock.sleep(1).then(() => loop.complete(token, { kind: "success", output }));
  const loop = openOrchestrator({
    database: ":memory:",
    definition: loopDefinition({ ...REFS, limits: IN_PROCESS_LIMITS }),
    functions: {
      prepare: async () => ({
        firstRound: 1,
        rounds,
        basePasses: [],
        hasTrainer: trains,
        hasEvaluation: false,
        hasControl: false,
        maxConcurrency: 1,
        toleratedFailurePercent: 0,
      }),
      plan: async (event) => {
        const { passId, stage } = PlanInput.parse(event);
        const manifestKey = `${passId}/${stage}`;
        objects.set(manifestKey, `{"shardId":"0"}\n`);
        return { manifestKey, shards: 1 };
      },
      dispatch: async (event) => answer(DispatchInput.parse(event).token, {}),
      pair: async () => ({ pairs: 1 }),
      train: async (event) => answer(TrainInput.parse(event).token, { trained: true, selectPasses: [] }),
      select: async () => ({}),
      evaluate: async () => ({}),
      gate: async () => ({ outcome: "go_on" }),
    },
    objects: {
      readObject: async ({ key }) => objects.get(key)!,
      writeObject: async ({ key }, content) => void objects.set(key, content),
    },
    clock,
  });
  const { executionId } = await loop.start({ name: "count", input: { runId: "count" } });
  const { status } = await clock.run(loop.settled(executionId));
  if (status !== "SUCCEEDED") throw new Error(`the loop ended as ${status}`);
  const events = await loop.history(executionId, { after: 0, limit: 1000 });
  await loop.close();
  const parent = events.filter(({ type }) => type.endsWith("StateEntered")).length;
  return { parent, child: childTransitions() };
}

/** The states a shard that succeeds goes through, and its start (cloud.md §F: how children are counted is not published). */
function childTransitions(): number {
  const { States } = loopDefinition(REFS);
  const { StartAt, States: inside } = States["Generate"]!["ItemProcessor"] as {
    StartAt: string;
    States: Record<string, State>;
  };
  let count = 1;
  for (let name: Json | undefined = StartAt; typeof name === "string"; name = inside[name]!["Next"]) count++;
  return count;
}
