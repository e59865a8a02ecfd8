/** Holders that reserve, spend, tell, retry and vanish, in random order, over real adapters. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Ledger } from "../../shared/ports/ledger.ts";

const ACCOUNTS = ["x", "y", "z"] as const;
type Account = (typeof ACCOUNTS)[number];

/** One reservation's life. Every call is made `calls` times: whoever hears no reply asks again. */
type Holder = {
  amounts: { account: Account; amount: number; riskPercent: number }[];
  lease: number;
  calls: number;
  steps: ({ kind: "spend"; percent: number } | { kind: "charge"; renew: boolean })[];
  ending: "settle" | "charge and release" | "vanish";
};
type Story = {
  budgets: Record<Account, number>;
  holders: Holder[];
  times: number[];
  raises: { account: Account; by: number }[];
};

const percent = fc.nat(100);
const account = fc.constantFrom(...ACCOUNTS);
const holder: fc.Arbitrary<Holder> = fc.record({
  amounts: fc.uniqueArray(fc.record({ account, amount: fc.nat(40), riskPercent: percent }), {
    selector: (part) => part.account,
    minLength: 1,
    maxLength: 3,
  }),
  lease: fc.integer({ min: 1, max: 10 }),
  calls: fc.integer({ min: 1, max: 3 }),
  steps: fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant("spend" as const), percent }),
      fc.record({ kind: fc.constant("charge" as const), renew: fc.boolean() }),
    ),
    { maxLength: 5 },
  ),
  ending: fc.constantFrom("settle", "charge and release", "vanish"),
});
const budget = fc.nat(100);
const story: fc.Arbitrary<Story> = fc.record({
  budgets: fc.record({ x: budget, y: budget, z: budget }),
  holders: fc.array(holder, { minLength: 1, maxLength: 8 }),
  times: fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 5 }),
  raises: fc.array(fc.record({ account, by: fc.nat(30) }), { maxLength: 3 }),
});

/** What a holder spends of one account: `told` was charged, `unseen` was not yet, and is never more than `risk`. */
type Purse = { account: Account; amount: number; risk: number; told: number; unseen: number };

type World = { ledger: Ledger; now: number; budgets: Record<Account, number>; spent: Purse[] };

async function check({ ledger, budgets }: World): Promise<void> {
  for (const name of ACCOUNTS) {
    const row = (await ledger.read(name))!;
    assert.ok(row.settled >= 0 && row.reserved >= 0);
    assert.ok(row.settled + row.reserved <= Math.max(row.budget, budgets[name]), `${name} stays within its budget`);
  }
}

/** The steps of one holder, each behind the scheduler: what others do comes in between. */
async function live(id: string, life: Holder, world: World, turn: Turn): Promise<void> {
  const purses = life.amounts.map(purseOf);
  const calls = callsOf(id, { life, purses }, world);
  const ask = async (work: () => Promise<string>): Promise<string> => {
    let outcome = await turn(work);
    for (let again = 1; again < life.calls; again++) outcome = await turn(work);
    await check(world);
    return outcome;
  };
  const reserved = await ask(calls.reserve);
  if (reserved === "short") return;
  world.spent.push(...purses);
  if (reserved === "already_closed") return;
  if (!(await work(life.steps, { purses, charge: (renew) => ask(() => calls.charge(renew)) }))) return;
  if (life.ending === "settle") await ask(calls.settle);
  if (life.ending === "charge and release" && (await ask(() => calls.charge(false))) === "charged") {
    await ask(calls.release);
  }
}

type Working = { purses: readonly Purse[]; charge: (renew: boolean) => Promise<string> };

/** False when the reservation was closed meanwhile: the holder came too late, and stops. */
async function work(steps: Holder["steps"], { purses, charge }: Working): Promise<boolean> {
  for (const step of steps) {
    if (step.kind === "spend") for (const purse of purses) spend(purse, step.percent);
    else if ((await charge(step.renew)) !== "charged") return false;
  }
  return true;
}

