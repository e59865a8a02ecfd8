/** Writes the two files of a full RLAIF-V round: made-up words in the true shape and size. */
import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import { type Random, randomFrom } from "../shared/random.ts";

/** The size of the original's iteration 1: 4,000 questions with ten answers (rlaifv-spec §1.10), 4.45 claims each. */
export const FULL_ROUND = { questions: 4000, answersEach: 10, claims: 178_000 };

const WORDS =
  "the a of on with man woman dog street red blue small large table window holds stands near behind two three people car tree building light cup wears sits café".split(
    " ",
  );

type Row = Record<string, unknown>;

/** `labels` is one JSON array on one line, as the original's larger labeler writes it. Returns the rows written. */
export async function writeRound(
  paths: { answers: string; labels: string },
  size = FULL_ROUND,
): Promise<{ claims: number }> {
  const random = randomFrom(1);
  const answers = createWriteStream(paths.answers);
  const labels = createWriteStream(paths.labels);
  labels.write("[");
  let claims = 0;
  const total = size.questions * size.answersEach;
  for (let id = 0; id < total; id++) {
    const due = Math.round((size.claims * (id + 1)) / total); // spreads exactly `claims` over the answers
    const wanted = Math.max(0, Math.min(12, due - claims + Math.round((random() - 0.5) * 4)));
    const answer = answerRow(
      id,
      Math.floor(id / size.answersEach),
      id === total - 1 ? size.claims - claims : wanted,
      random,
    );
    answers.write(`${JSON.stringify(answer)}\n`);
    const rows = answer.facts.map((_, at) => JSON.stringify(labelRow(answer, at, random)));
    if (rows.length > 0) labels.write(`${claims > 0 ? ", " : ""}${rows.join(", ")}`);
    claims += rows.length;
    if (answers.writableNeedDrain) await new Promise<void>((resume) => answers.once("drain", resume));
    if (labels.writableNeedDrain) await new Promise<void>((resume) => labels.once("drain", resume));
  }
  labels.end("]");
  answers.end();
  await Promise.all([finished(answers), finished(labels)]);
  return { claims };
}

function answerRow(id: number, question: number, claims: number, random: Random) {
  const facts = Array.from({ length: claims }, (_, at) => `${sentence(random, 9)} ${at}.`);
  const dsQuestionId = `./imgs/detail/multimodal_self-rewarding_${String(question).padStart(12, "0")}.jpg`;
  return {
    question_id: id,
    ds_question_id: dsQuestionId,
    raw_question: `${sentence(random, 0)}Describe picture ${question} in detail.`,
    // More claims, more words: so the better answer is the shorter one on average, as with real models.
    answer: `${sentence(random, 40 + 10 * claims + Math.floor(random() * 30))}.`,
    metainfos: { ds_question_id: dsQuestionId, image_path: dsQuestionId, metainfos: { reference: "" } },
    model_path: "./models/llava-v1.5-7b",
    raw_facts: `### Facts:\n${facts.map((fact) => `- ${fact}`).join("\n")}`,
    facts,
    raw_changed_facts: `### Modified sentences:\n${facts.map((fact) => `- Is it so that ${fact}`).join("\n")}`,
    changed_facts: facts.map((fact) => `Is it so that ${fact.slice(0, -1)}?`),
  };
}

function labelRow(answer: ReturnType<typeof answerRow>, at: number, random: Random): Row {
  const question = `${answer.changed_facts[at]} Please answer yes or no.`;
  const yes = random() < 0.86 ? 0.6 + 0.3 * random() : 0.3 * random();
  const [yesForm, noForm] = [yes * random(), (0.95 - yes) * random()];
  return {
    question_id: answer.question_id,
    ds_question_id: answer.ds_question_id,
    raw_question: question,
    answer: yes > 0.5 ? "Yes" : "No",
    scores: { yes: yesForm, Yes: yes - yesForm, no: noForm, No: 0.95 - yes - noForm },
    metainfos: {
      question_id: answer.question_id,
      ds_question_id: answer.ds_question_id,
      image_path: answer.ds_question_id,
      metainfos: {
        ...answer.metainfos,
        origin_question: answer.raw_question,
        origin_answer: answer.answer,
        origin_fact: answer.facts[at],
        origin_changed_fact: answer.changed_facts[at],
        origin_all_facts: answer.facts,
        origin_changed_all_facts: answer.changed_facts,
      },
    },
    model_path: "./models/OmniLMM-12B",
  };
}

function sentence(random: Random, words: number): string {
  return Array.from({ length: words }, () => WORDS[Math.floor(random() * WORDS.length)]).join(" ");
}
