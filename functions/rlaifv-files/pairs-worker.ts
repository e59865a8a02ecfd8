/** The thread of `pairsFromFiles`. */
import { parentPort, workerData } from "node:worker_threads";
import { makePairs } from "./make-pairs.ts";
import { RlaifvPairsOptions } from "./options.ts";

parentPort?.postMessage(await makePairs(RlaifvPairsOptions.parse(workerData)));
