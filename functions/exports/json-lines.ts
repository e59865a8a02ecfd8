/** The two JSON Lines formats: this project's own pairs, and RLAIF-V's pair records. Images lie beside them as files. */
import type { Lineage } from "../../shared/schemas/lineage.ts";
import type { Pair, PairSide } from "../../shared/schemas/pair.ts";
import { mapInOrder } from "../intake/in-order.ts";
import { type ExportContext, readImage, type Survey } from "./survey.ts";

/** What RLAIF-V appends to every claim question before it asks the labeler; its records keep it (rlaifv-spec §1.4). */
const ANSWER_SUFFIX = " Please answer yes or no.";

function imagePath(pair: Pair, { imageFiles }: Survey): string {
  return `images/${imageFiles.get(pair.image.sha256)!}`;
}

/** A pair as the run keeps it, with `image.file`: the image's path inside the export. */
export function ownRecord(pair: Pair, survey: Survey): unknown {
  return { ...pair, image: { ...pair.image, file: imagePath(pair, survey) } };
}

/**
 * RLAIF-V's `judge`: "0" for a question whose claim was rejected, else "1"; an abstention casts no vote against the
 * answer, so it is "1" and `score` stays minus the number of zeros. One question asked twice is one entry, as there.
 */
function judgeOf({ claims }: PairSide): Record<string, "0" | "1"> {
  const judge: Record<string, "0" | "1"> = Object.create(null);
  for (const { question, verdict } of claims) {
    const asked = question.endsWith(ANSWER_SUFFIX) ? question : `${question}${ANSWER_SUFFIX}`;
    judge[asked] = verdict === "rejected" || judge[asked] === "0" ? "0" : "1";
  }
  return judge;
}

function sideInfos({ claims }: PairSide): unknown {
  return { facts: claims.map(({ text }) => text), changed_facts: claims.map(({ question }) => question) };
}

/**
 * One pair record of RLAIF-V (rlaifv-spec §1.7). The reference is carried through, where the original loses it;
 * `ds_question_id` is the one the sample came with, else its sample id.
 */
export function rlaifvRecord(pair: Pair, survey: Survey, { run }: Pick<Lineage, "run">): unknown {
  const given = pair.metadata["ds_question_id"];
  const dsQuestionId = typeof given === "string" ? given : pair.sampleId;
  const path = imagePath(pair, survey);
  const scoreOf = (side: PairSide) => ({ judge: judgeOf(side), score: String(side.score) });
  return {
    image_id: survey.imageFiles.get(pair.image.sha256)!,
    image_path: path,
    ds_question_id: dsQuestionId,
    question: pair.question,
    chosen: pair.chosen.text,
    rejected: pair.rejected.text,
    org_infos: {
      ds_question_id: dsQuestionId,
      reference: pair.reference ?? "",
      origin_file: `${run.id}/rounds/${pair.round}/pairs.jsonl`,
      chosen_infos: sideInfos(pair.chosen),
      rejected_infos: sideInfos(pair.rejected),
      scores: { chosen: scoreOf(pair.chosen), rejected: scoreOf(pair.rejected) },
    },
  };
}

/** Images written at the same time: a durable write mostly waits for the disk. */
const CONCURRENT_WRITES = 8; // our choice

async function* each<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items;
}

/** Writes each image once, then one record per line. */
export async function writeJsonLines(
  { pairs, blobs, sink, survey }: ExportContext,
  record: (pair: Pair) => unknown,
): Promise<void> {
  const copies = mapInOrder(each(survey.imageFiles), CONCURRENT_WRITES, async ([sha256, file]) => {
    const path = `images/${file}`;
    await sink.write(path, await readImage(blobs, { sha256, path }, "export"));
  });
  for await (const _ of copies);
  async function* text(): AsyncGenerator<string> {
    for await (const pair of pairs()) yield `${JSON.stringify(record(pair))}\n`;
  }
  await sink.write("pairs.jsonl", text());
}
