import { compile, floats, floatsOf, integers } from "../autodiff/session.ts";
import { feedsOf, type Weights } from "../autodiff/weights.ts";
import { IMAGE_TOKENS, WIDTH } from "./architecture.ts";
import { decoder, ModelGraph, plainLayout } from "./layers.ts";
import { VOCABULARY_SIZE } from "./tokenizer.ts";
import { type ImageTokens, stackImages } from "./vision-graph.ts";

/** A question about a picture, as tokens with the mode token in front. */
export type Prompt = { image: ImageTokens; ids: readonly number[] };

/** Prompts a pass. */
export const PROMPT_BATCH = 64;
const BATCH = PROMPT_BATCH;
/** Longest prompt that is answered in one pass: the longest question of the grammar has ten tokens. */
export const PROMPT_LENGTH = 12;

/** Answers prompts by one token: the logprobs (nats) of every vocabulary token after each prompt. */
export async function promptGraph() {
  const m = new ModelGraph({ trains: false });
  const image = m.input("image", [BATCH * IMAGE_TOKENS, WIDTH]);
  const tokens = m.input("tokens", [BATCH * PROMPT_LENGTH], "int64");
  const inputs = { image, tokens, batch: BATCH, length: PROMPT_LENGTH };
  const logits = decoder(m, inputs, plainLayout(m, PROMPT_LENGTH));
  const logprobs = m.g.node("LogSoftmax", [logits], { shape: logits.shape, attributes: { axis: -1 } });
  const program = await compile(m.g, [logprobs]);
  const names = [...m.weights.keys()];

  async function pass(weights: Weights, part: readonly Prompt[]): Promise<Float32Array[]> {
    const ids = new Int32Array(BATCH * PROMPT_LENGTH);
    part.forEach((prompt, i) => {
      ids.set(prompt.ids.slice(0, PROMPT_LENGTH), i * PROMPT_LENGTH);
    });
    const images = stackImages(
      part.map((prompt) => prompt.image),
      BATCH,
    );
    const out = await program.run({
      ...feedsOf(weights, names),
      image: floats(images, [BATCH * IMAGE_TOKENS, WIDTH]),
      tokens: integers(ids, [BATCH * PROMPT_LENGTH]),
    });
    const all = floatsOf(out[logprobs.name]);
    return part.map((prompt, i) => {
      const last = i * PROMPT_LENGTH + Math.min(prompt.ids.length, PROMPT_LENGTH) - 1;
      return all.slice(last * VOCABULARY_SIZE, (last + 1) * VOCABULARY_SIZE);
    });
  }

  async function answer(weights: Weights, prompts: readonly Prompt[]): Promise<Float32Array[]> {
    const answers: Float32Array[] = [];
    for (let start = 0; start < prompts.length; start += BATCH) {
      answers.push(...(await pass(weights, prompts.slice(start, start + BATCH))));
    }
    return answers;
  }
  return { answer, release: program.release };
}
