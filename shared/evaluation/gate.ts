/**
 * Gates: `response_hallucination < 12% and (recall >= 0.5 or words > 40)`. Names are figures of a result, or its `extra`
 * numbers; `.ci.low` and `.ci.high` are the ends of the interval. `and` binds stronger than `or`.
 */
import type { EvaluationResult } from "../schemas/evaluation.ts";

/** One comparison as it came out; `value` is null where the figure was not measured, and then it does not hold. */
export type GateCheck = { text: string; value: number | null; holds: boolean };

export type GateOutcome =
  | { outcome: "passed" | "failed"; checks: GateCheck[] }
  /** The expression is wrong: `message` says where and what there is. */
  | { outcome: "invalid"; message: string };

type Measured = Pick<EvaluationResult, "figures" | "extra">;

type Operator = "<" | "<=" | ">" | ">=" | "==";
type Comparison = { kind: "comparison"; name: string; end: "low" | "high" | null; operator: Operator; limit: number };
type Gate = Comparison | { kind: "and" | "or"; left: Gate; right: Gate };

const HOLDS: Record<Operator, (value: number, limit: number) => boolean> = {
  "<": (value, limit) => value < limit,
  "<=": (value, limit) => value <= limit,
  ">": (value, limit) => value > limit,
  ">=": (value, limit) => value >= limit,
  "==": (value, limit) => value === limit,
};

class GateError extends Error {}

/** Checks a result. Every comparison is told, also those that no longer decide. */
export function checkGate(expression: string, result: Measured): GateOutcome {
  const parsed = parseGate(expression, namesOf(result));
  if (parsed.outcome === "invalid") return parsed;
  const checks: GateCheck[] = [];
  const passed = holds(parsed.gate, result, checks);
  return { outcome: passed ? "passed" : "failed", checks };
}

export const namesOf = ({ figures, extra }: Measured): string[] => [...Object.keys(figures), ...Object.keys(extra)];

/** Reads the expression before anything is measured. @param names the figures there will be */
export function parseGate(
  expression: string,
  names: readonly string[],
): { outcome: "parsed"; gate: Gate } | Extract<GateOutcome, { outcome: "invalid" }> {
  try {
    return { outcome: "parsed", gate: parse(expression, names) };
  } catch (error) {
    if (error instanceof GateError) return { outcome: "invalid", message: error.message };
    throw error;
  }
}

function holds(gate: Gate, result: Measured, checks: GateCheck[]): boolean {
  if (gate.kind !== "comparison") {
    const [left, right] = [holds(gate.left, result, checks), holds(gate.right, result, checks)];
    return gate.kind === "and" ? left && right : left || right;
  }
  const { name, end, operator, limit } = gate;
  const value = measuredValue(result, name, end);
  const check = {
    text: `${name}${end === null ? "" : `.ci.${end}`} ${operator} ${limit}`,
    value,
    holds: value !== null && HOLDS[operator](value, limit),
  };
  checks.push(check);
  return check.holds;
}

function measuredValue({ figures, extra }: Measured, name: string, end: Comparison["end"]): number | null {
  const figure = Object.hasOwn(figures, name) ? figures[name] : undefined;
  if (figure === undefined) return end === null ? (extra[name] ?? null) : null;
  if (end === null) return figure.value;
  return figure.ci?.[end === "low" ? 0 : 1] ?? null;
}

const TOKEN = /\s*(<=|>=|==|<|>|\(|\)|-?\d+(?:\.\d+)?(?:e-?\d+)?%?|[A-Za-z_][\w-]*(?:\.\w+)*)/y;

function tokensOf(expression: string): string[] {
  const tokens: string[] = [];
  const text = expression.trimEnd();
  for (TOKEN.lastIndex = 0; TOKEN.lastIndex < text.length; ) {
    const at = TOKEN.lastIndex;
    const found = TOKEN.exec(text);
    if (found === null) throw new GateError(`the gate cannot be read from "${text.slice(at).trim()}" on`);
    tokens.push(found[1]!);
  }
  return tokens;
}

function parse(expression: string, names: readonly string[]): Gate {
  const tokens = tokensOf(expression);
  const take = (): string => tokens.shift() ?? missing();
  const or = (): Gate => chain("or", and);
  const and = (): Gate => chain("and", single);

  function chain(kind: "and" | "or", next: () => Gate): Gate {
    let left = next();
    while (tokens[0] === kind) {
      tokens.shift();
      left = { kind, left, right: next() };
    }
    return left;
  }
  function single(): Gate {
    if (tokens[0] !== "(") return comparison(take(), take(), take(), names);
    tokens.shift();
    const inner = or();
    const closing = take();
    if (closing !== ")") throw new GateError(`the gate needs ")" before "${closing}"`);
    return inner;
  }

  const gate = or();
  if (tokens.length > 0) throw new GateError(`the gate needs "and" or "or" before "${tokens[0]}"`);
  return gate;
}

function missing(): never {
  throw new GateError('the gate ends too early; write e.g. "response_hallucination < 0.12 and recall >= 0.5"');
}

function comparison(figure: string, operator: string, number: string, names: readonly string[]): Comparison {
  const [, name = figure, end] = /^(.*)\.ci\.(low|high)$/.exec(figure) ?? [];
  if (!names.includes(name)) {
    throw new GateError(`the gate names "${figure}", which is no figure here; there are: ${names.join(", ")}`);
  }
  if (!Object.hasOwn(HOLDS, operator)) {
    throw new GateError(`the gate has "${operator}" after "${figure}"; use <, <=, >, >= or ==`);
  }
  const limit = number.endsWith("%") ? Number(number.slice(0, -1)) / 100 : Number(number);
  if (Number.isNaN(limit)) throw new GateError(`the gate has "${number}" where a number is needed, e.g. 0.12 or 12%`);
  return { kind: "comparison", name, end: (end ?? null) as Comparison["end"], operator: operator as Operator, limit };
}
