import { type Claim, COUNTS, type CountWord, PLACES, type Place, RELATIONS, type Relation } from "./claims.ts";
import { isObject, type ObjectName } from "./objects.ts";

const place = `(${PLACES.join("|")})`;
const relation = `(${RELATIONS.join("|")})`;
const count = `(${Object.keys(COUNTS).join("|")})`;

/** Each form of sentence, and the same claim asked as a question. */
const FORMS: readonly { sentence: RegExp; question: RegExp; read: (found: readonly string[]) => Claim | undefined }[] =
  [
    {
      sentence: /^there is a (\w+)$/,
      question: /^is there a (\w+)$/,
      read: ([object]) => named(object, (name) => ({ kind: "exists", object: name })),
    },
    {
      sentence: new RegExp(`^there are ${count} (\\w+)s$`),
      question: new RegExp(`^are there ${count} (\\w+)s$`),
      read: ([word, object]) => named(object, (name) => ({ kind: "count", object: name, count: word as CountWord })),
    },
    {
      sentence: new RegExp(`^a (\\w+) is ${place}$`),
      question: new RegExp(`^is a (\\w+) ${place}$`),
      read: ([object, words]) => named(object, (name) => ({ kind: "place", object: name, place: words as Place })),
    },
    {
      sentence: new RegExp(`^a (\\w+) is ${relation} a (\\w+)$`),
      question: new RegExp(`^is a (\\w+) ${relation} a (\\w+)$`),
      read: ([object, words, other]) =>
        object === other
          ? undefined // nothing stands left of itself
          : named(object, (name) =>
              named(other, (second) => ({
                kind: "relation",
                object: name,
                relation: words as Relation,
                other: second,
              })),
            ),
    },
  ];

function named<T>(word: string | undefined, use: (name: ObjectName) => T | undefined): T | undefined {
  return word !== undefined && isObject(word) ? use(word) : undefined;
}

const plain = (text: string) => text.trim().toLowerCase().replace(/\s+/g, " ");

function read(text: string, form: "sentence" | "question"): Claim | undefined {
  for (const candidate of FORMS) {
    const found = candidate[form].exec(text);
    if (found) return candidate.read(found.slice(1));
  }
  return undefined;
}

/** One sentence with its full stop; `undefined` if it is not of this world's grammar. */
export function parseSentence(sentence: string): Claim | undefined {
  const text = plain(sentence);
  return text.endsWith(".") ? read(text.slice(0, -1).trimEnd(), "sentence") : undefined;
}

/** One yes/no question; `undefined` if it is not of this world's grammar. */
export function parseQuestion(question: string): Claim | undefined {
  const text = plain(question);
  return text.endsWith("?") ? read(text.slice(0, -1).trimEnd(), "question") : undefined;
}

/** The text cut after every full stop; a rest without one is a sentence of its own. Nothing is lost. */
export function sentencesOf(text: string): string[] {
  return text
    .split(/(?<=\.)/)
    .map((sentence) => sentence.trim())
    .filter((sentence) => sentence !== "");
}

export type Parsed = { claims: Claim[]; malformed: string[] };

export function parseCaption(text: string): Parsed {
  const parsed: Parsed = { claims: [], malformed: [] };
  for (const sentence of sentencesOf(text)) {
    const claim = parseSentence(sentence);
    if (claim) parsed.claims.push(claim);
    else parsed.malformed.push(sentence);
  }
  return parsed;
}

/** Every object word in order, plurals too, whether its sentence parses or not: garbage is not free. */
export function objectMentions(text: string): ObjectName[] {
  return (text.toLowerCase().match(/[a-z]+/g) ?? []).flatMap((word) => {
    const stem = word.replace(/s+$/, "");
    if (isObject(word)) return [word];
    return isObject(stem) ? [stem] : [];
  });
}
