import assert from "node:assert/strict";
import { test } from "node:test";
import { parseList, parseListAsRlaifv } from "../../shared/stages/lists.ts";
import { goldenTests } from "../support/golden.ts";

const textsOf = (reply: string) => {
  const list = parseList(reply);
  return list.outcome === "list" ? list.items.map((item) => item.text) : list.outcome;
};

goldenTests(
  "golden fact parsing by RLAIF-V's own rule",
  (all) => all.fact_parsing.cases,
  ({ raw, expected }) => assert.deepEqual(parseListAsRlaifv(raw), expected),
);

test("bullets and numbers of all kinds are read without losing a letter", () => {
  for (const mark of ["- ", "* ", "+ ", "• ", "– ", "— ", "◦ ", "1. ", "2) ", "(3) ", "  - ", "- 1. "]) {
    assert.deepEqual(textsOf(`${mark}A dog runs.\n${mark}A cat sits.`), ["A dog runs.", "A cat sits."], mark);
  }
  assert.deepEqual(textsOf("-A dog.\n-A cat."), ["A dog.", "A cat."]);
  assert.deepEqual(textsOf("- 3 dogs run.\n- *Red* light."), ["3 dogs run.", "*Red* light."]);
});

test("what stands around a list is no claim", () => {
  const reply = "Sure! Here are the facts:\n\n### Facts:\n- A dog.\n- A cat.\n\nLet me know if you need more.";
  assert.deepEqual(textsOf(reply), ["A dog.", "A cat."]);
  assert.deepEqual(textsOf("**Facts:**\n1. A dog."), ["A dog."]);
  assert.deepEqual(textsOf("<think>maybe\n- not this</think>\n- A dog."), ["A dog."]);
});

test("an item over two lines is one, and an item without its bullet is not lost", () => {
  assert.deepEqual(textsOf("- A dog that\n  runs.\n- A cat."), ["A dog that runs.", "A cat."]);
  assert.deepEqual(textsOf("- A dog runs.\nA cat sits.\n- A cup."), ["A dog runs.", "A cat sits.", "A cup."]);
});

test("JSON is read bare, in a fence or within prose, as texts or as objects", () => {
  const expected = ["A dog.", "A cat."];
  assert.deepEqual(textsOf('["A dog.", "A cat."]'), expected);
  assert.deepEqual(textsOf('{"claims": ["A dog.", "A cat."]}'), expected);
  assert.deepEqual(textsOf('```json\n{"facts": [{"text": "A dog."}, {"text": "A cat."}]}\n```'), expected);
  assert.deepEqual(textsOf('Here you are: {"claims": ["A dog.", "A cat."]} Enjoy!'), expected);
  assert.deepEqual(textsOf('- The sign reads ["STOP"].\n- A cat.'), ['The sign reads ["STOP"].', "A cat."]);
});

test("statements with their questions are read from JSON and from bars", () => {
  const items = [{ text: "A dog.", question: "Is there a dog?" }];
  assert.deepEqual(parseList('{"claims": [{"claim": "A dog.", "question": "Is there a dog?"}]}'), {
    outcome: "list",
    items,
  });
  assert.deepEqual(parseList("- A dog. || Is there a dog?"), { outcome: "list", items });
});

test("an empty list is a list, a reply without a list is not", () => {
  for (const reply of [
    "none",
    "None.",
    "- None",
    "(none)",
    "N/A",
    "[]",
    '{"claims": []}',
    "### Facts:\n",
    "No claims.",
    "There are no factual claims.",
  ]) {
    assert.deepEqual(textsOf(reply), [], reply);
  }
  for (const reply of [
    "",
    "  \n",
    "What a nice picture this is.",
    "I'm sorry, but I can't help with that.",
    "Sorry.\nI cannot see it.",
    "{broken",
  ]) {
    assert.equal(textsOf(reply), "unparsable", reply);
  }
});

test("lines without bullets are a list when there are several, a header, or a single question", () => {
  assert.deepEqual(textsOf("A dog runs.\nA cat sits."), ["A dog runs.", "A cat sits."]);
  assert.deepEqual(textsOf("Facts:\nA dog runs."), ["A dog runs."]);
  assert.deepEqual(textsOf("Does a dog run?"), ["Does a dog run?"]);
});
