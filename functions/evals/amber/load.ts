/** AMBER's files as its repository has them: annotations.json, query/*.json, relation.json, safe_words.txt, answers. */
import { readFile } from "node:fs/promises";
import { z } from "zod";
import type { AmberItem, AmberKind } from "../../../shared/evaluation/amber/amber.ts";
import type { AmberWords } from "../../../shared/evaluation/amber/objects.ts";
import { canonicalJson, sha256Hex } from "../../../shared/ids.ts";
import { EvaluationAnswer } from "../../../shared/schemas/evaluation.ts";
import { EvaluationError } from "../problems.ts";
import { EXTRACTION, nounsOf } from "./nouns.ts";

const Generative = z.object({
  id: z.int(),
  type: z.literal("generative"),
  truth: z.array(z.string()),
  hallu: z.array(z.string()),
});

/** "relation" and "discriminative-relation" both occur; inference.py takes any other type for a relation. */
const KINDS: Readonly<Record<string, AmberKind>> = {
  "discriminative-hallucination": "existence",
  "discriminative-attribute-state": "attribute-state",
  "discriminative-attribute-number": "attribute-number",
  "discriminative-attribute-action": "attribute-action",
  "discriminative-relation": "relation",
  relation: "relation",
};
const Discriminative = z.object({
  id: z.int(),
  type: z.string().refine((type) => Object.hasOwn(KINDS, type), {
    error: `not one of generative, ${Object.keys(KINDS).join(", ")}`,
  }),
  truth: z.enum(["yes", "no"]),
});

const Annotations = z.array(z.looseObject({ id: z.int(), type: z.string() }));
const Queries = z.array(z.object({ id: z.int(), image: z.string().min(1), query: z.string().min(1) }));
const Association = z.record(z.string(), z.array(z.string()));
const { pYes, pNo } = EvaluationAnswer.shape;
const Answers = z.array(z.object({ id: z.int(), response: z.string().nullable(), pYes, pNo }));

export type AmberFiles = {
  annotations: string;
  /** Any file of query/: its items are the benchmark. */
  queries: string;
  relation: string;
  safeWords: string;
};

export type AmberLoaded = {
  items: AmberItem[];
  words: AmberWords;
  /** For the result: what else than items and answers decides the numbers. */
  settings: { nouns: string; words_sha256: string };
};

/**
 * The items in the order of the query file; an item's name is its number there.
 * @throws EvaluationError naming the file, the item and the field
 */
export async function loadAmber(files: AmberFiles): Promise<AmberLoaded> {
  const annotations = byId(await readJson(files.annotations, Annotations), files.annotations);
  const queries = byId(await readJson(files.queries, Queries), files.queries);
  const items = [...queries.values()].map(({ id, image, query }) => {
    const annotation = annotations.get(id);
    if (annotation === undefined) {
      throw new EvaluationError(
        `${files.annotations} has no item ${id} of ${files.queries}`,
        "take both files from one version",
      );
    }
    const base = { itemId: String(id), image, question: query };
    return annotated(base, annotation, files.annotations);
  });
  const association = await readJson(files.relation, Association);
  const safe = (await readText(files.safeWords)).split(/\r?\n/).map((word) => word.trim().toLowerCase());
  const words = {
    association,
    safe: new Set(safe.filter((word) => word !== "")),
    nouns: nounsOf,
    extraction: EXTRACTION,
  };
  const hash = sha256Hex(canonicalJson({ association, safe: [...words.safe].sort() }));
  return { items, words, settings: { nouns: EXTRACTION, words_sha256: hash } };
}

type Base = Pick<AmberItem, "itemId" | "image" | "question">;

function annotated(base: Base, annotation: z.infer<typeof Annotations>[number], path: string): AmberItem {
  const where = `${path}, item ${annotation.id}`;
  if (annotation.type === "generative") {
    const { truth, hallu } = checked(annotation, Generative, where);
    return { ...base, task: "generative", truth, hallu };
  }
  const { type, truth } = checked(annotation, Discriminative, where);
  return { ...base, task: "discriminative", kind: KINDS[type]!, truth };
}

/**
 * `[{"id": 1, "response": "…"}]` as the repository asks for; `pYes` and `pNo` may stand beside, and a null response is
 * a missing answer.
 */
export async function loadAmberAnswers(path: string): Promise<EvaluationAnswer[]> {
  const answers = byId(await readJson(path, Answers), path);
  return [...answers.values()].map(({ id, response, ...rest }) => ({ itemId: String(id), text: response, ...rest }));
}

function byId<T extends { id: number }>(records: readonly T[], path: string): Map<number, T> {
  const found = new Map<number, T>();
  for (const record of records) {
    if (found.has(record.id)) throw new EvaluationError(`${path} has item ${record.id} twice`, "keep one of them");
    found.set(record.id, record);
  }
  return found;
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new EvaluationError(
      `cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`,
      "give the path of AMBER's own file (github.com/junyangwang0410/AMBER, folder data)",
    );
  }
}

async function readJson<T>(path: string, schema: z.ZodType<T>): Promise<T> {
  const text = await readText(path);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new EvaluationError(`${path} is not JSON`, "fetch the file anew");
  }
  return checked(value, schema, path);
}

function checked<T>(value: unknown, schema: z.ZodType<T>, where: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const field = issue === undefined || issue.path.length === 0 ? "the record" : issue.path.join(".");
  throw new EvaluationError(`${where}: ${field}: ${issue?.message}`, "mend the entry, or fetch the file anew");
}
