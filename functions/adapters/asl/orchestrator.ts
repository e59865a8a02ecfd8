/** The Orchestrator of one machine: Amazon States Language, interpreted in this process, remembered in SQLite. */
import { DatabaseSync } from "node:sqlite";
import { canonicalJson } from "../../../shared/ids.ts";
import type { Clock } from "../../../shared/ports/clock.ts";
import type { Execution, Json, Orchestrator, Redrive } from "../../../shared/ports/orchestrator.ts";
import { type AslFunction, type AslObjects, Branch, entered, type Runtime } from "./branch.ts";
import type { Definition } from "./definition.ts";
import { Interrupted } from "./errors.ts";
import { jsonBytes, MAX_PAYLOAD_BYTES } from "./limits.ts";
import { notRedrivable } from "./redrive.ts";
import { functionNames, InvalidDefinition, parseDefinition } from "./rules.ts";
import { runBranch } from "./run-branch.ts";
import { AslStore, type Ending, type StoredExecution } from "./store.ts";
import { sleepUntil, TokenDesk } from "./waiting.ts";

export type OrchestratorParts = {
  /** An open database, which stays the caller's, or the path of a file of its own. */
  database: DatabaseSync | string;
  /** The state machine as plain JSON, e.g. from `loopDefinition`. Running executions keep the one they started with. */
  definition: unknown;
  /** Workers by the FunctionName of the tasks. They may be called again with the same payload after a crash. */
  functions: Readonly<Record<string, AslFunction>>;
  objects: AslObjects;
  clock: Clock;
  /** Name of the state machine; part of every execution's id. */
  name?: string;
  /** In [0, 1), for the jitter of retries. */
  random?: () => number;
};

/** An Orchestrator whose executions live in this process. */
export interface LocalOrchestrator extends Orchestrator, Redrive {
  /**
   * Goes on with every execution a crash or `close` left running, and gives their ids. To go on with one alone, start it
   * again under its name.
   */
  resume(): Promise<string[]>;
  /** The execution once it has ended. Rejects when the interpreter itself broke, e.g. on a full disk. */
  settled(executionId: string): Promise<Execution>;
  /** Stops working without ending anything; `resume` of the next process goes on. */
  close(): Promise<void>;
}

type Live = { stop: AbortController; done: Promise<void> };

/** NORMAL: kill -9 loses nothing; a power cut may lose the last moves, whose work is done again (or found done). */
function openDatabase(database: DatabaseSync | string): { database: DatabaseSync; close: () => void } {
  if (typeof database !== "string") return { database, close: () => undefined };
  const own = new DatabaseSync(database);
  own.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=5000");
  return { database: own, close: () => own.close() };
}

function checkFunctions(definition: Definition, functions: OrchestratorParts["functions"]): void {
  const missing = functionNames(definition).filter((name) => !Object.hasOwn(functions, name));
  if (missing.length === 0) return;
  throw new InvalidDefinition(missing.map((name) => `a task calls "${name}", which is not among the functions given`));
}

class AslOrchestrator implements LocalOrchestrator {
  readonly #definition: Definition;
  readonly #runtime: Runtime;
  readonly #name: string;
  readonly #live = new Map<string, Live>();
  readonly #closeDatabase: () => void;
  #closed = false;

