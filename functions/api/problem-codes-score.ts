/** Problem codes of the trust check. */
import type { ProblemEntry } from "./problem-codes.ts";

export const SCORE_CODES = {
  "model.not_found": {
    status: 404,
    meaning: "The service has no model of this id.",
    fix: "GET /v1/models lists the models.",
  },
  "score.failed": {
    status: 503,
    meaning: "The divider, questioner or labelers could not be had.",
    fix: "Try again; what they answered already is not asked again.",
  },
  "score.too_long": {
    status: 422,
    meaning: "The check of this answer could cost more than was reserved for it.",
    fix: "Send a shorter answer, or a smaller picture.",
  },
} as const satisfies Record<string, ProblemEntry>;
