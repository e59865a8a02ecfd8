/** Whether the splits of a run are apart, by the content of their pictures: a picture's name proves nothing. */
import type { Submitted } from "../schemas/sample.ts";

type Pictured = Pick<Submitted, "image">;

/** The pictures of `samples` that are in `others`, too, each once, in order. */
export function sharedImages<Sample extends Pictured>(
  samples: readonly Sample[],
  others: readonly Pictured[],
): Sample[] {
  const there = new Set(others.map(({ image }) => image.sha256));
  const first = new Map(samples.toReversed().map((sample) => [sample.image.sha256, sample]));
  return samples.filter((sample) => there.has(sample.image.sha256) && first.get(sample.image.sha256) === sample);
}
