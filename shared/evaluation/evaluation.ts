/** What a benchmark is to the runner of evaluations. Everything here is pure; functions/evals asks, stores and reports. */
import type { ChatBody } from "../schemas/chat.ts";
import type {
  BenchName,
  EvaluationAnswer,
  EvaluationMode,
  FigureInfo,
  ItemScore,
  JudgeCall,
} from "../schemas/evaluation.ts";

/** What every item has, whatever else the bench knows of it. */
export type EvaluationItem = {
  itemId: string;
  /** SHA-256 of the image, or its name where the images are not here (stored answers need none). */
  image: string;
  question: string;
};

/** What to ask a judge about one answer. `kind` and `repetition` name the call among the item's. */
export type JudgeAsk = {
  itemId: string;
  kind: string;
  repetition: number;
  promptHash: string;
  body: Omit<ChatBody, "model">;
};

export type JudgeOptions = { repetitions: number; temperature: number; structuredOutput: boolean };

/** One benchmark over items of its own kind. Items are loaded elsewhere (functions/evals), in the official file layouts. */
export interface EvaluationBench<Item extends EvaluationItem> {
  name: BenchName;
  figures: readonly FigureInfo[];
  /** The request that gets the model's answer; `image_url` is `blob:<sha256>`. */
  ask(item: Item): Omit<ChatBody, "model">;
  /** What to ask the judge or extractor about an answer; none for judge-free benches. */
  judge(item: Item, answer: EvaluationAnswer, options: JudgeOptions): JudgeAsk[];
  /** What can be asked only once the calls of `judge` are answered, e.g. about a review; none where this is not there. */
  followUp?(item: Item, calls: readonly JudgeCall[], options: JudgeOptions): JudgeAsk[];
  /** The item's score from its answer and all calls that were stored for it. Never throws on a hostile reply. */
  score(item: Item, answer: EvaluationAnswer, calls: readonly JudgeCall[], mode: EvaluationMode): ItemScore;
  /** Figures over all items that are no Σ/Σ, and the original's printed numbers in parity mode. */
  extra(scores: readonly ItemScore[], mode: EvaluationMode): Record<string, number | null>;
  /** How many calls of an item have a reply that says nothing usable. */
  unparsable(item: Item, calls: readonly JudgeCall[]): number;
  /** What to tell beside the numbers: differences from the original. */
  notes(mode: EvaluationMode): string[];
}
