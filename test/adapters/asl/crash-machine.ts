/** The process that crash.test.ts kills: starts or resumes one execution in the folder it is given, and prints its output. */
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openOrchestrator } from "../../../functions/adapters/asl/orchestrator.ts";
import type { Json } from "../../../shared/ports/orchestrator.ts";
import { invoke, invokeAndWait, memoryObjects } from "./bench.ts";

export const ITEMS = 24;
export const ROUNDS = 3;
/** A second of the machine takes this many milliseconds. */
const MS_PER_SECOND = 20;

const item = { ...invokeAndWait("work"), Output: "{% $states.result.n %}", TimeoutSeconds: 6000, End: true };
const side = (name: string) => ({
  StartAt: `Nap ${name}`,
  States: {
    [`Nap ${name}`]: { Type: "Wait", Seconds: 2, Next: `Try ${name}` },
    [`Try ${name}`]: {
      ...invoke("flaky"),
      Retry: [{ ErrorEquals: ["Flaky"], MaxAttempts: 99, MaxDelaySeconds: 2 }],
      End: true,
    },
  },
});
const STATES = {
  Plan: { ...invoke("plan"), Assign: { turn: 0, total: 0 }, Next: "Work" },
  Work: {
    Type: "Map",
    ItemReader: {
      Resource: "arn:aws:states:::s3:getObject",
      ReaderConfig: { InputType: "JSONL" },
      Arguments: { Bucket: "b", Key: "items" },
    },
    ItemSelector: { n: "{% $states.context.Map.Item.Value %}", round: "{% $turn %}" },
    MaxConcurrency: 4,
    ItemProcessor: {
      ProcessorConfig: { Mode: "DISTRIBUTED", ExecutionType: "STANDARD" },
      StartAt: "One",
      States: { One: item },
    },
    Assign: { total: "{% $total + $sum($states.result) %}", turn: "{% $turn + 1 %}" },
    Output: {},
    Next: "Both",
  },
  Both: { Type: "Parallel", Branches: [side("left"), side("right")], Output: "{% $states.result %}", Next: "More?" },
  "More?": { Type: "Choice", Choices: [{ Condition: `{% $turn < ${ROUNDS} %}`, Next: "Pause" }], Default: "Done" },
  Pause: { Type: "Wait", Seconds: 2, Next: "Work" },
  Done: { Type: "Succeed", Output: { sum: "{% $total %}", rounds: "{% $turn %}", sides: "{% $states.input %}" } },
};

async function main(folder: string): Promise<void> {
  const log = (line: string) => appendFileSync(join(folder, "work.log"), `${line}\n`);
  let flaky = 0;
  const orchestrator = openOrchestrator({
    database: join(folder, "loop.sqlite"),
    definition: { QueryLanguage: "JSONata", StartAt: "Plan", States: STATES },
    clock: {
      now: Date.now,
      sleep: (ms, signal) => sleep((ms * MS_PER_SECOND) / 1000, undefined, signal && { signal }),
    },
    objects: memoryObjects(new Map([["b/items", Array.from({ length: ITEMS }, (_, n) => `${n}\n`).join("")]])),
    functions: {
      plan: async () => null,
      flaky: async () => {
        flaky += 1;
        if (flaky % 3 !== 0) throw Object.assign(new Error(), { name: "Flaky" });
        return "side";
      },
      work: async (payload: Json) => {
        const { input, token } = payload as { input: { n: number; round: number }; token: string };
        log(`${input.round} ${input.n}`);
        setTimeout(() => void orchestrator.complete(token, { kind: "success", output: { n: input.n } }), 5);
      },
    },
  });
  await orchestrator.resume();
  const { executionId } = await orchestrator.start({ name: "run", input: {} });
  process.stdout.write("ready\n");
  const { status, output, error } = await orchestrator.settled(executionId);
  process.stdout.write(`${JSON.stringify({ status, output, error })}\n`);
  await orchestrator.close();
}

if (process.argv[2] !== undefined) await main(process.argv[2]);
