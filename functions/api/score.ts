/** The trust check as a product of its own: an answer in, its claims with verdicts out. */
import { OpenAPIHono, type z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { MICROS_PER_USD } from "../../shared/budget/prices.ts";
import type { StateStore } from "../../shared/ports/state-store.ts";
import type { RunConfig } from "../../shared/schemas/config.ts";
import { neutraliseControlTokens } from "../../shared/stages/control-tokens.ts";
import { type Checked, checkAnswers } from "../trust/check.ts";
import { checkLimit } from "../trust/check-bound.ts";
import { openPurse, type PurseLimit, purseMicros } from "../trust/purse.ts";
import type { ApiEnv } from "./access.ts";
import type { Ticket } from "./admission/admission.ts";
import { type ScoreBody, type ScoreView, scoreAnswer } from "./contract/service.ts";
import type { AcceptedImage, ApiDeps, ServedModel } from "./deps.ts";
import { chargeWhile, type Endings, lifeOf } from "./paid-work.ts";
import { ProblemError } from "./problem.ts";
import { PROBLEM_CODES } from "./problem-codes.ts";
import { SCORE_CODES } from "./problem-codes-score.ts";
import { refusal, refuseInvalid } from "./refusals.ts";
import { candidateView, verdictCounts } from "./sample-views.ts";

type ScoreDeps = Pick<ApiDeps, "admission" | "clock" | "images" | "models"> & { store: Pick<StateStore, "replies"> };
type Asked = z.infer<typeof ScoreBody>;

export const scoreRoutes = (deps: ScoreDeps) =>
  new OpenAPIHono<ApiEnv>({ defaultHook: refuseInvalid }).openapi(scoreAnswer, async (context) => {
    const asked = context.req.valid("json");
    const judge = await judgeOf(asked.model, deps);
    const limit = checkLimit(judge.config, sizesOf(asked));
    const ticket = await admitted(context, limit, deps);
    for (const [name, value] of Object.entries(ticket.headers)) context.header(name, value);
    return context.json(await paidScore({ context, asked, judge, limit, ticket }, deps), 200);
  });

/** The model whose config judges: the one that is named, or the service's first. */
async function judgeOf(id: string | undefined, { models }: ScoreDeps): Promise<ServedModel> {
  const judge = id === undefined ? (await models.list())[0] : await models.find(id);
  if (judge !== undefined) return judge;
  const code = "model.not_found";
  const { status, fix } = SCORE_CODES[code];
  throw new ProblemError({ status, code, field: "model", value: id, detail: `There is no model ${id}.`, fix });
}

const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

/** A token of three bytes: more claims than an answer in ordinary English has. Our choice. */
function sizesOf({ question, answer }: Asked) {
  return { answers: 1, answerTokens: Math.ceil(bytesOf(answer) / 3), questionBytes: bytesOf(question) };
}

async function admitted(context: Context<ApiEnv>, limit: PurseLimit, { admission }: ScoreDeps): Promise<Ticket> {
  const requestId = context.get("requestId") ?? crypto.randomUUID();
  const asked = { requestId, tokens: limit.tokens, usdMicros: purseMicros(limit) };
  const answer = await admission.admit(context.get("principal"), asked);
  if (answer.outcome === "admitted") return answer.ticket;
  const code = `limit.${answer.limit}` as const;
  const { fix } = PROBLEM_CODES[code];
  throw new ProblemError({ status: 429, code, detail: `${answer.message}.`, fix, headers: answer.headers });
}

type Work = { context: Context<ApiEnv>; asked: Asked; judge: ServedModel; limit: PurseLimit; ticket: Ticket };

async function paidScore({ context, asked, judge, limit, ticket }: Work, deps: ScoreDeps): Promise<ScoreView> {
  const { clock, models, store } = deps;
  const pictures = new Map<string, AcceptedImage>();
  const purse = openPurse(limit, { clock, sizeOf: (url) => pictures.get(url) });
  const life = lifeOf(limit, context.req.raw.signal, { ...ENDINGS, clock });
  const { signal } = life;
  chargeWhile(life, { ticket, purse, clock });
  try {
    const image = await openImage(asked.image, deps, signal);
    pictures.set(`blob:${image.sha256}`, image);
    const { sha256, width, height } = image;
    const checked = await checkAnswers(
      {
        image: { sha256, path: `images/${sha256}`, width, height },
        question: neutraliseControlTokens(asked.question),
        answers: [{ text: neutraliseControlTokens(asked.answer).trim(), finishReason: "stop" }],
      },
      { config: judge.config, checkpoint: judge.checkpoint },
      { purse, replies: store.replies, signal, bind: (ref, of) => models.bind(ref, of, context.get("principal").id) },
    );
    const warnings = await warningsOf(judge.config, context.get("principal").id, deps);
    return scoreView(checked, { config: judge.config, warnings, usdMicros: purse.spent().usdMicros });
  } finally {
    life.end();
    await ticket.settle(purse.spent());
  }
}

const ENDINGS: Endings = {
  gone: () => failedBecause("the connection was closed"),
  late: (seconds) => failedBecause(`it took longer than ${seconds} s`),
};

async function openImage(reference: string, { images }: ScoreDeps, signal: AbortSignal): Promise<AcceptedImage> {
  const image = await images.open(reference, signal);
  if (image.outcome === "accepted") return image;
  const { code, reason, fix } = image;
  throw refusal({ outcome: "refused", code, field: "image", detail: reason, fix });
}

async function warningsOf({ labelers }: RunConfig, flow: string, { models }: ScoreDeps): Promise<string[]> {
  const bound = await Promise.all(labelers.map((ref) => models.bind(ref, undefined, flow)));
  return [...new Set(bound.flatMap(({ info }) => info.warnings))];
}

type Facts = { config: RunConfig; warnings: string[]; usdMicros: number };

function scoreView(checked: Checked, { config, warnings, usdMicros }: Facts): ScoreView {
  if (checked.outcome !== "checked") throw unchecked(checked);
  const { scored, usage } = checked;
  const { score, unusable, claims } = candidateView(scored.candidates[0]!);
  const { prompt_tokens, completion_tokens, total_tokens } = usage;
  return {
    score,
    claims,
    counts: verdictCounts(scored),
    unusable,
    labelers: config.labelers.map(({ model }) => model),
    warnings,
    usage: { prompt_tokens, completion_tokens, total_tokens },
    usd: usdMicros / MICROS_PER_USD,
  };
}

function unchecked(checked: Exclude<Checked, { outcome: "checked" }>): ProblemError {
  if (checked.outcome === "failed") return failedBecause(checked.reason);
  const code = "score.too_long";
  const { status, fix, meaning } = SCORE_CODES[code];
  return new ProblemError({ status, code, field: "answer", detail: meaning, fix });
}

function failedBecause(reason: string): ProblemError {
  const code = "score.failed";
  const { status, fix } = SCORE_CODES[code];
  return new ProblemError({ status, code, detail: `The answer could not be checked: ${reason}.`, fix });
}
