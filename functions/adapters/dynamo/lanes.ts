/** Work of one process that must not meet itself at the same rows. */

/** Runs `work` after all earlier work on any of the same names, in the order of the calls. */
export type Lanes = <T>(names: readonly string[], work: () => Promise<T>) => Promise<T>;

/**
 * Every write of one name waits for the one before: DynamoDB would cancel all but one of those that meet, and none of them
 * would be faster.
 */
export function openLanes(): Lanes {
  const last = new Map<string, Promise<unknown>>();
  return (names, work) => {
    const mine = Promise.all(names.map((name) => last.get(name))).then(work);
    const ended = mine.then(forget, forget);
    for (const name of names) last.set(name, ended);
    function forget(): void {
      for (const name of names) if (last.get(name) === ended) last.delete(name);
    }
    return mine;
  };
}

/** At most `most` at once; the others wait in order. */
export function openGate(most: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let inside = 0;
  return async (work) => {
    if (inside === most) await new Promise<void>((enter) => waiting.push(enter));
    else inside++;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) inside--;
      else next();
    }
  };
}
