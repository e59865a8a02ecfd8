import assert from "node:assert/strict";
import { test } from "node:test";
import { fillTemplate, normalWords, windowsOf, wordCount } from "../../shared/stages/text.ts";

test("words are counted as Python splits a text", () => {
  assert.equal(wordCount("  a  b\tc\nd\u00a0e\u3000f\u0085g\u001ch  "), 8);
  assert.equal(wordCount(""), 0);
  assert.equal(wordCount("\ufeffa"), 1);
});

test("windows hold whole sentences of any script and lose nothing", () => {
  assert.deepEqual(windowsOf("One two. Three four. Five six.", 4), ["One two. Three four.", "Five six."]);
  assert.deepEqual(windowsOf("这是狗。这是猫。", 5), ["这是狗。", "这是猫。"]);
  assert.deepEqual(windowsOf("a b c d e f g", 3), ["a b c d e f g"]);
  assert.deepEqual(windowsOf("He said “go.” Then 3.5 m.", 3), ["He said “go.”", "Then 3.5 m."]);
  assert.deepEqual(windowsOf("  ", 3), []);
});

test("the same words in another dress are the same", () => {
  assert.equal(normalWords("A red, red Dog!"), normalWords("a red red  dog"));
});

test("a template's values may hold braces themselves", () => {
  assert.equal(
    fillTemplate("{question} {answer} {other}", { question: "{answer}", answer: "x" }),
    "{answer} x {other}",
  );
});
