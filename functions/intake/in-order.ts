/**
 * Works on up to `limit` items at once and yields the results in the order of the items. It reads no further ahead than
 * `limit` items, so a long manifest is never held in memory.
 */
export async function* mapInOrder<In, Out>(
  items: AsyncIterable<In>,
  limit: number,
  work: (item: In) => Promise<Out>,
): AsyncGenerator<Out> {
  const running: Promise<Out>[] = [];
  for await (const item of items) {
    const result = work(item);
    result.catch(() => undefined); // reported when its turn comes; until then Node must not see it as unhandled
    running.push(result);
    if (running.length >= limit) yield await running.shift()!;
  }
  for (const result of running) yield await result;
}
