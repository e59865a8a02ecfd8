/** What the interpreter remembers, in three SQLite tables of its own: executions, frames (open branches and finished items), history. */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Execution, ExecutionStatus, HistoryEvent, Json, TaskReport } from "../../../shared/ports/orchestrator.ts";
import { REDRIVABLE_MS } from "./limits.ts";

/**
 * One line of control: the execution itself (path ""), a branch, or a map item; a child's path is its parent's, "/" and
 * its number. `owner` is the path of the execution, or child execution of a distributed map, that its history counts in.
 */
export type Frame = {
  execution: string;
  path: string;
  owner: string;
  state: string;
  input: Json;
  variables: Record<string, Json>;
  /** The context object without State and Task. */
  context: { [field: string]: Json };
  /** Retries so far of the current state, per retrier. */
  retries: number[];
  /** Milliseconds since 1970: when the state was entered, and when a Wait or a retry goes on. */
  enteredAt: number;
  wakeAt: number | null;
  token: string | null;
};

export type FrameEnd = { ok: true; output: Json } | { ok: false; error: string; cause: string };
export type NewEvent = { type: string; state?: string; details?: Json };
export type StoredExecution = Omit<Execution, "currentStates"> & { definition: string };
export type Ending = { status: ExecutionStatus; output?: Json; error?: { error: string; cause: string } };

const SCHEMA = `
CREATE TABLE IF NOT EXISTS asl_execution(id TEXT PRIMARY KEY, name TEXT NOT NULL, definition TEXT NOT NULL, input TEXT NOT NULL,
  status TEXT NOT NULL, started_at INTEGER NOT NULL, stopped_at INTEGER, output TEXT, error TEXT, cause TEXT) STRICT;
CREATE TABLE IF NOT EXISTS asl_frame(execution TEXT NOT NULL, path TEXT NOT NULL, owner TEXT NOT NULL, state TEXT NOT NULL,
  input TEXT NOT NULL, variables TEXT NOT NULL, context TEXT NOT NULL, retries TEXT NOT NULL, entered_at INTEGER NOT NULL,
  wake_at INTEGER, token TEXT UNIQUE, report TEXT, end TEXT,
  PRIMARY KEY(execution, path)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS asl_history(execution TEXT NOT NULL, id INTEGER NOT NULL, at INTEGER NOT NULL, type TEXT NOT NULL,
  state TEXT, details TEXT, PRIMARY KEY(execution, id)) STRICT, WITHOUT ROWID;`;

const STATEMENTS = {
  begin: "BEGIN IMMEDIATE",
  commit: "COMMIT",
  rollback: "ROLLBACK",
  addExecution: "INSERT INTO asl_execution(id,name,definition,input,status,started_at) VALUES(?,?,?,?,'RUNNING',?)",
  execution: "SELECT * FROM asl_execution WHERE id=?",
  running: "SELECT id FROM asl_execution WHERE status='RUNNING' ORDER BY started_at, id",
  endExecution:
    "UPDATE asl_execution SET status=?,output=?,error=?,cause=?,stopped_at=? WHERE id=? AND status='RUNNING'",
  frame: "SELECT * FROM asl_frame WHERE execution=? AND path=?",
  putFrame: `INSERT INTO asl_frame(execution,path,owner,state,input,variables,context,retries,entered_at,wake_at,token)
    VALUES(?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT(execution,path) DO UPDATE SET state=excluded.state,input=excluded.input,
    variables=excluded.variables,retries=excluded.retries,entered_at=excluded.entered_at,wake_at=excluded.wake_at,
    report=CASE WHEN token IS excluded.token THEN report END,token=excluded.token`,
  endFrame:
    "UPDATE asl_frame SET end=?,token=NULL,report=NULL,input='null',variables='{}',context='{}' WHERE execution=? AND path=?",
  failFrame: "UPDATE asl_frame SET end=?,token=NULL,report=NULL WHERE execution=? AND path=?",
  // "0" is the character after "/": everything below a path, and nothing beside it
  dropBelow: "DELETE FROM asl_frame WHERE execution=? AND path>=?||'/' AND path<?||'0'",
  endsBelow: "SELECT path,end FROM asl_frame WHERE execution=? AND path>=?||'/' AND path<?||'0' AND end IS NOT NULL",
  current: "SELECT DISTINCT state FROM asl_frame WHERE execution=? AND owner='' AND end IS NULL ORDER BY path",
  lastEvent: "SELECT coalesce(max(id),0) AS id FROM asl_history WHERE execution=?",
  addEvent: "INSERT INTO asl_history VALUES(?,?,?,?,?,?)",
  history: "SELECT * FROM asl_history WHERE execution=? AND id>? ORDER BY id LIMIT ?",
  report: `UPDATE asl_frame SET report=? WHERE token=? AND report IS NULL AND end IS NULL
    AND execution IN (SELECT id FROM asl_execution WHERE status='RUNNING')`,
  reportOf: `SELECT report FROM asl_frame WHERE token=?
    AND execution IN (SELECT id FROM asl_execution WHERE status='RUNNING')`,
  dropFrames: "DELETE FROM asl_frame WHERE execution=?",
  dropOldFrames:
    "DELETE FROM asl_frame WHERE execution IN (SELECT id FROM asl_execution WHERE status<>'RUNNING' AND stopped_at<?)",
  reopenExecution:
    "UPDATE asl_execution SET status='RUNNING',error=NULL,cause=NULL,stopped_at=NULL WHERE id=? AND status<>'RUNNING'",
  reopenFrames: `UPDATE asl_frame SET end=NULL,token=NULL,report=NULL,retries='[]',wake_at=NULL,entered_at=?
    WHERE execution=? AND (end IS NULL OR json_extract(end,'$.ok')=0)`,
  lastRedrive: "SELECT max(at) AS at FROM asl_history WHERE execution=? AND type='ExecutionRedriven'",
} as const;

