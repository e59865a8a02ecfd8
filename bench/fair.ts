/**
 * One server shared by a huge run and a small one: first come first served against deficit round robin, on a simulated
 * server and virtual time; then a chat beside a run on the real embedded engine in its thread (bench/fair-hosted.ts).
 */
import { fairEngine } from "../functions/fair/fair-engine.ts";
import type { Engine } from "../shared/ports/engine.ts";
import type { BatchLine } from "../shared/schemas/chat.ts";
import { eventClock } from "./event-clock.ts";
import { measureHosted } from "./fair-hosted.ts";
import { simulatedServer } from "./simulated-server.ts";

const SLOTS = 16; // our choice: a small vLLM server
const HUGE = 10_000;
const SMALL = 100;
const SMALL_COMES_AT = 60_000; // virtual ms: the huge run is well under way

type Policy = "alone" | "first come, first served" | "deficit round robin";
/** Times: virtual ms. `served`: requests of each run that were answered while the small one waited. */
type Outcome = { smallMs: number; hugeMs: number; served: { huge: number; small: number } };

const outcomes = new Map<Policy, Outcome>();
for (const policy of ["alone", "first come, first served", "deficit round robin"] as const) {
  outcomes.set(policy, await simulate(policy));
}
print(outcomes);
await measureHosted();

function requests(name: string, count: number): BatchLine[] {
  return Array.from({ length: count }, (_, at) => ({
    custom_id: `${name}/${at}`,
    method: "POST",
    url: "/v1/chat/completions",
    body: { model: "simulated", messages: [{ role: "user", content: "Describe the picture." }] },
  }));
}

async function simulate(policy: Policy): Promise<Outcome> {
  const clock = eventClock();
  const { engine } = simulatedServer({ slots: SLOTS, clock });
  const fair = fairEngine(engine, { inFlight: SLOTS });
  const engineOf = (flow: string): Engine => (policy === "deficit round robin" ? fair.for(flow) : engine);
  const ends: { huge: number[]; small: number[] } = { huge: [], small: [] };
  const answerAll = async (flow: "huge" | "small", count: number) => {
    for await (const _ of engineOf(flow).run(requests(flow, count), new AbortController().signal)) {
      ends[flow].push(clock.now());
    }
  };
  const comeLater = async () => {
    await clock.sleep(SMALL_COMES_AT);
    await answerAll("small", SMALL);
  };
  await clock.run(Promise.all([policy === "alone" ? undefined : answerAll("huge", HUGE), comeLater()]));
  const last = ends.small.at(-1)!;
  const within = (moments: readonly number[]) => moments.filter((at) => at > SMALL_COMES_AT && at <= last).length;
  const served = { huge: within(ends.huge), small: within(ends.small) };
  return { smallMs: last - SMALL_COMES_AT, hugeMs: ends.huge.at(-1) ?? 0, served };
}

/** Jain's fairness index (Jain, Chiu & Hawe 1984): 1 when all got the same, 1/n when one got everything. */
function jain(shares: readonly number[]): number {
  const sum = shares.reduce((total, share) => total + share, 0);
  return sum ** 2 / (shares.length * shares.reduce((total, share) => total + share ** 2, 0));
}

function print(all: ReadonlyMap<Policy, Outcome>): void {
  const alone = all.get("alone")!.smallMs;
  console.log(
    `${SLOTS} slots; a run of ${HUGE} requests, beside it one of ${SMALL} that comes ${SMALL_COMES_AT / 1000} s later`,
  );
  console.log(`  ${"".padEnd(26)}small run   ÷ alone   huge run   Jain's index while both wait`);
  for (const [policy, { smallMs, hugeMs, served }] of all) {
    const index = policy === "alone" ? "" : jain([served.huge, served.small]).toFixed(3);
    const cells = [
      seconds(smallMs).padStart(9),
      (smallMs / alone).toFixed(2).padStart(9),
      seconds(hugeMs).padStart(10),
    ];
    console.log(`  ${policy.padEnd(26)}${cells.join(" ")}   ${index}`);
  }
}

function seconds(ms: number): string {
  return ms === 0 ? "" : `${(ms / 1000).toFixed(1)} s`;
}
