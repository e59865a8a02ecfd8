/** One line of control: its durable frame, and the moves that change it. Each move is one transaction. */
import { randomUUID } from "node:crypto";
import type { Clock } from "../../../shared/ports/clock.ts";
import type { Json } from "../../../shared/ports/orchestrator.ts";
import type { Machine, State } from "./definition.ts";
import { INTERRUPTED } from "./errors.ts";
import { fill, type Scope, type StatesVariable } from "./expressions.ts";
import { withinHistory, withinPayload, withinVariables } from "./limits.ts";
import type { AslStore, Frame, FrameEnd, NewEvent } from "./store.ts";
import type { TokenDesk } from "./waiting.ts";

/** A worker, called with the Payload of a task. `signal` fires when nobody waits for the answer any more. */
export type AslFunction = (payload: Json, context: { signal: AbortSignal }) => Promise<unknown>;

/** S3's part in a distributed map. */
export type AslObjects = {
  readObject(place: { bucket: string; key: string }): Promise<string>;
  writeObject(place: { bucket: string; key: string }, content: string): Promise<void>;
};

export type Runtime = {
  store: AslStore;
  clock: Clock;
  functions: ReadonlyMap<string, AslFunction>;
  objects: AslObjects;
  /** In [0, 1), for the jitter of retries. */
  random: () => number;
  tokens: TokenDesk;
  /** Runs a child to its end (run-branch.ts). */
  run: (branch: Branch) => Promise<FrameEnd>;
};

/** Where a state leads: `next` is undefined at the end of the machine. */
export type Move = { next: string | undefined; output: Json; assigned: Record<string, Json> };

/** The fields by which a state, a choice or a catcher shapes what goes on. */
type Shaping = { Output?: Json | undefined; Assign?: Record<string, Json> | undefined };

type BranchParts = { machine: Machine; signal: AbortSignal; history: { events: number }; frame: Frame };

export class Branch {
  readonly runtime: Runtime;
  readonly machine: Machine;
  readonly signal: AbortSignal;
  /** How many events the history has that this branch writes into. */
  readonly history: { events: number };
  frame: Frame;

  constructor(runtime: Runtime, { machine, signal, history, frame }: BranchParts) {
    this.runtime = runtime;
    this.history = history;
    this.machine = machine;
    this.signal = signal;
    this.frame = frame;
  }

  get state(): State {
    return this.machine.States[this.frame.state]!; // parseDefinition checked every target
  }

  get retryCount(): number {
    return this.frame.retries.reduce((sum, count) => sum + (count ?? 0), 0);
  }

  /** The context object as expressions of the current state see it. */
  context(): { [field: string]: Json } {
    const { state, enteredAt, token, context } = this.frame;
    const EnteredTime = new Date(enteredAt).toISOString();
    const State = { Name: state, EnteredTime, RetryCount: this.retryCount };
    return { ...context, State, ...(token === null ? {} : { Task: { Token: token } }) };
  }

  scope(extra: Omit<StatesVariable, "input" | "context"> = {}): Scope {
    return { variables: this.frame.variables, states: { input: this.frame.input, context: this.context(), ...extra } };
  }

  /** Output and Assign of whatever decides the next state; both see the variables as they were. */
  async moveTo(
    next: string | undefined,
    shaping: Shaping,
    { scope, otherwise }: { scope: Scope; otherwise: Json },
  ): Promise<Move> {
    const output = shaping.Output === undefined ? otherwise : await fill(shaping.Output, scope);
    const assigned = (await fill(shaping.Assign ?? {}, scope)) as Record<string, Json>;
    return { next, output: withinPayload(output, `the output of "${this.frame.state}"`), assigned };
  }

  /** The move of a state that has done its work. `result` is what `$states.result` gives. */
  async finish(state: Shaping & { Next?: string | undefined }, result: Json | undefined): Promise<Move> {
    const scope = this.scope(result === undefined ? {} : { result });
    return this.moveTo(state.Next, state, { scope, otherwise: result ?? this.frame.input });
  }

