/** In which states an execution is. Step Functions does not say so; its history does. */
import { DescribeStateMachineForExecutionCommand, type HistoryEvent, type SFNClient } from "@aws-sdk/client-sfn";
import { newestFirst } from "./history.ts";

/** Executions whose definitions are remembered; the one an execution started with stays its own. */
const REMEMBERED = 200;

/**
 * Reads backwards to the newest top-level state that was entered and not left: nothing before it can be open. Names are
 * unique in a machine, so that they tell which states are top-level and which lie in a branch or an inline map.
 */
async function openStates(events: AsyncIterable<HistoryEvent>, topLevel: ReadonlySet<string>): Promise<string[]> {
  const left = new Map<string, number>();
  const open = new Set<string>();
  for await (const { stateEnteredEventDetails, stateExitedEventDetails } of events) {
    const exited = stateExitedEventDetails?.name;
    if (exited !== undefined) left.set(exited, (left.get(exited) ?? 0) + 1);
    const entered = stateEnteredEventDetails?.name;
    if (entered === undefined) continue;
    const exits = left.get(entered) ?? 0;
    if (exits > 0) left.set(entered, exits - 1);
    else open.add(entered);
    if (exits === 0 && topLevel.has(entered)) break;
  }
  return [...open].reverse();
}

/** Costs two requests the first time, then one as long as the open state was entered within the newest 1,000 events. */
export class CurrentStates {
  readonly #client: SFNClient;
  readonly #topLevel = new Map<string, ReadonlySet<string>>();

  constructor(client: SFNClient) {
    this.#client = client;
  }

  async of(executionArn: string): Promise<string[]> {
    return openStates(newestFirst(this.#client, executionArn), await this.#topLevelOf(executionArn));
  }

  async #topLevelOf(executionArn: string): Promise<ReadonlySet<string>> {
    const known = this.#topLevel.get(executionArn);
    if (known !== undefined) return known;
    const { definition } = await this.#client.send(new DescribeStateMachineForExecutionCommand({ executionArn }));
    const { States } = JSON.parse(definition ?? "{}") as { States?: object };
    const names = new Set(Object.keys(States ?? {}));
    this.#topLevel.set(executionArn, names);
    if (this.#topLevel.size > REMEMBERED) this.#topLevel.delete(this.#topLevel.keys().next().value as string);
    return names;
  }
}
