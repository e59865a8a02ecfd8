/** An evaluation and a comparison of made-up POPE answers, for tests of their pages. */
import { comparisonHtml } from "../../functions/evals/report/comparison.ts";
import { evaluationHtml } from "../../functions/evals/report/html.ts";
import { compareEvaluations } from "../../shared/evaluation/compare.ts";
import { type Evaluated, evaluate } from "../../shared/evaluation/evaluate.ts";
import { type PopeItem, popeEvaluation } from "../../shared/evaluation/pope/pope.ts";

export const HOSTILE = '<script>alert("x")</script><img src=x onerror=alert(1)>';

const items = Array.from({ length: 90 }, (_, at): PopeItem => {
  const label = at % 2 === 0 ? "yes" : "no";
  return { itemId: `random/${at}`, image: `${at % 30}.jpg`, question: `${HOSTILE} ${at}?`, label, setting: "random" };
});

/** Every `wrong`-th answer is wrong. */
function answered(wrong: number): Evaluated & { answers: { itemId: string; text: string }[] } {
  const answers = items.map(({ itemId, label }, at) => {
    const right = at % wrong !== 0;
    return { itemId, text: `${right === (label === "yes") ? "Yes" : "No"}, ${HOSTILE}` };
  });
  const told = { source: "stored answers", model: HOSTILE, revision: null };
  const options = { mode: "strict" as const, settings: {}, seed: 1, confidence: 0.95, resamples: 100 };
  return { ...evaluate(popeEvaluation, { items, answers, calls: [] }, { ...options, answers: told }), answers };
}

export function evaluationPage(): string {
  return evaluationHtml({ ...answered(3), items });
}

export function comparisonPage(): string {
  const [a, b] = [answered(3), answered(45)];
  const comparison = compareEvaluations(a.scores, b.scores, { seed: 1, confidence: 0.95, resamples: 500 });
  return comparisonHtml({ bench: "pope", infos: a.result.infos, a: "base", b: HOSTILE, comparison });
}
