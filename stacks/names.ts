/**
 * Fixed names and the ARNs they give. The functions, the state machine and the collector name each other in circles
 * (the machine calls `dispatch`, which calls `collect`, which reports to the machine; `callback` calls `collect`, which tells
 * GPU functions the address of `callback`): names that are known before anything exists cut them.
 */
import type { Worker } from "./plan.ts";

/** E.g. `rlaifv-prod-collect`. */
export const nameOf = (part: string): string => `${$app.name}-${$app.stage}-${part}`;

/** `Collect` for `collect`: the part of a resource's name in the stack. */
export const titleOf = (worker: string): string => worker[0]!.toUpperCase() + worker.slice(1);

/** The place of all resources, asked once. */
const place = () =>
  $util.all([
    aws.getPartitionOutput().partition,
    aws.getRegionOutput().region,
    aws.getCallerIdentityOutput().accountId,
  ] as const);

function arn(service: string, resource: string): $util.Output<string> {
  return place().apply(
    ([partition, region, account]) => `arn:${partition}:${service}:${region}:${account}:${resource}`,
  );
}

/** Of a service without regions. */
export function accountArn(service: string, resource: string): $util.Output<string> {
  return place().apply(([partition, , account]) => `arn:${partition}:${service}::${account}:${resource}`);
}

export const functionArn = (worker: Worker): $util.Output<string> => arn("lambda", `function:${nameOf(worker)}`);

/** A stream of the function's log group: SST names the group after the function. */
export const logStreams = (worker: Worker): $util.Output<string> =>
  arn("logs", `log-group:/aws/lambda/${nameOf(worker)}:*`);

export const MACHINE = "loop";
export const machineArn = (): $util.Output<string> => arn("states", `stateMachine:${nameOf(MACHINE)}`);
/** The machine's own executions, and those of its maps (`<machine>/<label>`). */
export const executionArns = (): $util.Output<string>[] => [
  arn("states", `execution:${nameOf(MACHINE)}:*`),
  arn("states", `execution:${nameOf(MACHINE)}/*`),
];
/** The machine, and the machines its maps are. */
export const taskHolders = (): $util.Output<string>[] => [
  machineArn(),
  arn("states", `stateMachine:${nameOf(MACHINE)}/*`),
];
export const alarmArns = (): $util.Output<string> => arn("cloudwatch", `alarm:${nameOf("*")}`);
