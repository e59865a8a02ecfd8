/** Stands before every round: whether the quality asked for is there, and whether there is money to go on with. */
import { runAccount } from "../../shared/budget/accounts.ts";
import { checkRunGate, gateText } from "../../shared/evaluation/run-gate.ts";
import { gateKey, metricsKey, sftControlKey } from "../../shared/keys.ts";
import type { EvaluateConfig, RunConfig } from "../../shared/schemas/config.ts";
import { GateInput, type GateResult, RUN_PAUSED } from "../../shared/schemas/loop.ts";
import { Metrics } from "../../shared/schemas/metrics.ts";
import { RoundGate } from "../../shared/schemas/report.ts";
import { type WorkerDeps, WorkerError } from "./deps.ts";
import { readConfig, readJson, writeJson } from "./files.ts";

type GateDeps = Pick<WorkerDeps, "store" | "blobs" | "emit">;

/**
 * Asked a second time about a round, it gives back what it said. @throws `Run.Paused` where work is left and the budget is
 * spent to the last: the round that would begin could not ask a single question.
 */
export async function gate(event: unknown, deps: GateDeps): Promise<GateResult> {
  const { runId, round } = GateInput.parse(event);
  const config = await readConfig(deps.blobs, runId);
  const said = round === 0 ? undefined : await quality({ runId, round, config }, deps);
  if (said?.decision === "stop") return { outcome: "stop", reason: said.reason };
  if (await isWorkLeft({ runId, round, config }, deps)) await refuseSpent(runId, deps);
  return { outcome: "go_on" };
}

type Round = { runId: string; round: number; config: RunConfig };

/** `undefined` for a run without a gate. */
async function quality({ runId, round, config }: Round, deps: GateDeps): Promise<RoundGate | undefined> {
  const expression = config.evaluate?.gate;
  if (config.evaluate === undefined || expression === undefined) return undefined;
  const known = await readJson(deps.blobs, gateKey(runId, round), RoundGate);
  if (known !== undefined) return known;
  const metrics = await readJson(deps.blobs, metricsKey(runId, `${round}.evaluate`), Metrics);
  const left = config.rounds - round;
  const said = RoundGate.parse({
    expression,
    ...judged(expression, metrics, { stops: stopsAt(config.evaluate), left }),
  });
  await writeJson(deps.blobs, gateKey(runId, round), said);
  const { outcome, decision, reason } = said;
  deps.emit({ kind: "gate", round, outcome, decision, reason });
  return said;
}

const stopsAt = ({ stopAtGate }: EvaluateConfig): boolean => stopAtGate === true;

/** Pure. @param left rounds that are still to come: after the last one there is nothing to stop */
function judged(
  expression: string,
  metrics: Metrics | undefined,
  { stops, left }: { stops: boolean; left: number },
): Omit<RoundGate, "expression"> {
  if (metrics === undefined) {
    return { outcome: "not_measured", checks: [], decision: "go_on", reason: "the round trained nothing to measure" };
  }
  const { passed, checks } = checkRunGate(expression, metrics);
  const told = gateText(checks);
  if (passed) return { outcome: "passed", checks, decision: "go_on", reason: `the gate passed (${told})` };
  if (!stops || left === 0)
    return { outcome: "failed", checks, decision: "go_on", reason: `the gate failed (${told})` };
  const ended = `${left} ${left === 1 ? "round was" : "rounds were"} left out, for evaluate.stopAtGate is set`;
  return { outcome: "failed", checks, decision: "stop", reason: `the gate failed (${told}); ${ended}` };
}

async function isWorkLeft({ runId, round, config }: Round, { blobs }: GateDeps): Promise<boolean> {
  if (round < config.rounds) return true;
  if (config.train === undefined || config.evaluate?.sftControl !== true) return false;
  return (await blobs.read(sftControlKey(runId), { offset: 0, length: 1 })) === undefined;
}

async function refuseSpent(runId: string, { store }: GateDeps): Promise<void> {
  const account = await store.ledger.read(runAccount(runId));
  if (account === undefined || account.settled < account.budget) return;
  throw new WorkerError(RUN_PAUSED, `the budget of ${account.budget / 1e6} USD is spent`);
}