type Row = Record<string, string | number | null>;
const parse = (text: unknown) => JSON.parse(String(text)) as Json;

function executionFrom(row: Row): StoredExecution {
  const failed = row["status"] !== "RUNNING" && row["status"] !== "SUCCEEDED";
  return {
    id: String(row["id"]),
    name: String(row["name"]),
    definition: String(row["definition"]),
    status: row["status"] as ExecutionStatus,
    input: parse(row["input"]),
    startedAt: Number(row["started_at"]),
    ...(row["stopped_at"] === null ? {} : { stoppedAt: Number(row["stopped_at"]) }),
    ...(row["output"] === null ? {} : { output: parse(row["output"]) }),
    ...(failed ? { error: { error: String(row["error"]), cause: String(row["cause"]) } } : {}),
  };
}

function frameFrom(row: Row): Frame {
  return {
    execution: String(row["execution"]),
    path: String(row["path"]),
    owner: String(row["owner"]),
    state: String(row["state"]),
    input: parse(row["input"]),
    variables: parse(row["variables"]) as Frame["variables"],
    context: parse(row["context"]) as Frame["context"],
    retries: parse(row["retries"]) as number[],
    enteredAt: Number(row["entered_at"]),
    wakeAt: row["wake_at"] as number | null,
    token: row["token"] as string | null,
  };
}

function eventFrom(row: Row): HistoryEvent {
  return {
    id: Number(row["id"]),
    at: Number(row["at"]),
    type: String(row["type"]),
    ...(row["state"] === null ? {} : { state: String(row["state"]) }),
    ...(row["details"] === null ? {} : { details: parse(row["details"]) }),
  };
}

/** Writes are calls inside `write`: one transaction, all of them or none. */
export class AslStore {
  readonly #database: DatabaseSync;
  readonly #statements: Record<keyof typeof STATEMENTS, StatementSync>;

  constructor(database: DatabaseSync) {
    this.#database = database;
    database.exec(SCHEMA);
    const prepared = Object.entries(STATEMENTS).map(([name, sql]) => [name, database.prepare(sql)]);
    this.#statements = Object.fromEntries(prepared);
  }

  write<T>(changes: () => T): T {
    this.#statements.begin.run();
    try {
      const result = changes();
      this.#statements.commit.run();
      return result;
    } catch (error) {
      if (this.#database.isTransaction) this.#statements.rollback.run();
      throw error;
    }
  }

  addExecution(run: { id: string; name: string; definition: string; input: Json; startedAt: number }): void {
    const { id, name, definition, input, startedAt } = run;
    this.#statements.addExecution.run(id, name, definition, JSON.stringify(input), startedAt);
  }

  execution(id: string): StoredExecution | undefined {
    const row = this.#statements.execution.get(id);
    return row === undefined ? undefined : executionFrom(row as Row);
  }

  running(): string[] {
    return this.#statements.running.all().map((row) => String(row["id"]));
  }

  /**
   * Ends a running execution; the last event may be one above the limit of the others. Frames of one that ended badly are
   * kept for a redrive, as long as one is possible.
   */
  endExecution(id: string, { status, output, error }: Ending, at: number): { changed: boolean } {
    const text = output === undefined ? null : JSON.stringify(output);
    const { changes } = this.#statements.endExecution.run(
      status,
      text,
      error?.error ?? null,
      error?.cause ?? null,
      at,
      id,
    );
    if (changes === 0) return { changed: false };
    const last = this.lastEvent(id) + 1;
    const type = `Execution${status === "TIMED_OUT" ? "TimedOut" : status[0] + status.slice(1).toLowerCase()}`;
    this.#statements.addEvent.run(id, last, at, type, null, JSON.stringify(error ?? { output: output ?? null }));
    if (status === "SUCCEEDED") this.#statements.dropFrames.run(id);
    this.#statements.dropOldFrames.run(at - REDRIVABLE_MS);
    return { changed: true };
  }

