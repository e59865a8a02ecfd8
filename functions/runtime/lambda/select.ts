import { runBench } from "../../evals/run-bench.ts";
import { select } from "../../workers/select.ts";
import { workerHandler } from "./worker-handler.ts";

export const handler = workerHandler("select", select, { bench: runBench });
