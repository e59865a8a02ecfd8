/** What the engine and its peer are measured on: pictures of the world, captions, questions and pairs about them. */
import type { memoryBlobStore } from "../functions/adapters/memory/blob-store.ts";
import type { Weights } from "../functions/embedded/autodiff/weights.ts";
import { readPrompt } from "../functions/embedded/engine/prompts.ts";
import { PATCH_VALUES, PATCHES, TEXT_LENGTH } from "../functions/embedded/model/architecture.ts";
import { IMAGE_VALUES, writePatches } from "../functions/embedded/model/patches.ts";
import type { AnswerRow, PreferencePair } from "../functions/embedded/model/preference-graph.ts";
import { logprobGraph } from "../functions/embedded/model/preference-graph.ts";
import { PROMPT_LENGTH } from "../functions/embedded/model/prompt-graph.ts";
import { captionRow, packRows } from "../functions/embedded/model/rows.ts";
import { visionGraph } from "../functions/embedded/model/vision-graph.ts";
import { randomOf } from "../functions/embedded/random.ts";
import { loadArt } from "../functions/embedded/world/art.ts";
import { questionOf } from "../functions/embedded/world/claims.ts";
import { toPng } from "../functions/embedded/world/png.ts";
import { drawClaim } from "../functions/embedded/world/quiz.ts";
import { type Pixels, renderScene } from "../functions/embedded/world/render.ts";
import { sceneAt } from "../functions/embedded/world/scene.ts";
import type { BatchLine, ChatBody } from "../shared/schemas/chat.ts";
import { labelPrompt } from "../shared/stages/prompts.ts";

export const SIZES = { pictures: 120, answersEach: 10, questionsEach: 34, pairs: 16 };
const SEED = 7;

export type Picture = { url: string; pixels: Pixels; questions: string[] };
export type Blobs = ReturnType<typeof memoryBlobStore>;

/** Pictures that no other set has: each repetition reads them for the first time, as a run does. */
export async function pictureSet(set: number, blobs: Blobs): Promise<Picture[]> {
  const art = await loadArt();
  return Promise.all(
    Array.from({ length: SIZES.pictures }, async (_, at) => {
      const scene = sceneAt("train", SEED, set * SIZES.pictures + at);
      const pixels = renderScene(scene, art);
      const random = randomOf("bench", set, at);
      const questions = Array.from({ length: SIZES.questionsEach }, () => questionOf(drawClaim(random, scene)));
      return { url: `blob:${await blobs.writeContent(await toPng(pixels))}`, pixels, questions };
    }),
  );
}

export function captionLines(pictures: readonly Picture[]): BatchLine[] {
  return pictures.map(({ url }, at) =>
    line(`caption/${at}`, {
      model: "embedded/policy",
      messages: aboutPicture(url, "Describe the picture."),
      n: SIZES.answersEach,
      temperature: 1,
      max_tokens: TEXT_LENGTH,
      seed: at,
    }),
  );
}

/** Questions as the score stage puts them. */
export function questionLines(pictures: readonly Picture[]): BatchLine[] {
  return pictures.flatMap(({ url, questions }, at) =>
    questions.map((question, place) =>
      line(`question/${at}/${place}`, {
        model: "embedded/labeler",
        messages: aboutPicture(url, labelPrompt(question)),
        max_tokens: 1,
        temperature: 0,
        logprobs: true,
        top_logprobs: 20,
      }),
    ),
  );
}

function line(custom_id: string, body: ChatBody): BatchLine {
  return { custom_id, method: "POST", url: "/v1/chat/completions", body };
}

function aboutPicture(url: string, text: string): ChatBody["messages"] {
  return [
    {
      role: "user",
      content: [
        { type: "image_url", image_url: { url } },
        { type: "text", text },
      ],
    },
  ];
}

/** The first two answers to each of the first pictures as pairs; which is the better one does not matter here. */
export async function pairsOf(
  weights: Weights,
  pictures: readonly Picture[],
  answers: readonly (readonly string[])[],
): Promise<PreferencePair[]> {
  const used = pictures.slice(0, SIZES.pairs);
  const [vision, reference] = [await visionGraph(), await logprobGraph()];
  const images = await vision.see(
    weights,
    used.map(({ pixels }) => pixels),
  );
  const rowsOf = (place: number): AnswerRow[] =>
    images.map((image, at) => ({ image, row: captionRow(answers[at]![place]!) }));
  const [chosen, rejected] = [rowsOf(0), rowsOf(1)];
  const logprobs = await reference.measure(weights, [...chosen, ...rejected]);
  await Promise.all([vision.release(), reference.release()]);
  return chosen.map((row, at) => ({
    chosen: row,
    rejected: rejected[at]!,
    referenceChosen: logprobs[at]!,
    referenceRejected: logprobs[SIZES.pairs + at]!,
  }));
}

/** The same cases as arrays for the peer; whole numbers are stored as floats. */
export function peerArrays(pictures: readonly Picture[], pairs: readonly PreferencePair[]): Weights {
  const patches = new Float32Array(pictures.length * IMAGE_VALUES);
  pictures.forEach(({ pixels }, at) => {
    writePatches(pixels, patches, at * IMAGE_VALUES);
  });
  const rows = packRows(
    [...pairs.map(({ chosen }) => chosen.row), ...pairs.map(({ rejected }) => rejected.row)],
    2 * pairs.length,
  );
  const prompts = pictures.flatMap(({ questions }) => questions.map((question) => promptIds(question)));
  const padded = prompts.flatMap((ids) => [...ids, ...new Array<number>(PROMPT_LENGTH - ids.length).fill(0)]);
  const reference = [...pairs.map((pair) => pair.referenceChosen), ...pairs.map((pair) => pair.referenceRejected)];
  const array = (data: ArrayLike<number>, ...shape: number[]) => ({ shape, data: Float32Array.from(data) });
  return {
    patches: array(patches, pictures.length, PATCHES, PATCH_VALUES),
    prompts: array(padded, prompts.length, PROMPT_LENGTH),
    promptLengths: array(
      prompts.map((ids) => ids.length),
      prompts.length,
    ),
    tokens: array(rows.tokens, 2 * pairs.length, TEXT_LENGTH),
    targets: array(rows.targets, 2 * pairs.length, TEXT_LENGTH),
    weights: array(rows.weights, 2 * pairs.length, TEXT_LENGTH),
    reference: array(reference, reference.length),
  };
}

function promptIds(question: string): number[] {
  const reading = readPrompt(labelPrompt(question), "labeler");
  if (reading.mode !== "question") throw new Error(`the labeler does not know the question "${question}"`);
  return reading.ids;
}
