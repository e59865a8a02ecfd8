/**
 * What the runner costs: the whole loop, with its real workers, against a simulated server on virtual time. The virtual
 * makespan shows whether the server's slots are kept busy; the real CPU time shows what a request costs beside the model.
 */
import { parseArgs } from "node:util";
import { idealOf, type Shape, type Simulated, simulateRun } from "./simulated-run.ts";

/** The cloud's shape (design §6: shards of about 1,000), and what a config says by default for one machine's server. */
const SHAPES: Record<string, Shape> = {
  cloud: { samples: 100_000, slots: 256, shardSamples: 1000, concurrentShards: 4 },
  "one machine": { samples: 10_000, slots: 32, shardSamples: 40, concurrentShards: 4 },
};

const { values } = parseArgs({ options: { samples: { type: "string" }, shape: { type: "string", default: "cloud" } } });
const known = SHAPES[values.shape];
if (known === undefined) throw new Error(`--shape: "${values.shape}" is none of ${Object.keys(SHAPES).join(", ")}`);
const shape = { ...known, samples: values.samples === undefined ? known.samples : Number(values.samples) };
print(shape, await simulateRun(shape));

function print({ samples, slots, shardSamples, concurrentShards }: Shape, run: Simulated): void {
  const { states, requests, idealMs, makespanMs } = run;
  const own = run.cpuMs - run.simulationCpuMs;
  console.log(
    `${values.shape}: ${count(samples)} samples in shards of ${shardSamples}, ${concurrentShards} at once, ${slots} slots`,
  );
  console.log(
    `  ${count(requests)} requests; ${count(states.paired)} paired, ${count(states.unpaired)} unpaired samples`,
  );
  for (const [stage, load] of run.loads) {
    const ideal = idealOf(load, slots);
    const took = load.lastAt - load.firstAt;
    console.log(`  ${stage}: ideal ${seconds(ideal)}, took ${seconds(took)} (${(took / ideal).toFixed(3)})`);
  }
  console.log(
    `  makespan: ideal ${seconds(idealMs)}, virtual ${seconds(makespanMs)}, ratio ${(makespanMs / idealMs).toFixed(4)}`,
  );
  console.log(
    `  CPU of the runner: ${micros(own, samples)} a sample, ${micros(own, requests)} a request, ${count((1000 * requests) / own)} requests a second of one core`,
  );
  console.log(
    `  (${seconds(run.cpuMs)} of CPU in all, of which the simulation itself needs about ${seconds(run.simulationCpuMs)})`,
  );
  console.log(
    `  peak memory: ${Math.round(process.resourceUsage().maxRSS / 1024)} MB, with all replies and files in it`,
  );
}

function count(number: number): string {
  return Math.round(number).toLocaleString("en");
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function micros(ms: number, units: number): string {
  return `${((1000 * ms) / units).toFixed(1)} µs`;
}
