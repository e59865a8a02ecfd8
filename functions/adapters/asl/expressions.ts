/** JSONata as Step Functions runs it: `{% … %}` strings anywhere in a JSON template, the functions AWS adds, no `$eval`. */
import { createHash, randomUUID } from "node:crypto";
import jsonata from "jsonata";
import type { Json } from "../../../shared/ports/orchestrator.ts";
import { StatesError } from "./errors.ts";

/** What `$states` holds in an expression. */
export type StatesVariable = { input: Json; context: Json; result?: Json; errorOutput?: Json };
export type Scope = { variables: Record<string, Json>; states: StatesVariable };

const HASHES = new Map([
  ["MD5", "md5"],
  ["SHA-1", "sha1"],
  ["SHA-256", "sha256"],
  ["SHA-384", "sha384"],
  ["SHA-512", "sha512"],
]);

function required(value: unknown, kind: "string" | "number", where: string): void {
  if (typeof value !== kind) throw new Error(`${where} must be a ${kind}, not ${JSON.stringify(value) ?? "missing"}`);
}

function range(first: number, last: number, step: number): number[] {
  for (const value of [first, last, step]) required(value, "number", "$range(first, last, step): each argument");
  if (step === 0) throw new Error("$range: the step must not be 0");
  const steps = Math.max(0, Math.floor((last - first) / step) + 1);
  return Array.from({ length: steps }, (_, index) => first + index * step);
}

function partition(items: unknown, size: number): unknown[][] {
  required(size, "number", "$partition(array, size): size");
  if (size < 1) throw new Error("$partition: the size must be at least 1");
  const list = Array.isArray(items) ? items : [items];
  return Array.from({ length: Math.ceil(list.length / size) }, (_, index) =>
    list.slice(index * size, (index + 1) * size),
  );
}

function hash(text: string, algorithm: string): string {
  required(text, "string", "$hash(text, algorithm): text");
  const known = HASHES.get(algorithm);
  if (known === undefined) throw new Error(`$hash: the algorithm must be one of ${[...HASHES.keys()].join(", ")}`);
  return createHash(known).update(text).digest("hex");
}

/** A number in [0, 1); the same for the same seed, as in AWS (the sequence itself is ours). */
function random(seed?: number): number {
  if (seed === undefined) return Math.random();
  return createHash("sha256").update(String(seed)).digest().readUIntBE(0, 6) / 2 ** 48;
}

function parse(text: string): unknown {
  required(text, "string", "$parse(text): text");
  return JSON.parse(text);
}

/** AWS: "JSONata functions provided by Step Functions". */
const FUNCTIONS = { partition, range, hash, random, uuid: () => randomUUID(), parse };

const BUILT_IN = `abs append assert average base64decode base64encode boolean ceil clone contains count decodeUrl
  decodeUrlComponent distinct each encodeUrl encodeUrlComponent error eval exists filter floor formatBase formatInteger
  formatNumber fromMillis join keys length lookup lowercase map match max merge millis min not now number pad parseInteger power
  reduce replace reverse round shuffle sift single sort split spread sqrt string substring substringAfter substringBefore
  sum toMillis trim type uppercase zip`.split(/\s+/);

/** Names no variable should have: a variable hides the function of its name from every later expression. */
export const RESERVED_NAMES: ReadonlySet<string> = new Set(["states", ...BUILT_IN, ...Object.keys(FUNCTIONS)]);

const compiled = new Map<string, jsonata.Expression>();

function compile(source: string): jsonata.Expression {
  const known = compiled.get(source);
  if (known !== undefined) return known;
  const made = jsonata(source);
  compiled.set(source, made);
  return made;
}

/** The JSONata inside `{% … %}`, or `undefined` for any other text. */
function expressionIn(text: string): string | undefined {
  return text.startsWith("{%") && text.endsWith("%}") && text.length >= 4 ? text.slice(2, -2).trim() : undefined;
}

/** Why AWS would not take this text as a template string; `undefined` when it would. */
export function expressionProblem(text: string): string | undefined {
  const source = expressionIn(text);
  if (source === undefined) {
    return /^\s*\{%|%\}\s*$/.test(text)
      ? 'an expression begins with "{%" and ends with "%}", with nothing around them'
      : undefined;
  }
  if (/\$eval\s*\(/.test(source)) return "$eval does not exist in Step Functions";
  try {
    compile(source);
    return undefined;
  } catch (error) {
    return `no JSONata: ${(error as Error).message}`;
  }
}

const failed = (source: string, why: string) =>
  new StatesError("States.QueryEvaluationError", `{% ${source} %}: ${why}`);

async function evaluate(source: string, scope: Scope): Promise<Json> {
  let value: unknown;
  try {
    value = await compile(source).evaluate(undefined, { ...FUNCTIONS, ...scope.variables, states: scope.states });
  } catch (error) {
    throw failed(source, (error as Error).message);
  }
  // The way through text drops what JSONata hides in its sequences, and functions, which are no JSON.
  const text = JSON.stringify(value);
  if (text === undefined) throw failed(source, "the expression gives nothing");
  return JSON.parse(text) as Json;
}

/** A template with every expression replaced by its value. Fails with States.QueryEvaluationError. */
export async function fill(template: Json, scope: Scope): Promise<Json> {
  if (typeof template === "string") {
    const source = expressionIn(template);
    return source === undefined ? template : evaluate(source, scope);
  }
  if (template === null || typeof template !== "object") return template;
  if (Array.isArray(template)) return Promise.all(template.map((item) => fill(item, scope)));
  const fields = Object.entries(template).map(async ([key, value]) => [key, await fill(value, scope)] as const);
  return Object.fromEntries(await Promise.all(fields));
}

/** As `fill`, for a field that must be a number, at least `least`. */
export async function fillNumber(template: Json, scope: Scope, least: number): Promise<number> {
  const value = await fill(template, scope);
  if (typeof value === "number" && value >= least) return value;
  throw failed(String(template), `must give a number of at least ${least}, not ${JSON.stringify(value)}`);
}

/** As `fill`, for a field that must be a text. */
export async function fillText(template: Json, scope: Scope): Promise<string> {
  const value = await fill(template, scope);
  if (typeof value === "string") return value;
  throw failed(String(template), `must give a text, not ${JSON.stringify(value)}`);
}