/** Each gives its outcome. */
function callsOf(id: string, { life, purses }: { life: Holder; purses: Purse[] }, world: World) {
  const { ledger } = world;
  const reservation = {
    id,
    amounts: purses.map(({ account: name, amount }) => ({ account: name, amount })),
    atRisk: purses.map(({ account: name, risk }) => ({ account: name, amount: risk })),
  };
  const spent = () => purses.map(({ account: name, told, unseen }) => ({ account: name, amount: told + unseen }));
  return {
    reserve: async () => (await ledger.reserve({ ...reservation, leaseUntil: world.now + life.lease })).outcome,
    async charge(renew: boolean) {
      const { outcome } = await ledger.charge(id, spent(), renew ? world.now + life.lease : undefined);
      if (outcome === "charged") for (const purse of purses) tell(purse);
      return outcome;
    },
    settle: async () => (await ledger.settle(id, spent())).outcome,
    release: async () => (await ledger.release(id)).outcome,
  };
}

const purseOf = ({ account: name, amount, riskPercent }: Holder["amounts"][number]): Purse => ({
  account: name,
  amount,
  risk: Math.floor((amount * riskPercent) / 100),
  told: 0,
  unseen: 0,
});

type Turn = <T>(work: () => Promise<T>) => Promise<T>;

function spend(purse: Purse, share: number): void {
  const room = Math.min(purse.risk - purse.unseen, purse.amount - purse.told - purse.unseen);
  purse.unseen += Math.floor((room * share) / 100);
}

function tell(purse: Purse): void {
  purse.told += purse.unseen;
  purse.unseen = 0;
}

async function passTime(times: readonly number[], world: World, turn: Turn): Promise<void> {
  for (const by of times) {
    world.now += by;
    await turn(async () => {
      const { now } = world;
      await world.ledger.expire(now);
      const outlived = (await world.ledger.held("")).filter(({ leaseUntil }) => leaseUntil <= now);
      assert.deepEqual(outlived, [], "no reservation outlives its lease");
    });
    await check(world);
  }
}

async function raise(raises: Story["raises"], world: World, turn: Turn): Promise<void> {
  for (const { account: name, by } of raises) {
    world.budgets[name] += by;
    const raised = world.budgets[name];
    await turn(() => world.ledger.open(name, raised));
    await check(world);
  }
}

async function checkStory(ledger: Ledger, told: Story, scheduler: fc.Scheduler): Promise<void> {
  const world: World = { ledger, now: 0, budgets: { ...told.budgets }, spent: [] };
  for (const name of ACCOUNTS) await ledger.open(name, told.budgets[name]);
  const turn: Turn = async (work) => {
    await scheduler.schedule(Promise.resolve());
    return work();
  };
  const lives = told.holders.map((one, at) => live(`h${at}`, one, world, turn));
  await scheduler.waitFor(Promise.all([...lives, passTime(told.times, world, turn), raise(told.raises, world, turn)]));
  await ledger.expire(Number.MAX_SAFE_INTEGER);
  for (const name of ACCOUNTS) {
    const row = (await ledger.read(name))!;
    const own = world.spent.filter((purse) => purse.account === name);
    const spent = own.reduce((sum, { told: known, unseen }) => sum + known + unseen, 0);
    const most = own.reduce((sum, { told: known, risk, amount }) => sum + Math.min(amount, known + risk), 0);
    assert.equal(row.reserved, 0, "nothing is held when all leases are over");
    assert.ok(row.settled >= spent, `${name}: whatever was spent is settled, also by those who vanished`);
    assert.ok(row.settled <= most, `${name}: nobody settles more than was told and at risk`);
  }
}

type OpenLedger = () => Promise<{ ledger: Ledger; close(): Promise<void> }>;

/** Every story over a ledger of its own: whatever happens in it, the budget holds and nothing spent goes uncounted. */
export function ledgerStories(open: OpenLedger) {
  return fc.asyncProperty(story, fc.scheduler(), async (told, scheduler) => {
    const { ledger, close } = await open();
    try {
      await checkStory(ledger, told, scheduler);
    } finally {
      await close();
    }
  });
}

export const LEDGER_STORIES =
  "whoever crashes or asks twice: the budget holds, no lease is outlived, and nothing spent goes uncounted";
