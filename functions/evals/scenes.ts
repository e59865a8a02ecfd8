/** The embedded world's own benchmark: exact truth about every picture, the same metric code as Object HalBench. */
import { chairAnswer } from "../../shared/evaluation/chair.ts";
import type { EvaluationBench, EvaluationItem } from "../../shared/evaluation/evaluation.ts";
import type { EvaluationAnswer, FigureInfo, ItemScore } from "../../shared/schemas/evaluation.ts";
import { wordCount } from "../../shared/stages/text.ts";
import { scenesBench as world } from "../embedded/world/bench.ts";

/** `metadata.scene` holds the truth. */
export type SceneItem = EvaluationItem & { metadata: Record<string, unknown> };

const FIGURES: readonly FigureInfo[] = [
  {
    name: "response_hallucination",
    kind: "share",
    better: "lower",
    meaning: "Answers naming an object that is not there, of the answers naming any object (CHAIRs_refine, “Rsp.”)",
  },
  {
    name: "response_hallucination_all",
    kind: "share",
    better: "lower",
    meaning: "The same, of all answers (CHAIRs)",
  },
  {
    name: "mention_hallucination",
    kind: "share",
    better: "lower",
    meaning: "Objects named that are not there, of the objects named (CHAIRi, “Ment.”)",
  },
  {
    name: "recall",
    kind: "share",
    better: "higher",
    meaning: "Objects named that are there, of the objects that are there (obj_rec)",
  },
  { name: "words", kind: "mean", better: "neither", meaning: "Mean words of an answer" },
  { name: "malformed", kind: "share", better: "lower", meaning: "Sentences outside the world's grammar" },
  { name: "duplicates", kind: "share", better: "lower", meaning: "Sentences that repeat an earlier one" },
];

const ratio = (top: number, bottom: number) => ({ top, bottom });

function partsOf(text: string, truth: ReadonlySet<string>) {
  const { mentioned, hallucinated, correct, truthSize } = chairAnswer({ mentions: world.mentions(text), truth });
  const sentences = world.sentences(text);
  const any = Number(hallucinated.length > 0);
  const parts: ItemScore["parts"] = {
    response_hallucination: ratio(any, Number(mentioned.length > 0)),
    response_hallucination_all: ratio(any, 1),
    mention_hallucination: ratio(hallucinated.length, mentioned.length),
    recall: ratio(correct.size, truthSize),
    words: ratio(wordCount(text), 1),
    malformed: ratio(sentences.filter(({ malformed }) => malformed).length, sentences.length),
    duplicates: ratio(sentences.filter(({ duplicate }) => duplicate).length, sentences.length),
  };
  const missed = [...truth].filter((object) => !correct.has(object)).sort();
  return { parts, detail: { mentioned, hallucinated, correct: [...correct].sort(), missed } };
}

function score(item: SceneItem, { text }: EvaluationAnswer): ItemScore {
  const base = { itemId: item.itemId, cluster: item.image, groups: themeOf(item) };
  const truth = world.truth({ sampleId: item.itemId, question: item.question, metadata: item.metadata });
  if (text === null || truth === undefined) return { ...base, missing: true, parts: {}, detail: {} };
  return { ...base, missing: false, ...partsOf(text, truth) };
}

function themeOf({ metadata }: SceneItem): string[] {
  const theme = metadata["theme"];
  return typeof theme === "string" ? [`theme: ${theme}`] : [];
}

export const scenesEvaluation: EvaluationBench<SceneItem> = {
  name: "scenes",
  figures: FIGURES,
  ask: ({ image, question }) => ({
    messages: [
      {
        role: "user",
        content: [
          { type: "image_url", image_url: { url: `blob:${image}` } },
          { type: "text", text: question },
        ],
      },
    ],
    temperature: 0,
    max_tokens: 512, // RLAIF-V: max_new_tokens 512
  }),
  judge: () => [],
  score,
  extra: () => ({}),
  unparsable: () => 0,
  notes: () => [
    "The pictures are composed by this project: the truth about them is exact, and no other world is measured.",
  ],
};
