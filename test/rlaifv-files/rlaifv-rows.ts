/** RLAIF-V's intermediate records, built for tests. */

export type Scores = { yes: number; Yes: number; no: number; No: number };

export type AnswerRow = {
  question_id: number | string;
  ds_question_id: string;
  raw_question: string;
  answer: string;
  metainfos: Record<string, unknown>;
  facts: string[];
  changed_facts: string[];
};

const SUFFIX = " Please answer yes or no.";

/** The label rows that belong to an answer: its claims and questions zipped, the shorter list wins. */
export function labelRows(answer: AnswerRow, scoresOf: (question: string) => Scores): Record<string, unknown>[] {
  return answer.changed_facts.slice(0, answer.facts.length).map((question) => ({
    question_id: answer.question_id,
    ds_question_id: answer.ds_question_id,
    raw_question: question + SUFFIX,
    answer: "Yes",
    scores: scoresOf(question),
    metainfos: {
      question_id: answer.question_id,
      metainfos: { ...answer.metainfos, origin_question: answer.raw_question, origin_answer: answer.answer },
    },
    model_path: "labeler",
  }));
}

export function answerRow(id: number, given: Partial<AnswerRow>): AnswerRow {
  const facts = given.facts ?? ["There is a cup."];
  return {
    question_id: id,
    ds_question_id: "img",
    raw_question: "Describe the image.",
    answer: `answer ${id}`,
    metainfos: { image_path: "./img/a.jpg" },
    facts,
    changed_facts: facts.map((fact) => `${fact}?`),
    ...given,
  };
}

export const YES: Scores = { yes: 0.1, Yes: 0.8, no: 0.02, No: 0.05 };
export const NO: Scores = { yes: 0.02, Yes: 0.1, no: 0.2, No: 0.6 };
