/** The money of one evaluation: what a group of requests may cost is reserved before it is asked, and settled after it. */
import type { Meter } from "../../shared/answer.ts";
import { addUsage, costMicros, NO_USAGE } from "../../shared/budget/cost.ts";
import { MICROS_PER_USD } from "../../shared/budget/prices.ts";
import type { Clock } from "../../shared/ports/clock.ts";
import type { Ledger } from "../../shared/ports/ledger.ts";
import type { ChatReply, ChatRequest, Target, Usage } from "../../shared/schemas/chat.ts";
import type { ModelRef } from "../../shared/schemas/config.ts";
import { usageBound } from "../trust/bounds.ts";
import { BudgetSpent } from "./problems.ts";

/** A group of requests that is silent for so long counts as dead. Our choice. */
const LEASE_MS = 30 * 60_000;

export type EvaluationMeter = Meter & {
  /** Settles what is open; safe to repeat. */
  end(): Promise<void>;
  spentUsd(): number;
};

type Group = { id: string; started: number; bounds: Map<string, Usage>; most: number; usage: Map<Target, Usage> };

export type MeterOptions = {
  /** E.g. `eval/1f2e3d4c`: opened before. */
  account: string;
  refs: (target: Target) => ModelRef;
};

export function evaluationMeter(
  { account, refs }: MeterOptions,
  { ledger, clock }: { ledger: Ledger; clock: Clock },
): EvaluationMeter {
  let [group, spent, groups]: [Group | undefined, number, number] = [undefined, 0, 0];
  const nonce = crypto.randomUUID();

  const costOf = ({ usage, started }: Group): number => {
    const seconds = (clock.now() - started) / 1000;
    return [...usage].reduce((sum, [target, used]) => sum + costMicros(refs(target), { usage: used, seconds }), 0);
  };

  async function end(): Promise<void> {
    if (group === undefined) return;
    const [closing, cost] = [group, Math.min(group.most, costOf(group))];
    group = undefined;
    spent += cost;
    await ledger.settle(closing.id, [{ account, amount: cost }]);
  }

  return {
    async begin(requests) {
      await end();
      const bounds = new Map(requests.map((request) => [request.custom_id, boundOf(request, refs)]));
      const most = requests.reduce((sum, { custom_id, target }) => {
        return sum + costMicros(refs(target), { usage: bounds.get(custom_id)!, seconds: EMBEDDED_SECONDS });
      }, 0);
      const opened = { id: `${account}/${nonce}/${groups++}`, started: clock.now(), bounds, most, usage: new Map() };
      const amounts = [{ account, amount: most }];
      const leaseUntil = clock.now() + LEASE_MS;
      const reserved = await ledger.reserve({ id: opened.id, amounts, leaseUntil, atRisk: amounts });
      if (reserved.outcome === "short") throw new BudgetSpent(reserved.missing / MICROS_PER_USD);
      group = opened;
    },
    count(target, reply) {
      if (group === undefined) return;
      const used = usedBy(reply, group.bounds.get(reply.custom_id) ?? NO_USAGE);
      group.usage.set(target, addUsage(group.usage.get(target) ?? NO_USAGE, used));
    },
    async flush() {
      if (group === undefined) return;
      await ledger.charge(group.id, [{ account, amount: Math.min(group.most, costOf(group)) }], clock.now() + LEASE_MS);
    },
    end,
    spentUsd: () => (spent + (group === undefined ? 0 : costOf(group))) / MICROS_PER_USD,
  };
}

/** Longest one request keeps the embedded engine, which is paid by time. Our choice: an answer takes about a second. */
const EMBEDDED_SECONDS = 30;

const boundOf = ({ target, body }: ChatRequest, refs: MeterOptions["refs"]): Usage =>
  usageBound(refs(target), { max_tokens: 4096, ...body }, () => undefined);

/** A server that tells no usage may have used all of the bound, and so may one whose reply was lost. */
function usedBy(reply: ChatReply, bound: Usage): Usage {
  if (reply.outcome === "completed") return reply.completion.usage ?? bound;
  return ["timed_out", "connection_lost", "garbled_reply", "no_reply", "engine_failed"].includes(reply.failure.code)
    ? bound
    : NO_USAGE;
}
