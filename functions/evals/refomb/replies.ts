/** The judge's stored replies of RLAIF-V's RefoMB scripts: `A-GPT-4V_B-<name>.json` and the `.hall.json` beside it. */
import { stat } from "node:fs/promises";
import { z } from "zod";
import { answerHash } from "../../../shared/evaluation/digest.ts";
import { type RefombItem, refombItemId, trustKind } from "../../../shared/evaluation/refomb/refomb.ts";
import { parityVerdict } from "../../../shared/evaluation/refomb/replies.ts";
import type { EvaluationAnswer, JudgeCall } from "../../../shared/schemas/evaluation.ts";
import { readCalls } from "../files.ts";
import { isArrayFile, readJsonFile } from "../json-file.ts";
import { EvaluationError } from "../problems.ts";

/** eval_RefoMB_p0.py insists on one of the two models having this name. */
const REFERENCE_MODEL = "GPT-4V";

const Score = z.union([z.literal(-1), z.literal(0), z.literal(1)]);
const Review = z.object({
  score: Score,
  review: z.string(),
  modelA: z.string(),
  modelB: z.string(),
  question: z.string(),
  /** A list by its name; the script writes the one address itself. */
  image_path_list: z.union([z.string(), z.array(z.string()).min(1)]),
});
type Review = z.infer<typeof Review>;
const Trust = z.object({ score: Score, review_text: z.string(), review_res: z.string() });

/**
 * What the files leave out. They were asked at 0.00001 and 0, which is told as one judge's 0.
 */
const OFFICIAL = { repetition: 0, model: "not told", revision: "not told", temperature: 0 };

/** `….hall.json` as eval_hallucination.py names it. */
export const trustPath = (path: string): string => path.replace(/\.json$/, ".hall.json");

/** The reviews, and what was read out of them where that file lies beside; or this project's own judge calls. */
export async function loadRefombReplies(
  path: string,
  items: readonly RefombItem[],
  answers: readonly EvaluationAnswer[],
): Promise<JudgeCall[]> {
  if (!(await isArrayFile(path))) return readCalls(path);
  if (path.endsWith(".hall.json")) {
    throw new EvaluationError(
      `${path} tells what was read out of reviews, and not the reviews`,
      "give the file of the reviews; this one is found beside it",
    );
  }
  const reviews = await readReviews(path, items, answers);
  const beside = trustPath(path);
  const isBeside = beside !== path && (await stat(beside).catch(() => undefined)) !== undefined;
  return isBeside ? [...reviews, ...(await readTrust(beside, reviews))] : reviews;
}

async function readReviews(
  path: string,
  items: readonly RefombItem[],
  answers: readonly EvaluationAnswer[],
): Promise<JudgeCall[]> {
  const answerOf = new Map(answers.map((answer) => [answer.itemId, answer]));
  const known = new Set(items.map(({ itemId }) => itemId));
  const seen = new Set<string>();
  return (await readJsonFile(path, z.array(Review))).map((record, at) => {
    const where = `${path}: entry ${at}`;
    const kind = orderOf(record, where);
    const itemId = itemOf(record, known, where);
    const name = `${itemId}/${kind}`;
    if (seen.has(name)) {
      throw new EvaluationError(`${where}: question: "${record.question}" was reviewed before`, "keep one of them");
    }
    seen.add(name);
    checkScore(record.score, record.review, where);
    const hash = answerHash(answerOf.get(itemId) ?? { text: null });
    return { ...OFFICIAL, itemId, kind, answerHash: hash, promptHash: "eval_RefoMB_p0.py", reply: record.review };
  });
}

function orderOf({ modelA, modelB }: Review, where: string): "compare" | "compare_swapped" {
  if (modelA === REFERENCE_MODEL && modelB !== REFERENCE_MODEL) return "compare";
  if (modelB === REFERENCE_MODEL && modelA !== REFERENCE_MODEL) return "compare_swapped";
  throw new EvaluationError(
    `${where}: modelA, modelB: "${modelA}" and "${modelB}" do not tell which one is the candidate`,
    `name the reference model ${REFERENCE_MODEL}, and the candidate otherwise`,
  );
}

function itemOf({ image_path_list: images, question }: Review, known: ReadonlySet<string>, where: string): string {
  const image = typeof images === "string" ? images : images[0]!;
  const itemId = refombItemId(image, question);
  if (known.has(itemId)) return itemId;
  throw new EvaluationError(
    `${where}: question: "${question}" about ${image} is not in this benchmark`,
    "give replies to these questions",
  );
}

/** The script stores both, the score read from the reply. */
function checkScore(score: number, reply: string, where: string): void {
  const read = parityVerdict(reply);
  if (read === score) return;
  throw new EvaluationError(
    `${where}: score: ${score} is not what its reply says (${read ?? "no verdict"})`,
    "take the file as the script wrote it",
  );
}

async function readTrust(path: string, reviews: readonly JudgeCall[]): Promise<JudgeCall[]> {
  const open = Map.groupBy(reviews, ({ reply }) => reply);
  return (await readJsonFile(path, z.array(Trust))).map(({ score, review_text, review_res }, at) => {
    const where = `${path}: entry ${at}`;
    const review = open.get(review_text)?.shift(); // of equal reviews each is read once
    if (review === undefined) {
      throw new EvaluationError(
        `${where}: review_text: no review that is not read yet has the text "${review_text.slice(0, 80)}"`,
        "keep beside the reviews the file that was made from them",
      );
    }
    checkScore(score, review_res, where);
    return { ...review, kind: trustKind(review.kind), promptHash: "eval_hallucination.py", reply: review_res };
  });
}
