/** Requests that DynamoDB may do in part. */

export function chunksOf<T>(all: readonly T[], most: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / most) }, (_, at) => all.slice(at * most, (at + 1) * most));
}

/**
 * Sends what was left undone again, at once while something was done.
 * @param send gives what is left; is asked with patience, so it may throw what passes
 */
export async function untilDone<T>(
  all: readonly T[],
  send: (left: readonly T[]) => Promise<readonly T[]>,
): Promise<void> {
  for (let left = all; left.length > 0; ) left = await send(left);
}

/** A batch of which nothing was done counts as throttled: then the next try waits. */
export function unlessStuck<T>(left: readonly T[], asked: readonly T[]): readonly T[] {
  if (left.length < asked.length) return left;
  throw Object.assign(new Error(`none of ${asked.length} items was processed`), { name: "ThrottlingException" });
}
