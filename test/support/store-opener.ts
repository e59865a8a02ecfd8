/** A thread that says when it is ready, and opens and closes a store when all may go. */
import { parentPort, workerData } from "node:worker_threads";
import { openSqliteStore } from "../../functions/adapters/sqlite/store.ts";

const { path, gate } = workerData as { path: string; gate: Int32Array };
parentPort?.postMessage("ready");
Atomics.wait(gate, 0, 0);
await openSqliteStore(path).close();
