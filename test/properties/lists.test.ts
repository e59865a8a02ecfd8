import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseList, parseListAsRlaifv } from "../../shared/stages/lists.ts";
import { windowsOf, wordCount } from "../../shared/stages/text.ts";

const word = fc.stringMatching(/^[a-zà-ž]{1,8}$/u).filter((text) => !/^(?:none|nothing|empty|no)$/.test(text));
const claim = fc
  .tuple(fc.constantFrom("A", "The", "Two", "Éva"), fc.array(word, { minLength: 2, maxLength: 8 }))
  .map(([first, rest]) => `${[first, ...rest].join(" ")}.`);
const claims = fc.array(claim, { minLength: 1, maxLength: 12 });
const texts = (reply: string) => {
  const list = parseList(reply);
  return list.outcome === "list" ? list.items.map((item) => item.text) : list.outcome;
};

test("any list of claims is read back whole in every form a model writes it", () => {
  const forms: ((items: string[]) => string)[] = [
    (items) => items.map((item) => `- ${item}`).join("\n"),
    (items) => items.map((item) => `• ${item}`).join("\n\n"),
    (items) => items.map((item, at) => `${at + 1}. ${item}`).join("\n"),
    (items) => `Here you go:\n${items.map((item, at) => `(${at + 1}) ${item}`).join("\r\n")}`,
    (items) => JSON.stringify(items),
    (items) => `\`\`\`json\n${JSON.stringify({ claims: items }, null, 2)}\n\`\`\``,
    (items) => `### Facts:\n${items.join("\n")}`,
  ];
  fc.assert(
    fc.property(claims, fc.constantFrom(...forms), (items, form) => assert.deepEqual(texts(form(items)), items)),
  );
});

test("no reply makes the reading fail, and no item is empty or spans lines", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 200 }), (reply) => {
      const items = texts(reply);
      if (items !== "unparsable")
        assert.ok((items as string[]).every((item) => item.trim() !== "" && !item.includes("\n")));
    }),
  );
});

test("RLAIF-V's rule reads its own bullets back", () => {
  fc.assert(
    fc.property(claims, (items) =>
      assert.deepEqual(parseListAsRlaifv(`### Facts:\n${items.map((item) => `- ${item}`).join("\n")}`), items),
    ),
  );
});

test("windows keep every word in order and stay within their size unless one sentence is longer", () => {
  fc.assert(
    fc.property(claims, fc.integer({ min: 3, max: 30 }), (sentences, size) => {
      const windows = windowsOf(sentences.join(" "), size);
      assert.equal(windows.join(" "), sentences.join(" "));
      assert.ok(windows.every((window) => wordCount(window) <= size || sentences.includes(window)));
    }),
  );
});
