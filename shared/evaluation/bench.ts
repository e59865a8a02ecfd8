/**
 * What a benchmark knows and the metrics do not: which words name objects, and what is really in a picture.
 * Every method is pure. `shared/evaluation/measure.ts` turns it into figures.
 */
import type { BenchFigureName } from "../schemas/metrics.ts";
import type { Submitted } from "../schemas/sample.ts";
import type { Ratio } from "./bootstrap.ts";

/** A word of an answer that names an object, and the class it stands for: `{ word: "puppy", object: "dog" }`. */
export type Mention = { word: string; object: string };

/**
 * `malformed`: outside the grammar the bench understands; a bench for free text never says so.
 * `duplicate`: says the same as an earlier sentence of the same answer.
 */
export type Sentence = { text: string; malformed: boolean; duplicate: boolean };

/** The part of a sample that a bench looks at: pairs carry it as well. */
export type Subject = Pick<Submitted, "sampleId" | "question" | "metadata">;

/** What one answer adds to the figures of objects, where a bench counts by rules of its own. */
export type ObjectCounts = Record<ObjectFigure, Ratio> & Partial<Record<BenchFigureName, Ratio>>;
export type ObjectFigure = "response_hallucination" | "response_hallucination_all" | "mention_hallucination" | "recall";

export interface Bench {
  name: string;
  /** Figures beside those that every run has. */
  figures?: readonly BenchFigureName[];
  /** Instead of CHAIR over `truth` and `mentions`; `undefined` for a sample this bench knows nothing about. */
  counts?(text: string, sample: Subject): ObjectCounts | undefined;
  /** The classes of object in the sample's picture; `undefined` for a sample this bench knows nothing about. */
  truth(sample: Subject): ReadonlySet<string> | undefined;
  /** Every object word in the order of the text, repetitions too, whether its sentence makes sense or not: garbage is not free. */
  mentions(text: string): readonly Mention[];
  /** Whether a claim, in the divider's words, holds in the sample's picture; `undefined` where the bench cannot tell. */
  claimTruth?(claim: string, sample: Subject): boolean | undefined;
  /** The answer cut into sentences; joined by spaces they are the answer again. */
  sentences(text: string): readonly Sentence[];
}