  constructor(parts: OrchestratorParts) {
    const { definition, functions, objects, clock, name = "loop", random = Math.random } = parts;
    this.#definition = parseDefinition(definition);
    checkFunctions(this.#definition, functions);
    const { database, close } = openDatabase(parts.database);
    const store = new AslStore(database);
    const known = new Map(Object.entries(functions));
    this.#runtime = { store, clock, functions: known, objects, random, tokens: new TokenDesk(), run: runBranch };
    this.#name = name;
    this.#closeDatabase = close;
  }

  async start({ name, input }: { name: string; input: Json }) {
    if (jsonBytes(input) > MAX_PAYLOAD_BYTES) {
      throw new RangeError(
        `the input of "${name}" has more than ${MAX_PAYLOAD_BYTES} bytes: put it into an object and pass its key`,
      );
    }
    const { store } = this.#runtime;
    const executionId = `${this.#name}:${name}`;
    const known = store.execution(executionId);
    if (known !== undefined) {
      const same = known.status === "RUNNING" && canonicalJson(known.input) === canonicalJson(input);
      if (same && !this.#live.has(executionId)) this.#launch(executionId);
      return { outcome: same ? ("started" as const) : ("name_taken" as const), executionId };
    }
    this.#create({ id: executionId, name, input });
    this.#launch(executionId);
    return { outcome: "started" as const, executionId };
  }

  #create({ id, name, input }: { id: string; name: string; input: Json }): void {
    const { store, clock } = this.#runtime;
    const startedAt = clock.now();
    const Execution = { Id: id, Name: name, Input: input, StartTime: new Date(startedAt).toISOString() };
    const context = { Execution, StateMachine: { Id: this.#name, Name: this.#name } };
    const root = { execution: id, path: "", owner: "", state: this.#definition.StartAt, input, variables: {}, context };
    const frame = { ...root, retries: [], enteredAt: startedAt, wakeAt: null, token: null };
    store.write(() => {
      store.addExecution({ id, name, definition: JSON.stringify(this.#definition), input, startedAt });
      store.putFrame(frame);
      const events = [{ type: "ExecutionStarted" }, entered(this.#definition, frame.state)];
      store.addEvents(id, { at: startedAt, last: 0 }, events);
    });
  }

  #launch(id: string): void {
    const stop = new AbortController();
    const done = this.#run(id, stop).finally(() => this.#live.delete(id));
    this.#live.set(id, { stop, done });
  }

  async #run(id: string, stop: AbortController): Promise<void> {
    const { store } = this.#runtime;
    const execution = store.execution(id)!;
    const machine = parseDefinition(JSON.parse(execution.definition));
    const { frame } = store.frame(id, "")!;
    void this.#watchTimeout(execution, machine.TimeoutSeconds, stop);
    try {
      const history = { events: store.lastEvent(id) };
      const end = await runBranch(new Branch(this.#runtime, { machine, signal: stop.signal, history, frame }));
      this.#end(
        id,
        end.ok
          ? { status: "SUCCEEDED", output: end.output }
          : { status: "FAILED", error: { error: end.error, cause: end.cause } },
      );
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
    } finally {
      stop.abort();
    }
  }

  async #watchTimeout(
    { id, startedAt }: StoredExecution,
    seconds: number | undefined,
    stop: AbortController,
  ): Promise<void> {
    if (seconds === undefined) return;
    const { clock, store } = this.#runtime;
    try {
      await sleepUntil(clock, (store.lastRedrive(id) ?? startedAt) + seconds * 1000, stop.signal);
    } catch (error) {
      if (error instanceof Interrupted) return;
      throw error;
    }
    const cause = `the execution ran longer than TimeoutSeconds = ${seconds}`;
    this.#end(id, { status: "TIMED_OUT", error: { error: "States.Timeout", cause } });
    stop.abort();
  }

  #end(id: string, ending: Ending): boolean {
    const { store, clock } = this.#runtime;
    return store.write(() => store.endExecution(id, ending, clock.now())).changed;
  }

  async describe(executionId: string): Promise<Execution | undefined> {
    const stored = this.#runtime.store.execution(executionId);
    if (stored === undefined) return undefined;
    const { definition, ...execution } = stored;
    const running = execution.status === "RUNNING";
    return { ...execution, currentStates: running ? this.#runtime.store.currentStates(executionId) : [] };
  }

  async redrive(executionId: string) {
    const { store, clock } = this.#runtime;
    const execution = store.execution(executionId);
    if (execution === undefined) return { outcome: "unknown_execution" as const };
    await this.#live.get(executionId)?.done; // the last line of a stopped one may still be on its way
    const reason = notRedrivable(store, execution, clock.now());
    if (reason !== undefined) return { outcome: "not_redrivable" as const, reason };
    store.write(() => store.reopenExecution(executionId, clock.now()));
    this.#launch(executionId);
    return { outcome: "redriven" as const };
  }

  async stop(executionId: string, reason: string) {
    if (this.#runtime.store.execution(executionId) === undefined) return { outcome: "unknown_execution" as const };
    const stopped = this.#end(executionId, { status: "ABORTED", error: { error: "Stopped", cause: reason } });
    const live = this.#live.get(executionId);
    live?.stop.abort();
    await live?.done;
    return { outcome: stopped ? ("stopped" as const) : ("already_ended" as const) };
  }

  async history(executionId: string, { after, limit }: { after: number; limit: number }) {
    return this.#runtime.store.history(executionId, after, Math.min(limit, 1000));
  }

  async complete(...[token, report]: Parameters<Orchestrator["complete"]>) {
    const { store, tokens, clock } = this.#runtime;
    // a report that comes too late for this process is not lost: its worker is called again by the next
    if (this.#closed) return { outcome: "not_waiting" as const };
    if (report.kind === "heartbeat") {
      const { waiting, report: earlier } = store.reportOf(token);
      tokens.beat(token, clock.now());
      return { outcome: waiting && earlier === undefined ? ("accepted" as const) : ("not_waiting" as const) };
    }
    if (report.kind === "success" && jsonBytes(report.output) > MAX_PAYLOAD_BYTES)
      return { outcome: "too_large" as const };
    if (!store.write(() => store.report(token, report))) return { outcome: "not_waiting" as const };
    tokens.report(token, report);
    return { outcome: "accepted" as const };
  }

  async resume(): Promise<string[]> {
    const left = this.#runtime.store.running().filter((id) => !this.#live.has(id));
    for (const id of left) this.#launch(id);
    return left;
  }

  async settled(executionId: string): Promise<Execution> {
    await this.#live.get(executionId)?.done;
    const execution = await this.describe(executionId);
    if (execution === undefined) throw new RangeError(`there is no execution "${executionId}"`);
    if (execution.status === "RUNNING")
      throw new Error(
        `"${executionId}" was left running and nobody works on it: start it again under its name, or call resume()`,
      );
    return execution;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const live = [...this.#live.values()];
    for (const { stop } of live) stop.abort();
    await Promise.allSettled(live.map(({ done }) => done));
    this.#closeDatabase();
  }
}

/** @throws InvalidDefinition naming every state and field that cannot run here, and every function that is missing */
export function openOrchestrator(parts: OrchestratorParts): LocalOrchestrator {
  return new AslOrchestrator(parts);
}
