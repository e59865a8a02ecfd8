/** The body of POST /v1/evals, in one piece or with its answers as lines. */
import type { Context } from "hono";
import { EvaluationAnswer } from "../../shared/schemas/evaluation.ts";
import { EvaluationRequest } from "../../shared/schemas/evaluation-job.ts";
import type { ApiEnv } from "./access.ts";
import { CreateEvaluationBody } from "./contract/evals.ts";
import { isNdjson } from "./middleware.ts";
import { linesOf } from "./ndjson.ts";
import { ProblemError } from "./problem.ts";
import { PROBLEM_CODES, type ProblemCode } from "./problem-codes.ts";
import { invalid } from "./refusals.ts";

/** @param json the body as its schema read it, where it came as JSON */
export async function readEvaluationBody(context: Context<ApiEnv>, json: unknown): Promise<EvaluationRequest> {
  if (!isNdjson(context)) {
    if (context.req.header("content-type") === undefined) throw problem("body.missing", "body");
    return requestOf(CreateEvaluationBody.parse(json));
  }
  if (context.req.raw.body === null) throw problem("body.missing", "body");
  const lines = linesOf(context.req.raw.body);
  const first = await lines.next();
  if (first.done || first.value.trim() === "") throw problem("body.missing", "body");
  const value = parsed(first.value, 1);
  const body = CreateEvaluationBody.safeParse(value);
  if (!body.success) throw invalid("json", body.error, value);
  return requestOf({ ...body.data, ...(await answersIn(lines)) });
}

/** None, where the first line is the only one. */
async function answersIn(lines: AsyncIterable<string>): Promise<{ answers?: EvaluationAnswer[] }> {
  const answers: EvaluationAnswer[] = [];
  let number = 1;
  for await (const line of lines) {
    number++;
    if (line.trim() === "") continue;
    const answer = EvaluationAnswer.safeParse(parsed(line, number));
    if (answer.success) answers.push(answer.data);
    else throw problem("eval.answer", `line ${number}`, answer.error.issues[0]?.message);
  }
  return answers.length === 0 ? {} : { answers };
}

function parsed(line: string, number: number): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw problem("body.invalid_json", `line ${number}`, `Line ${number} of the body is not JSON.`);
  }
}

function requestOf({ items, budget_usd, ...body }: CreateEvaluationBody): EvaluationRequest {
  const named = items === undefined ? {} : { items: { manifest: items.manifest_id } };
  const request = EvaluationRequest.safeParse({ ...body, ...named, budgetUsd: budget_usd });
  if (!request.success) throw invalid("json", request.error, { ...body, items });
  return request.data;
}

function problem(code: ProblemCode, field: string, detail?: string): ProblemError {
  const { status, meaning, fix } = PROBLEM_CODES[code];
  return new ProblemError({ status, code, field, detail: detail ?? meaning, fix });
}
