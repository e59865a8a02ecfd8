/** How commands speak: text for people, one JSON value on stdout with `--json`; everything else goes to stderr. */
import { APIConnectionError, APIError } from "openai";
import pc from "picocolors";
import { z } from "zod";
import { EngineFailure } from "../adapters/openai/failure.ts";
import { ServiceError } from "../client/problem.ts";
import { EvaluationError } from "../evals/problems.ts";
import { ExportError } from "../exports/survey.ts";
import { ManifestError } from "../intake/raw-row.ts";
import { EXIT, type ExitCode, UserError } from "./errors.ts";

export type Output = {
  json: boolean;
  /** The command's result. */
  result(value: unknown, text: string): void;
  /** What happens on the way. */
  note(text: string): void;
};

export function openOutput(options: { json?: boolean }): Output {
  const json = options.json === true;
  return {
    json,
    result: (value, text) => process.stdout.write(`${json ? JSON.stringify(value, null, 2) : text}\n`),
    note: (text) => process.stderr.write(`${text}\n`),
  };
}

const ENGINE_FIX = 'start or mend that server, then check with "rlaifv doctor --config FILE"';

/** Says what went wrong and what to do; gives the exit code. */
export function explain(error: unknown, options: { json: boolean }): ExitCode {
  const known = asUserError(error);
  if (options.json) {
    const problem = known ?? { message: messageOf(error), fix: undefined, exitCode: EXIT.failed };
    process.stdout.write(
      `${JSON.stringify({ error: { message: problem.message, fix: problem.fix, exitCode: problem.exitCode } }, null, 2)}\n`,
    );
    return problem.exitCode;
  }
  if (known !== undefined) {
    process.stderr.write(`${pc.red("error:")} ${known.message}\n  ${pc.bold("what to do:")} ${known.fix}\n`);
    return known.exitCode;
  }
  process.stderr.write(
    `${pc.red("error:")} ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  return EXIT.failed;
}

function asUserError(error: unknown): UserError | undefined {
  if (error instanceof UserError) return error;
  if (error instanceof EngineFailure) return new UserError(error.message, { fix: ENGINE_FIX, exitCode: EXIT.usage });
  if (error instanceof ManifestError || error instanceof ExportError) {
    return new UserError(error.message, { fix: "mend the data and start again", exitCode: EXIT.badData });
  }
  if (error instanceof EvaluationError) {
    return new UserError(error.message, { fix: error.fix, exitCode: EXIT.badData });
  }
  if (error instanceof ServiceError) return serviceProblem(error);
  if (error instanceof APIConnectionError) {
    const fix = 'check the address; "rlaifv start" starts a service on this machine';
    return new UserError(`the server cannot be reached (${error.message})`, { fix });
  }
  if (error instanceof APIError) {
    return new UserError(error.message, {
      fix: "mend the request; models and limits: rlaifv --server URL models, usage",
    });
  }
  if (error instanceof z.ZodError)
    return new UserError(z.prettifyError(error), { fix: "mend these fields and start again" });
  return undefined;
}

function serviceProblem({ problem: { detail, field, value, fix, errors = [] } }: ServiceError): UserError {
  const where = field === undefined ? "" : ` (${field}${value === undefined ? "" : ` = ${value}`})`;
  const others = errors.slice(1).map((one) => `\n  ${one.field}: ${one.detail}`);
  return new UserError(`${detail}${where}${others.join("")}`, { fix });
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
