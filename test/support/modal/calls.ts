/** Calls on the fake: queued, run in containers, begun again, timed out, ended. */
import { setTimeout as delay } from "node:timers/promises";
import type { Bound, FakeApps, FakeBody, FakeOptions, FakeParameters } from "./apps.ts";

export type FakeCallState = "queued" | "running" | "finished" | "failed" | "timed_out" | "terminated" | "lost_by_modal";
export type FakeCall = {
  readonly id: string;
  readonly app: string;
  /** `train_dpo`, `Batch.run`. */
  readonly name: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly options: FakeOptions;
  readonly parameters: FakeParameters;
  /** Of the app whose code ran last. */
  version: number;
  state: FakeCallState;
  /** How often it was begun. */
  starts: number;
  container: string | undefined;
  value?: unknown;
  error?: string;
};
/** Thrown by a function: the call ends as Modal's own internal failure. */
export class ModalBroke extends Error {}

/** A function that does not heed its signal is waited for no longer than this at the end. */
const STOP_MS = 2_000;

type Pool = { bound: Bound; limit: number; running: Set<Entry>; waiting: Entry[]; idle: string[] };
type Entry = {
  call: FakeCall;
  bound: Bound;
  method: string;
  failures: number;
  ended: PromiseWithResolvers<void>;
  attempt?: { controller: AbortController; timer: NodeJS.Timeout | undefined };
};
export type NewCall = { id: string; bound: Bound; method: string; args: unknown[]; kwargs: Record<string, unknown> };
/** `gone`: its container does not live on. */
type Ending = Pick<FakeCall, "value" | "error"> & { state: FakeCallState; gone?: boolean };

export type FakeCalls = ReturnType<typeof fakeCalls>;

