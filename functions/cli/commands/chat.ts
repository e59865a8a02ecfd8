import { Command } from "commander";
import { bestAnswer } from "../../../shared/evaluation/best-by-claims.ts";
import { sampleIdOf } from "../../../shared/ids.ts";
import type { ChatBody } from "../../../shared/schemas/chat.ts";
import type { Submitted } from "../../../shared/schemas/sample.ts";
import type { Local } from "../../runtime/local.ts";
import { generateAndScore, localWalk } from "../../trust/walk.ts";
import { type Output, openOutput } from "../output.ts";
import { claimsText } from "./score.ts";
import {
  type AskedModels,
  askedModels,
  inFolder,
  readImage,
  wholeNumber,
  withCommonOptions,
  withDataOption,
} from "./shared.ts";

type ChatOptions = {
  data: string;
  image: string;
  bestOf: number;
  seed: number;
  config?: string;
  run?: string;
  json?: boolean;
};

export function chatCommand(): Command {
  const command = new Command("chat")
    .argument("<question>", "what to ask about the image")
    .description("ask one question about an image")
    .requiredOption("--image <file>", "JPEG, PNG or WebP")
    .option("--best-of <n>", "sample N answers and keep the one whose claims hold up best", wholeNumber(1), 1)
    .option("--seed <n>", "of the sampling", wholeNumber(0), 1)
    .option("--run <id>", "ask the model this run made (default: the base model)")
    .option("--config <file>", "whose models to use (default: the embedded engine's)");
  return withDataOption(withCommonOptions(command)).action(async (question: string, options: ChatOptions) => {
    const output = openOutput(options);
    await inFolder(options.data, async (local) => {
      const models = await askedModels(options, local);
      const { image, warnings } = await readImage(options.image, models, local);
      for (const warning of warnings) output.note(`warning: ${warning}`);
      const sample = { sampleId: sampleIdOf({ imageSha256: image.sha256, question }), image, question, metadata: {} };
      if (options.bestOf > 1) await answerBest(sample, options, { models, local, output });
      else await answerPlainly(sample, options, { models, local, output });
    });
  });
}

type World = { models: AskedModels; local: Local; output: Output };

async function answerBest(
  sample: Submitted,
  { bestOf, seed }: ChatOptions,
  { models, local, output }: World,
): Promise<void> {
  const config = { ...models.config, seed, generate: { ...models.config.generate, candidates: bestOf } };
  const scored = await generateAndScore(sample, { ...models, config }, localWalk(local, AbortSignal.timeout(600_000)));
  const best = bestAnswer(scored.candidates);
  if (best === undefined) throw new Error("the policy gave no answer");
  const scores = scored.candidates.map(({ score }) => score ?? "none").join(", ");
  output.result(
    { answer: best.text, best, candidates: scored.candidates },
    `${best.text}\n\n${claimsText(best)}\nscores of the ${bestOf} answers: ${scores}`,
  );
}

/** Prints the answer as it is made. */
async function answerPlainly(
  sample: Submitted,
  { seed }: ChatOptions,
  { models, local, output }: World,
): Promise<void> {
  const { engine, model } = await local.models.bind(models.config.policy, models.checkpoint);
  const { temperature, maxTokens, topP } = models.config.generate;
  const body: ChatBody = {
    model,
    messages: [
      {
        role: "user",
        content: [
          { type: "image_url", image_url: { url: `blob:${sample.image.sha256}` } },
          { type: "text", text: sample.question },
        ],
      },
    ],
    temperature,
    max_tokens: maxTokens,
    seed,
    ...(topP === undefined ? {} : { top_p: topP }),
  };
  let answer = "";
  for await (const delta of engine.stream(body, AbortSignal.timeout(600_000))) {
    if (delta.kind !== "text") continue;
    answer += delta.text;
    if (!output.json) process.stdout.write(delta.text);
  }
  output.result({ answer }, "");
}
