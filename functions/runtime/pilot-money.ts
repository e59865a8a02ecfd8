/** A pilot's money: what each wave of requests may cost at most is taken from the asker's day before it is asked. */
import { randomUUID } from "node:crypto";
import type { Meter } from "../../shared/answer.ts";
import { type ImageSize, requestBound } from "../../shared/budget/bound.ts";
import { addUsage, costMicros, NO_USAGE } from "../../shared/budget/cost.ts";
import { COMPUTE_PRICES, toMicros } from "../../shared/budget/prices.ts";
import type { Clock } from "../../shared/ports/clock.ts";
import type { ChatRequest, Target, Usage } from "../../shared/schemas/chat.ts";
import type { ModelRef } from "../../shared/schemas/config.ts";
import type { Admission, Limited, Principal, Ticket } from "../api/admission/admission.ts";
import { EMBEDDED_SECONDS_BOUND } from "../workers/money.ts";

/** Who pays for a pilot; nobody counts it on the command line. */
export type Payer = { admission: Pick<Admission, "admit">; principal: Principal };

/** Thrown where the asker's limits have no room; what was answered before is kept. */
export class PilotLimited extends Error {
  readonly limited: Limited;
  constructor(limited: Limited) {
    super(limited.message);
    this.limited = limited;
  }
}

export type PilotMeter = Meter & {
  /** Settles the last wave; safe to repeat. Gives what all waves have cost. */
  end(): Promise<number>;
};

type Prices = { refs: (target: Target) => ModelRef; sizeOf: (url: string) => ImageSize | undefined };
type Wave = {
  ticket: Ticket | undefined;
  started: number;
  computes: boolean;
  bounds: Map<string, Usage>;
  usage: Map<Target, Usage>;
};

export function pilotMeter({ refs, sizeOf }: Prices, clock: Clock, payer: Payer | undefined): PilotMeter {
  const pilotId = randomUUID();
  let waves = 0;
  let wave: Wave | undefined;
  let total = 0;

  async function begin(requests: readonly ChatRequest[]): Promise<void> {
    await end();
    const paid = requests.filter(({ target }) => refs(target).engine !== "embedded");
    const bounds = new Map(paid.map(({ custom_id, body }) => [custom_id, requestBound(body, sizeOf)]));
    const computes = paid.length < requests.length;
    const usdMicros = paid.reduce(
      (sum, { custom_id, target }) => sum + costMicros(refs(target), { usage: bounds.get(custom_id)!, seconds: 0 }),
      computes ? computeMicros(EMBEDDED_SECONDS_BOUND) : 0,
    );
    const ticket = await admit(usdMicros);
    wave = { ticket, started: clock.now(), computes, bounds, usage: new Map() };
  }

  /** Money alone counts: the tokens of a day are for chat. */
  async function admit(usdMicros: number): Promise<Ticket | undefined> {
    if (payer === undefined) return undefined;
    const requestId = `pilot/${pilotId}/${waves++}`;
    const admitted = await payer.admission.admit(payer.principal, { requestId, tokens: 0, usdMicros });
    if (admitted.outcome === "limited") throw new PilotLimited(admitted);
    return admitted.ticket;
  }

  function spentMicros({ usage, computes, started }: Wave): number {
    const computed = computes ? computeMicros((clock.now() - started) / 1000) : 0;
    return [...usage].reduce(
      (sum, [target, used]) => sum + costMicros(refs(target), { usage: used, seconds: 0 }),
      computed,
    );
  }

  async function end(): Promise<number> {
    if (wave !== undefined) {
      const usdMicros = spentMicros(wave);
      await wave.ticket?.settle({ tokens: 0, usdMicros });
      total += usdMicros;
      wave = undefined;
    }
    return total;
  }

  return {
    begin,
    count(target, reply) {
      if (wave === undefined || reply.outcome === "failed" || refs(target).engine === "embedded") return;
      const used = reply.completion.usage ?? wave.bounds.get(reply.custom_id) ?? NO_USAGE;
      wave.usage.set(target, addUsage(wave.usage.get(target) ?? NO_USAGE, used));
    },
    async flush() {
      if (wave !== undefined) await wave.ticket?.charge({ tokens: 0, usdMicros: spentMicros(wave) });
    },
    end,
  };
}

const computeMicros = (seconds: number): number => toMicros(seconds * COMPUTE_PRICES["cpu-core"]);