/** `secondMs`: how long one of Modal's seconds lasts here. */
export function fakeCalls(apps: FakeApps, secondMs: number) {
  const entries = new Map<string, Entry>();
  const pools = new Map<string, Pool>();
  const bodies = new Set<Promise<void>>();
  let containers = 0;

  function poolOf(bound: Bound): Pool {
    const pool = pools.get(bound.id) ?? { bound, limit: limitOf(bound), running: new Set(), waiting: [], idle: [] };
    pools.set(bound.id, pool);
    return pool;
  }

  const optionsOf = ({ target, options }: Bound): FakeOptions => ({ ...apps.find(target)?.options, ...options });
  const limitOf = (bound: Bound): number => optionsOf(bound).maxContainers ?? Number.POSITIVE_INFINITY;

  function begin({ id, bound, method, args, kwargs }: NewCall): FakeCall {
    const { app, name, version } = bound.target;
    const call: FakeCall = {
      ...{ id, app, name: method === "" ? name : `${name}.${method}`, args, kwargs },
      ...{ options: optionsOf(bound), parameters: bound.parameters, version: version ?? 0 },
      ...{ state: "queued", starts: 0, container: undefined },
    };
    const entry: Entry = { call, bound, method, failures: 0, ended: Promise.withResolvers() };
    entries.set(id, entry);
    poolOf(bound).waiting.push(entry);
    fill(bound);
    return call;
  }

  function fill(bound: Bound): void {
    const pool = poolOf(bound);
    while (pool.running.size < pool.limit) {
      const next = pool.waiting.shift();
      if (next === undefined) return;
      start(next, pool);
    }
  }

  function start(entry: Entry, pool: Pool): void {
    const { call, bound } = entry;
    const { timeoutSeconds } = call.options;
    const controller = new AbortController();
    const outOfTime = () =>
      failed(entry, { state: "timed_out", gone: true, error: `ran longer than ${timeoutSeconds} s` });
    const timer = timeoutSeconds === undefined ? undefined : setTimeout(outOfTime, timeoutSeconds * secondMs);
    entry.attempt = { controller, timer };
    call.container = pool.idle.pop() ?? `ta-${++containers}`;
    call.state = "running";
    call.starts++;
    pool.running.add(entry);
    const deployed = apps.find(bound.target);
    call.version = deployed?.version ?? 0;
    const body = run(entry, deployed?.methods[entry.method]);
    bodies.add(body);
    void body.then(() => bodies.delete(body));
  }

  async function run(entry: Entry, body: FakeBody | undefined): Promise<void> {
    const { attempt, call } = entry;
    const ending = await endingOf(call, body, attempt!.controller.signal);
    // what a container that is gone would have said is heard by nobody
    if (entry.attempt !== attempt) return;
    if (ending.state === "failed") failed(entry, ending);
    else end(entry, ending);
  }

  /** Takes the input from its container. */
  function leave(entry: Entry, gone: boolean): void {
    const { attempt, call, bound } = entry;
    const pool = poolOf(bound);
    clearTimeout(attempt?.timer);
    delete entry.attempt;
    if (!pool.running.delete(entry)) pool.waiting = pool.waiting.filter((waiting) => waiting !== entry);
    else if (!gone && call.container !== undefined) pool.idle.push(call.container);
    // a cancelled input ends even where its container stays
    attempt?.controller.abort(new Error(gone ? "the container was stopped" : "the input is no longer wanted"));
  }

  function end(entry: Entry, { state, value, error, gone = false }: Ending): void {
    leave(entry, gone);
    Object.assign(entry.call, { state, ...(state === "finished" ? { value } : { error }) });
    entry.ended.resolve();
    fill(entry.bound);
  }

  /** Modal begins a failed input again as often as the function's options say. */
  function failed(entry: Entry, ending: Ending): void {
    if (entry.failures++ < (entry.call.options.retries ?? 0)) again(entry, ending.gone ?? false);
    else end(entry, ending);
  }

  function again(entry: Entry, gone: boolean): void {
    leave(entry, gone);
    entry.call.state = "queued";
    poolOf(entry.bound).waiting.unshift(entry);
    fill(entry.bound);
  }

  const known = (id: string): Entry => {
    const entry = entries.get(id);
    if (entry === undefined) throw new Error(`the fake has no call ${id}`);
    return entry;
  };
  const isOpen = ({ state }: FakeCall) => state === "queued" || state === "running";

  return {
    begin,
    all: () => [...entries.values()].map(({ call }) => call),
    get: (id: string) => entries.get(id)?.call,
    isOpen,
    ended: (id: string) => known(id).ended.promise,
    /** Modal takes the container of a running call away; the input is begun again, whatever its retries are. */
    preempt: (id: string) => {
      const entry = known(id);
      if (entry.call.state !== "running")
        throw new Error(`call ${id} is ${entry.call.state}: it has no container to lose`);
      again(entry, true);
    },
    /** The container dies, as of memory that ran out. */
    kill: (id: string) => failed(known(id), { state: "failed", gone: true, error: "container exited with code 137" }),
    /** `gone`: with its container. An ended call stays as it is. */
    cancel: (id: string, gone: boolean) => {
      const entry = known(id);
      if (isOpen(entry.call)) end(entry, { state: "terminated", gone, error: "function call was cancelled" });
    },
    /** The SDK's own repetition after an internal failure. */
    retry: (id: string) => {
      const entry = known(id);
      entry.ended = Promise.withResolvers();
      again(entry, false);
    },
    stats: (bound: Bound) => ({ backlog: poolOf(bound).waiting.length, numTotalTasks: poolOf(bound).running.size }),
    limit: (bound: Bound, most: number) => {
      poolOf(bound).limit = most;
      fill(bound);
    },
    /** A deployment undoes what the autoscaler was told. */
    forgetLimits: () => {
      for (const pool of pools.values()) pool.limit = limitOf(pool.bound);
    },
    forget: (id: string) => entries.delete(id),
    async stop() {
      for (const entry of entries.values()) {
        if (isOpen(entry.call)) end(entry, { state: "terminated", gone: true, error: "the fake stopped" });
      }
      await Promise.race([Promise.allSettled(bodies), delay(STOP_MS, undefined, { ref: false })]);
    },
  };
}

async function endingOf(call: FakeCall, body: FakeBody | undefined, signal: AbortSignal): Promise<Ending> {
  const { args, kwargs, id, container = "", options, parameters, starts, version } = call;
  const context = { callId: id, container, signal, options, parameters, attempt: starts - 1, version };
  try {
    if (body === undefined) throw new Error(`${call.app} has no ${call.name} in version ${version}`);
    return { state: "finished", value: await body(args, kwargs, context) };
  } catch (error) {
    if (error instanceof ModalBroke) return { state: "lost_by_modal", error: error.message };
    return { state: "failed", error: error instanceof Error ? `${error.name}(${error.message})` : String(error) };
  }
}
