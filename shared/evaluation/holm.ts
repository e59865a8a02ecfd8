/**
 * Holm's step-down correction (Holm 1979): with m tests, the k-th smallest p (k from 1) is multiplied by m − k + 1, and
 * no adjusted p is below one of a smaller p. Rejecting what is ≤ α keeps the chance of any false finding ≤ α, however
 * the tests depend on each other: the figures of one model do.
 */

/**
 * Adjusted p in the order of the input, each in [p, 1].
 * @param values null where nothing could be tested: it stays null and is not counted among the tests
 * @throws RangeError for a p outside 0..1
 */
export function holm(values: readonly (number | null)[]): (number | null)[] {
  const tests = values.flatMap((p, index) => (p === null ? [] : [{ p, index }])).sort((a, b) => a.p - b.p);
  const adjusted: (number | null)[] = values.map(() => null);
  let floor = 0;
  for (const [rank, { p, index }] of tests.entries()) {
    if (!(p >= 0 && p <= 1)) throw new RangeError(`p value ${index} is ${p}; it must lie in 0..1`);
    floor = Math.max(floor, Math.min(1, p * (tests.length - rank)));
    adjusted[index] = floor;
  }
  return adjusted;
}
