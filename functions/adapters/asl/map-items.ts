/** What a Map state works on: items from its input or from an object, shaped and put into batches. */
import type { Json } from "../../../shared/ports/orchestrator.ts";
import type { Branch } from "./branch.ts";
import type { MapState } from "./definition.ts";
import { StatesError } from "./errors.ts";
import { fill, fillNumber, fillText, type Scope } from "./expressions.ts";
import { jsonBytes, withinPayload } from "./limits.ts";

/** The work of one iteration or child execution. `items` of the map's items are in it. */
export type Unit = { items: number; input: () => Promise<Json> };

const readerFailed = (cause: string) => new StatesError("States.ItemReaderFailed", cause);

function jsonLine(line: string, number: number): Json {
  try {
    return JSON.parse(line) as Json;
  } catch (error) {
    throw readerFailed(`line ${number} is no JSON: ${(error as Error).message}`);
  }
}

async function readObject(
  branch: Branch,
  { Arguments, ReaderConfig }: NonNullable<MapState["ItemReader"]>,
): Promise<Json[]> {
  const scope = branch.scope();
  const place = { bucket: await fillText(Arguments.Bucket, scope), key: await fillText(Arguments.Key, scope) };
  const most = ReaderConfig.MaxItems === undefined ? undefined : await fillNumber(ReaderConfig.MaxItems, scope, 1);
  const content = await branch.runtime.objects.readObject(place).catch((error: Error) => {
    throw readerFailed(`${place.bucket}/${place.key}: ${error.message}`);
  });
  const lines = content.split("\n").filter((line) => line.trim() !== "");
  return lines.slice(0, most).map((line, at) => jsonLine(line, at + 1));
}

async function itemsOf(branch: Branch, state: MapState): Promise<Json[]> {
  if (state.ItemReader !== undefined) return readObject(branch, state.ItemReader);
  const items = state.Items === undefined ? branch.frame.input : await fill(state.Items, branch.scope());
  if (Array.isArray(items)) return items;
  throw new StatesError(
    "States.QueryEvaluationError",
    `"${branch.frame.state}" maps over an array, not ${JSON.stringify(items)?.slice(0, 100)}`,
  );
}

function itemScope(branch: Branch, index: number, value: Json): Scope {
  const scope = branch.scope();
  const context = {
    ...(scope.states.context as { [field: string]: Json }),
    Map: { Item: { Index: index, Value: value } },
  };
  return { ...scope, states: { ...scope.states, context } };
}

/** Consecutive items, at most `size` and at most `bytes` of JSON together; a single item may be larger and stands alone. */
function batches(items: readonly Json[], size: number, bytes: number): Json[][] {
  const made: Json[][] = [];
  let room = 0;
  for (const item of items) {
    const weight = jsonBytes(item) + 1;
    const last = made.at(-1);
    if (last === undefined || last.length >= size || weight > room) {
      made.push([item]);
      room = bytes - weight;
    } else {
      last.push(item);
      room -= weight;
    }
  }
  return made;
}

async function batchUnits(
  branch: Branch,
  batcher: NonNullable<MapState["ItemBatcher"]>,
  items: readonly Json[],
): Promise<Unit[]> {
  const scope = branch.scope();
  const size =
    batcher.MaxItemsPerBatch === undefined
      ? Number.POSITIVE_INFINITY
      : await fillNumber(batcher.MaxItemsPerBatch, scope, 1);
  const bytes =
    batcher.MaxInputBytesPerBatch === undefined
      ? Number.POSITIVE_INFINITY
      : await fillNumber(batcher.MaxInputBytesPerBatch, scope, 1);
  const shared = batcher.BatchInput === undefined ? {} : { BatchInput: await fill(batcher.BatchInput, scope) };
  return batches(items, size, bytes).map((Items) => ({
    items: Items.length,
    input: async () => ({ ...shared, Items }),
  }));
}

/** Items are selected first and batched then, as AWS does. Without a batcher an item is selected when its turn comes. */
export async function unitsOf(branch: Branch, state: MapState): Promise<Unit[]> {
  const items = await itemsOf(branch, state);
  const { ItemSelector, ItemBatcher } = state;
  const select = async (item: Json, at: number) =>
    ItemSelector === undefined ? item : fill(ItemSelector, itemScope(branch, at, item));
  if (ItemBatcher !== undefined) return batchUnits(branch, ItemBatcher, await Promise.all(items.map(select)));
  return items.map((item, at) => ({
    items: 1,
    input: async () => withinPayload(await select(item, at), `item ${at} of "${branch.frame.state}"`),
  }));
}
