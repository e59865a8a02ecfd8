import assert from "node:assert/strict";
import test from "node:test";
import { checkGate } from "../../shared/evaluation/gate.ts";

const RESULT = {
  figures: {
    response_hallucination: { value: 0.1, ci: [0.05, 0.2] as [number, number], n: 10 },
    recall: { value: 0.6, ci: [0.5, 0.7] as [number, number], n: 10 },
    unmeasured: { value: null, ci: null, n: 0 },
  },
  extra: { bias: 0.02 },
};
const outcome = (gate: string) => checkGate(gate, RESULT).outcome;

test("A gate compares figures, ends of intervals and other numbers", () => {
  assert.equal(outcome("response_hallucination < 0.12 and recall >= 0.5"), "passed");
  assert.equal(outcome("response_hallucination < 12%"), "passed");
  assert.equal(outcome("response_hallucination.ci.high <= 12%"), "failed");
  assert.equal(outcome("recall.ci.low >= 0.5 and bias == 0.02"), "passed");
});

test("And binds stronger than or, and parentheses stronger than both", () => {
  assert.equal(outcome("recall > 0.5 or recall > 0.9 and recall > 0.9"), "passed");
  assert.equal(outcome("(recall > 0.5 or recall > 0.9) and recall > 0.9"), "failed");
});

test("A figure that was not measured holds no comparison", () => {
  assert.equal(outcome("unmeasured < 1"), "failed");
});

test("A gate that cannot be read says where, and which figures there are", () => {
  const message = (gate: string) => {
    const checked = checkGate(gate, RESULT);
    return checked.outcome === "invalid" ? checked.message : checked.outcome;
  };
  assert.match(message("recal > 0.5"), /"recal".*there are: response_hallucination, recall, unmeasured, bias/);
  assert.match(message("recall > high"), /"high" where a number is needed/);
  assert.match(message("recall >"), /ends too early/);
  assert.match(message("recall > 0.5 bias > 0"), /"and" or "or" before "bias"/);
  assert.match(message("recall ! 0.5"), /from "! 0.5" on/);
});
