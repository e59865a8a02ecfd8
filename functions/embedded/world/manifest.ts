import { pick, randomOf } from "../random.ts";
import { loadArt } from "./art.ts";
import { sceneFacts } from "./bench.ts";
import { toPng } from "./png.ts";
import { renderScene } from "./render.ts";
import { type Scene, type Split, sceneAt } from "./scene.ts";

/** One picture with its question, its name and the truth about it; `image` is a PNG file. */
export type SceneRow = {
  id: string;
  image: Uint8Array;
  question: string;
  metadata: { scene: ReturnType<typeof sceneFacts>; theme: string; split: Split };
};

export const CAPTION_QUESTIONS = [
  "Describe the picture.",
  "What can be seen in the picture?",
  "Please describe what is in the picture.",
] as const;

/** Scenes `first` to `first + count` of a split as rows of a manifest. Splits share no scene; the same call gives the same bytes. */
export async function* sceneRows(which: {
  split: Split;
  seed: number;
  count: number;
  first?: number;
}): AsyncGenerator<SceneRow> {
  const art = await loadArt();
  const first = which.first ?? 0;
  for (let index = first; index < first + which.count; index++) {
    const scene: Scene = sceneAt(which.split, which.seed, index);
    yield {
      id: `${which.split}-${which.seed}-${String(index).padStart(5, "0")}`,
      image: await toPng(renderScene(scene, art)),
      question: pick(randomOf("question", scene.look), CAPTION_QUESTIONS),
      metadata: { scene: sceneFacts(scene), theme: scene.theme, split: which.split },
    };
  }
}
