/** Problem codes of evaluations. */
import type { ProblemEntry } from "./problem-codes.ts";

export const EVALUATION_CODES = {
  "eval.not_found": {
    status: 404,
    meaning: "There is no evaluation of this id.",
    fix: "GET /v1/evals lists the evaluations.",
  },
  "eval.state": {
    status: 409,
    meaning: "From the state it is in, the evaluation cannot do this.",
    fix: "GET /v1/evals/{id} tells the state.",
  },
  "eval.invalid": {
    status: 400,
    meaning: "A part of the request does not fit the benchmark, or names what is not here.",
    fix: "Mend the field that is named.",
  },
  "eval.answer": {
    status: 400,
    meaning: "A line of the body is no answer.",
    fix: 'Write {"itemId": "…", "text": "…"} a line; a null text is a missing answer.',
  },
  "eval.bench": {
    status: 422,
    meaning: "The benchmark cannot be opened on this service: its files are not there, or cannot be read.",
    fix: "Have the operator fetch them, or measure on a machine that has them: rlaifv eval.",
  },
  "eval.not_here": {
    status: 503,
    meaning: "This service does no evaluations.",
    fix: 'Use a service of one machine ("rlaifv start"), or "rlaifv eval" without a service.',
  },
} as const satisfies Record<string, ProblemEntry>;
