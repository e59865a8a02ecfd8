import type { DatabaseSync } from "node:sqlite";

/**
 * Runs `job` (synchronous SQL on the store's connection) in the transaction that all jobs of this tick share, and
 * resolves with its result after COMMIT. A job that throws is undone and rejected alone.
 */
export type Write = <T>(job: () => T) => Promise<T>;

type Job = { run: () => unknown; resolve: (value: never) => void; reject: (error: unknown) => void };
type Ending = { job: Job; value: unknown } | { job: Job; error: unknown };

/**
 * One fsync for many writers: that is what makes `synchronous = FULL` cheap. From BEGIN to COMMIT nothing awaits, so no
 * other code ever sees the connection inside the shared transaction.
 */
export function groupCommit(database: DatabaseSync): { write: Write; flush: () => void } {
  const begin = database.prepare("BEGIN IMMEDIATE");
  const commit = database.prepare("COMMIT");
  const savepoint = database.prepare("SAVEPOINT job");
  const undo = database.prepare("ROLLBACK TO job");
  const release = database.prepare("RELEASE job");
  let waiting: Job[] = [];

  function write<T>(run: () => T): Promise<T> {
    if (!database.isOpen) return Promise.reject(new Error("the state store is closed: nothing more can be written"));
    return new Promise<T>((resolve, reject) => {
      if (waiting.length === 0) setImmediate(flush);
      waiting.push({ run, resolve, reject });
    });
  }

  function runAlone(job: Job): Ending {
    savepoint.run();
    try {
      const value = job.run();
      release.run();
      return { job, value };
    } catch (error) {
      // A full disk or a broken file ends the whole transaction: then there is no savepoint, and every job has failed.
      if (!database.isTransaction) throw error;
      undo.run();
      release.run();
      return { job, error };
    }
  }

  function runTogether(jobs: readonly Job[]): Ending[] {
    begin.run();
    try {
      const endings = jobs.map(runAlone);
      commit.run();
      return endings;
    } catch (error) {
      if (database.isTransaction) database.exec("ROLLBACK");
      throw error;
    }
  }

  function flush(): void {
    const jobs = waiting;
    waiting = [];
    if (jobs.length === 0) return;
    try {
      for (const ending of runTogether(jobs)) {
        if ("error" in ending) ending.job.reject(ending.error);
        else ending.job.resolve(ending.value as never);
      }
    } catch (error) {
      for (const { reject } of jobs) reject(error);
    }
  }

  return { write, flush };
}
