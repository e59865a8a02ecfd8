/** Names the words that were put to the models, so that a dataset tells which they were. */
import { sha256Hex } from "../ids.ts";
import { presetOf } from "../presets.ts";
import type { ModelRef, RunConfig } from "../schemas/config.ts";
import { dividePrompt, labelPrompt, questionPrompt } from "./prompts.ts";

/** SHA-256 of each template in the form a run uses, with placeholders for what changes. */
export function promptHashes(config: RunConfig): { name: string; sha256: string }[] {
  const withQuestions = config.divide.mode === "one_call";
  const divide = (["json", "list"] as const).map((shape) =>
    dividePrompt({ question: "{question}", answer: "{answer}", shape, withQuestions }),
  );
  const question = (["json", "list"] as const).map((shape) => questionPrompt(["{statement}"], shape));
  return [
    { name: "divide", sha256: sha256Hex(templateOf(config.divider, "divide") ?? divide.join("\n")) },
    { name: "question", sha256: sha256Hex(templateOf(config.questioner, "question") ?? question.join("\n")) },
    { name: "label", sha256: sha256Hex(labelPrompt("{question}")) },
  ];
}

function templateOf(model: ModelRef, task: "divide" | "question"): string | undefined {
  return model.preset === undefined ? undefined : presetOf(model.preset)[task]?.template;
}
