/** Counts what one image's answers contribute to every figure. */
import type { BenchFigureName, FigureName } from "../schemas/metrics.ts";
import type { Scored, ScoredCandidate, ScoredClaim } from "../schemas/sample.ts";
import { wordCount } from "../stages/text.ts";
import type { Bench, ObjectCounts } from "./bench.ts";
import type { Cluster, Ratio } from "./bootstrap.ts";
import { chairAnswer } from "./chair.ts";

/** Every figure's part, of one answer or of one image. */
export type Tally = Cluster<FigureName> & Partial<Cluster<BenchFigureName>>;

const NOTHING: Ratio = { top: 0, bottom: 0 };
const ratio = (top: number, bottom: number): Ratio => ({ top, bottom });
const mean = (value: number): Ratio => ratio(value, 1);
const NO_OBJECTS: ObjectCounts = {
  response_hallucination: NOTHING,
  response_hallucination_all: NOTHING,
  mention_hallucination: NOTHING,
  recall: NOTHING,
};

function objects(bench: Bench, sample: Scored, text: string): ObjectCounts {
  if (bench.counts !== undefined) return bench.counts(text, sample) ?? NO_OBJECTS;
  const truth = bench.truth(sample);
  if (truth === undefined) return NO_OBJECTS;
  const { mentioned, hallucinated, correct, truthSize } = chairAnswer({ mentions: bench.mentions(text), truth });
  const any = Number(hallucinated.length > 0);
  return {
    response_hallucination: ratio(any, Number(mentioned.length > 0)),
    response_hallucination_all: mean(any),
    mention_hallucination: ratio(hallucinated.length, mentioned.length),
    recall: ratio(correct.size, truthSize),
  };
}

function form(bench: Bench | undefined, text: string): Pick<Tally, "words" | "sentences" | "malformed" | "duplicates"> {
  const words = mean(wordCount(text));
  if (bench === undefined) return { words, sentences: NOTHING, malformed: NOTHING, duplicates: NOTHING };
  const sentences = bench.sentences(text);
  return {
    words,
    sentences: mean(sentences.length),
    malformed: ratio(sentences.filter(({ malformed }) => malformed).length, sentences.length),
    duplicates: ratio(sentences.filter(({ duplicate }) => duplicate).length, sentences.length),
  };
}

type Judged = { claim: ScoredClaim; truth: boolean | undefined };
type LabelerFigure = "labeler_agreement" | "labeler_catch_rate" | "labeler_false_rejections";

/** The labelers against the truth. A claim nobody labeled (verdict by rule, not by vote) is not theirs. */
function labeler(judged: readonly Judged[]): Pick<Tally, LabelerFigure> {
  const labeled = judged.filter(
    ({ claim, truth }) => truth !== undefined && claim.labels.some((label) => label !== null),
  );
  const voted = labeled.filter(({ claim }) => claim.verdict !== "abstained");
  const rejected = (items: readonly Judged[]) => items.filter(({ claim }) => claim.verdict === "rejected").length;
  const wrong = labeled.filter(({ truth }) => truth === false);
  const right = labeled.filter(({ truth }) => truth === true);
  const agreeing = voted.filter(({ claim, truth }) => (claim.verdict === "accepted") === truth);
  return {
    labeler_agreement: ratio(agreeing.length, voted.length),
    labeler_catch_rate: ratio(rejected(wrong), wrong.length),
    labeler_false_rejections: ratio(rejected(right), right.length),
  };
}

type ClaimFigure = "claims" | "true_claims" | "claim_error" | "rejected_claims" | "abstained_claims" | LabelerFigure;

function claims(bench: Bench | undefined, sample: Scored, candidate: ScoredCandidate): Pick<Tally, ClaimFigure> {
  const usable = candidate.unusable === undefined;
  const all = usable ? candidate.claims : [];
  const judged = all.map((claim) => ({ claim, truth: bench?.claimTruth?.(claim.text, sample) }));
  const known = judged.filter(({ truth }) => truth !== undefined);
  const trueTexts = new Set(known.filter(({ truth }) => truth).map(({ claim }) => claim.text));
  const judging = bench?.claimTruth !== undefined && bench.truth(sample) !== undefined;
  return {
    claims: usable ? mean(all.length) : NOTHING,
    true_claims: usable && judging ? mean(trueTexts.size) : NOTHING,
    claim_error: ratio(known.filter(({ truth }) => !truth).length, known.length),
    rejected_claims: ratio(all.filter(({ verdict }) => verdict === "rejected").length, all.length),
    abstained_claims: ratio(all.filter(({ verdict }) => verdict === "abstained").length, all.length),
    // a repetition is rejected by rule: what the labeler said about it stands at the first time
    ...labeler(judged.filter(({ claim }) => !claim.repeated)),
  };
}

/** One answer's part of every figure. */
export function tallyAnswer(bench: Bench | undefined, sample: Scored, candidate: ScoredCandidate): Tally {
  return {
    ...(bench === undefined ? NO_OBJECTS : objects(bench, sample, candidate.text)),
    ...form(bench, candidate.text),
    ...claims(bench, sample, candidate),
  };
}

/** Sums tallies figure by figure. */
export function addTallies(tallies: readonly Tally[], names: readonly (FigureName | BenchFigureName)[]): Tally {
  const add = (name: FigureName | BenchFigureName) =>
    tallies.reduce((total, tally) => {
      const { top, bottom } = tally[name] ?? NOTHING;
      return ratio(total.top + top, total.bottom + bottom);
    }, NOTHING);
  return Object.fromEntries(names.map((name) => [name, add(name)])) as Tally;
}
