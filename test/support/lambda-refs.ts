import type { LoopRefs, WorkerName } from "../../shared/loop-stages.ts";

/** The loop's workers as Lambda functions, by their ARNs, as a deployment names them. */
export function lambdaRefs(): LoopRefs {
  const workers: WorkerName[] = ["prepare", "plan", "dispatch", "pair", "train", "select", "evaluate", "gate"];
  const arnOf = (name: WorkerName) =>
    `arn:aws:lambda:eu-central-1:123456789012:function:rlaifv-production-${name}Function-abcdefgh`;
  return {
    functions: Object.fromEntries(workers.map((name) => [name, arnOf(name)])) as Record<WorkerName, string>,
    bucket: "rlaifv-production-blobsbucket-abcdefgh",
  };
}
