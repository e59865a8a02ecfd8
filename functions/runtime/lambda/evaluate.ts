import { runBench } from "../../evals/run-bench.ts";
import { evaluate } from "../../workers/evaluate.ts";
import { workerHandler } from "./worker-handler.ts";

export const handler = workerHandler("evaluate", evaluate, { bench: runBench });