  /** Makes an ended execution and everything in it that did not succeed as if just entered. */
  reopenExecution(id: string, at: number): void {
    this.#statements.reopenExecution.run(id);
    this.#statements.reopenFrames.run(at, id);
    this.addEvents(id, { at, last: this.lastEvent(id) }, [{ type: "ExecutionRedriven" }]);
  }

  /** When it was redriven last. */
  lastRedrive(id: string): number | undefined {
    return (this.#statements.lastRedrive.get(id) as Row)["at"] as number | undefined;
  }

  frame(execution: string, path: string): { frame: Frame; end: FrameEnd | undefined } | undefined {
    const row = this.#statements.frame.get(execution, path) as Row | undefined;
    if (row === undefined) return undefined;
    return { frame: frameFrom(row), end: row["end"] === null ? undefined : (parse(row["end"]) as FrameEnd) };
  }

  /** A report on the frame's token stays as long as the token does. */
  putFrame(frame: Frame): void {
    const { execution, path, owner, state, enteredAt, wakeAt, token } = frame;
    const texts = [frame.input, frame.variables, frame.context, frame.retries].map((part) => JSON.stringify(part));
    this.#statements.putFrame.run(execution, path, owner, state, ...texts, enteredAt, wakeAt, token);
  }

  /** A frame that failed keeps what a redrive begins with. */
  endFrame(execution: string, path: string, end: FrameEnd): void {
    const statement = end.ok ? this.#statements.endFrame : this.#statements.failFrame;
    statement.run(JSON.stringify(end), execution, path);
  }

  dropBelow(execution: string, path: string): void {
    this.#statements.dropBelow.run(execution, path, path);
  }

  /** The ended children of a frame, by number. */
  endsBelow(execution: string, path: string): Map<number, FrameEnd> {
    const rows = this.#statements.endsBelow.all(execution, path, path) as Row[];
    const own = rows.map((row) => [String(row["path"]).slice(path.length + 1), row["end"]] as const);
    return new Map(
      own.filter(([rest]) => !rest.includes("/")).map(([rest, end]) => [Number(rest), parse(end) as FrameEnd]),
    );
  }

  currentStates(execution: string): string[] {
    return this.#statements.current.all(execution).map((row) => String(row["state"]));
  }

  /** The number of the newest event; 0 before the first. */
  lastEvent(execution: string): number {
    return Number(this.#statements.lastEvent.get(execution)!["id"]);
  }

  /** Adds events to the history, numbered from `last` + 1. */
  addEvents(execution: string, { at, last }: { at: number; last: number }, events: readonly NewEvent[]): void {
    for (const [place, { type, state, details }] of events.entries()) {
      const text = details === undefined ? null : JSON.stringify(details);
      this.#statements.addEvent.run(execution, last + place + 1, at, type, state ?? null, text);
    }
  }

  history(execution: string, after: number, limit: number): HistoryEvent[] {
    return (this.#statements.history.all(execution, after, limit) as Row[]).map(eventFrom);
  }

  /** Keeps the first report on a token that is waited for; `false` for any other. */
  report(token: string, report: TaskReport): boolean {
    return Number(this.#statements.report.run(JSON.stringify(report), token).changes) === 1;
  }

  /** `waiting` is false for a token nobody holds. */
  reportOf(token: string): { waiting: boolean; report: TaskReport | undefined } {
    const row = this.#statements.reportOf.get(token) as Row | undefined;
    if (row === undefined) return { waiting: false, report: undefined };
    return { waiting: true, report: row["report"] === null ? undefined : (parse(row["report"]) as TaskReport) };
  }
}
