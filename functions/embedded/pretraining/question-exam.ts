import type { Weights } from "../autodiff/weights.ts";
import { promptGraph } from "../model/prompt-graph.ts";
import { questionIds } from "../model/rows.ts";
import { NO, YES } from "../model/tokenizer.ts";
import { visionGraph } from "../model/vision-graph.ts";
import { randomOf } from "../random.ts";
import type { Art } from "../world/art.ts";
import { type ClaimKind, questionOf, truth } from "../world/claims.ts";
import { drawClaim } from "../world/quiz.ts";
import { renderScene } from "../world/render.ts";
import { sceneAt } from "../world/scene.ts";

export type ExamResult = Record<ClaimKind, { right: number; asked: number }>;

const QUESTIONS_PER_SCENE = 8;

/** Yes/no questions about tuning scenes, marked against the truth; one row a kind of claim. */
export async function questionExam(art: Art, scenes: number) {
  const vision = await visionGraph();
  const prompts = await promptGraph();
  const drawn = Array.from({ length: scenes }, (_, i) => sceneAt("tuning", 1, i));
  const pictures = drawn.map((scene) => renderScene(scene, art));
  const questions = drawn.flatMap((scene, i) => {
    const random = randomOf("exam", scene.look);
    return Array.from({ length: QUESTIONS_PER_SCENE }, () => ({ i, scene, claim: drawClaim(random, scene) }));
  });

  async function mark(weights: Weights): Promise<ExamResult> {
    const images = await vision.see(weights, pictures);
    const asked = questions.map(({ i, claim }) => ({ image: images[i]!, ids: questionIds(questionOf(claim)) }));
    const answers = await prompts.answer(weights, asked);
    const none = () => ({ right: 0, asked: 0 });
    const result: ExamResult = { exists: none(), count: none(), place: none(), relation: none() };
    questions.forEach(({ scene, claim }, i) => {
      const saysYes = answers[i]![YES]! > answers[i]![NO]!;
      result[claim.kind].asked += 1;
      if (saysYes === truth(scene, claim)) result[claim.kind].right += 1;
    });
    return result;
  }
  return { mark, release: async () => Promise.all([vision.release(), prompts.release()]) };
}

/** "exists 99.1 %, count 97.0 % …" */
export const examLine = (result: ExamResult): string =>
  Object.entries(result)
    .map(([kind, { right, asked }]) => `${kind} ${((100 * right) / asked).toFixed(1)} %`)
    .join(", ");