  /** One transaction, unless nobody waits for this branch any more: then its frame may be gone. */
  #write(changes: () => void): void {
    if (this.signal.aborted) throw INTERRUPTED;
    this.runtime.store.write(changes);
  }

  /** The event numbers of child executions start anew after a crash: only their limit needs them. */
  #log(...events: (NewEvent | undefined)[]): void {
    const present = events
      .filter((event) => event !== undefined)
      .map((event) => ({ state: this.frame.state, ...event }));
    const { store, clock } = this.runtime;
    const last = this.history.events;
    this.history.events = withinHistory(last + present.length);
    if (this.frame.owner === "") store.addEvents(this.frame.execution, { at: clock.now(), last }, present);
  }

  #dropChildren(): void {
    const { Type } = this.state;
    if (Type === "Map" || Type === "Parallel") this.runtime.store.dropBelow(this.frame.execution, this.frame.path);
  }

  /** Records something within the current state, with or without a change of the frame. */
  record(events: readonly NewEvent[], change: Partial<Frame> = {}): void {
    const frame = { ...this.frame, ...change };
    this.#write(() => {
      if (Object.keys(change).length > 0) this.runtime.store.putFrame(frame);
      this.#log(...events);
    });
    this.frame = frame;
  }

  /** Leaves the current state for the next one; what its branches and items left behind goes. */
  enter(move: Move & { next: string }, events: readonly NewEvent[]): void {
    const { store, clock } = this.runtime;
    const variables = withinVariables(this.frame.variables, move.assigned);
    const fresh = { retries: [], enteredAt: clock.now(), wakeAt: null, token: null };
    const frame = { ...this.frame, ...fresh, state: move.next, input: move.output, variables };
    this.#write(() => {
      this.#dropChildren();
      this.#log(...events, exited(this.state), entered(this.machine, move.next));
      store.putFrame(frame);
    });
    this.frame = frame;
  }

  /** Ends the branch. The root's end is the execution's and is written by the engine. Children of a failed one may be redriven. */
  end(end: FrameEnd, events: readonly NewEvent[]): FrameEnd {
    const { store } = this.runtime;
    const { execution, path, owner } = this.frame;
    const childExecution = owner === path && path !== "";
    this.#write(() => {
      if (end.ok) this.#dropChildren();
      const last = childExecution ? { type: "ExecutionEnded" } : undefined;
      this.#log(...events, end.ok ? exited(this.state) : undefined, last);
      if (path !== "") store.endFrame(execution, path, end);
    });
    return end;
  }

  /** Ends a branch whose end could not be put into its history. */
  abandon(end: FrameEnd): FrameEnd {
    const { store } = this.runtime;
    const { execution, path } = this.frame;
    this.#write(() => {
      if (path !== "") store.endFrame(execution, path, end);
    });
    return end;
  }

  /** Goes back to the beginning of the state after a pause. */
  retry(retries: number[], wakeAt: number, events: readonly NewEvent[]): void {
    const { store } = this.runtime;
    const frame = { ...this.frame, retries, wakeAt, token: null };
    this.#write(() => {
      this.#dropChildren();
      this.#log(...events);
      store.putFrame(frame);
    });
    this.frame = frame;
  }

  /** A child with this number: the one a crash left behind, or a new one. */
  child(number: number, start: ChildStart): Branch | FrameEnd {
    const { store, clock } = this.runtime;
    const path = `${this.frame.path}/${number}`;
    const known = store.frame(this.frame.execution, path);
    if (known?.end !== undefined) return known.end;
    const { machine, signal, input, distributed } = start;
    const owner = distributed ? path : this.frame.owner;
    const frame = known?.frame ?? {
      execution: this.frame.execution,
      path,
      owner,
      state: machine.StartAt,
      input,
      // AWS: a distributed map's children are executions of their own and see no variables
      variables: distributed ? {} : this.frame.variables,
      context: this.#childContext(start),
      retries: [],
      enteredAt: clock.now(),
      wakeAt: null,
      token: null,
    };
    const branch = new Branch(this.runtime, {
      machine,
      signal,
      history: distributed ? { events: 0 } : this.history,
      frame,
    });
    if (known === undefined) {
      this.#write(() => {
        store.putFrame(frame);
        branch.#log(entered(machine, machine.StartAt));
      });
    }
    return branch;
  }

  #childContext({ input, distributed, item }: ChildStart): Frame["context"] {
    if (!distributed) return item === undefined ? this.frame.context : { ...this.frame.context, Map: { Item: item } };
    const parent = this.frame.context["Execution"] as { Id: string };
    const name = randomUUID();
    const StartTime = new Date(this.runtime.clock.now()).toISOString();
    return {
      ...this.frame.context,
      Execution: { Id: `${parent.Id}/${this.frame.state}:${name}`, Input: input, Name: name, StartTime },
    };
  }
}

export type ChildStart = {
  machine: Machine;
  signal: AbortSignal;
  input: Json;
  /** A child execution with a history, variables and limits of its own. */
  distributed: boolean;
  /** `$states.context.Map.Item` of an inline map's iteration. */
  item?: { Index: number; Value: Json };
};

const exited = (state: State): NewEvent | undefined =>
  state.Type === "Fail" ? undefined : { type: `${state.Type}StateExited` };

export function entered(machine: Machine, name: string): NewEvent {
  return { type: `${machine.States[name]!.Type}StateEntered`, state: name };
}
