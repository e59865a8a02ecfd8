/** One chat request from its admission to its bill. */
import type { BoundModel } from "../../../shared/answer.ts";
import type { Clock } from "../../../shared/ports/clock.ts";
import type { Engine, EngineInfo } from "../../../shared/ports/engine.ts";
import type { StateStore } from "../../../shared/ports/state-store.ts";
import type { ChatBody } from "../../../shared/schemas/chat.ts";
import { neutraliseControlTokens } from "../../../shared/stages/control-tokens.ts";
import { usageBound } from "../../trust/bounds.ts";
import { checkAnswers } from "../../trust/check.ts";
import { addLimits, checkLimit, limitFor } from "../../trust/check-bound.ts";
import { openPurse, type Purse, type PurseLimit, purseMicros } from "../../trust/purse.ts";
import type { WalkDeps } from "../../trust/walk.ts";
import type { Admission, Principal, Ticket } from "../admission/admission.ts";
import type { Images, ModelCatalog, ServedModel } from "../deps.ts";
import { chargeWhile, type Endings, type Life, lifeOf } from "../paid-work.ts";
import { type Answering, plainAnswer, type TrustWork, trustedAnswer } from "./answer.ts";
import { ApiError, limitError } from "./errors.ts";
import { openImages, type Pictures } from "./images.ts";
import type { AnswerPart } from "./parts.ts";
import { invalidValue, type ParsedRequest, type TrustAsked } from "./request.ts";
import { type TrustSubject, trustSubject } from "./trust.ts";

export type ChatDeps = {
  clock: Clock;
  models: ModelCatalog;
  admission: Pick<Admission, "admit">;
  images: Pick<Images, "open">;
  store: Pick<StateStore, "replies">;
};

export type Asking = {
  principal: Principal;
  requestId: string;
  signal: AbortSignal;
  /** Told the limits and what is left of them, as headers of the answer or of whatever comes instead. */
  tell: (headers: Record<string, string>) => void;
};

export type Chat = {
  /** The model's exact revision. */
  revision: string;
  parts: AsyncGenerator<AnswerPart>;
  /** Stops what is under way and pays for what was made; safe to repeat. */
  end(): Promise<void>;
};

/** Names told to whoever asked for a model that is not there. Our choice. */
const SHOWN_MODELS = 20;

/** Throws ApiError for a request that cannot be taken; nothing is asked before there is room for all of it. */
export async function openChat(asked: ParsedRequest, who: Asking, deps: Gathered): Promise<Chat> {
  const served = await deps.models.find(asked.body.model);
  if (served === undefined) throw await unknownModel(asked.body.model, deps);
  const bound = await deps.models.bind(served.ref, served.checkpoint, who.principal.id);
  const subject = asked.trust && trustSubject(asked.body);
  const body = bodyFor(asked.body, served, bound);
  const plan: Plan = { asked, body, served, bound, subject };
  const limit = limitOf(plan);
  const { ticket } = await admitted(limit, who, deps);
  who.tell(ticket.headers);
  const life = lifeOf(limit, who.signal, { ...ENDINGS, clock: deps.clock });
  try {
    const opened = await openImages(body, deps.images, life.signal);
    const purse = openPurse(limit, { clock: deps.clock, sizeOf: (url) => opened.pictures.get(url) });
    const parts = answerOf({ ...plan, ...opened, purse, who, signal: life.signal }, deps);
    const end = ending({ parts, ticket, purse, life });
    chargeWhile(life, { ticket, purse, clock: deps.clock });
    return { revision: bound.revision, parts, end };
  } catch (error) {
    life.end();
    await ticket.settle({ tokens: 0, usdMicros: 0 });
    throw error;
  }
}

type Plan = {
  asked: ParsedRequest;
  body: ChatBody;
  served: ServedModel;
  bound: BoundModel & { info: EngineInfo };
  subject: TrustSubject | undefined;
};

/** `gather`: the engine with one-token questions asked together. */
export type Gathered = ChatDeps & { gather: (engine: Engine) => Engine };

/** The body as the engine gets it. Without max_tokens an answer is as long as the model's own settings have it. */
function bodyFor(body: ChatBody, { ref, config }: ServedModel, { model, info }: Plan["bound"]): ChatBody {
  const most = info.maxTokens ?? Number.POSITIVE_INFINITY;
  const max_tokens = body.max_tokens ?? Math.min(config.generate.maxTokens, most);
  if (max_tokens > most)
    throw invalidValue(
      "max_tokens",
      `max_tokens ${max_tokens} is too large: this model writes at most ${most} tokens.`,
    );
  // Servers draw a seed themselves; the embedded engine never does, and would answer always the same.
  const draws = ref.engine === "embedded" && body.temperature !== 0;
  const seed = body.seed ?? (draws ? randomSeed() : undefined);
  const messages = body.messages.map(({ role, content }) => ({ role, content: asData(content) }));
  return { ...body, model, messages, max_tokens, ...(seed === undefined ? {} : { seed }) };
}

const randomSeed = (): number => crypto.getRandomValues(new Uint32Array(1))[0]!;

/** What users write is text to a model, never a chat template's own marks. */
function asData(content: ChatBody["messages"][number]["content"]): ChatBody["messages"][number]["content"] {
  if (typeof content === "string") return neutraliseControlTokens(content);
  return content.map((part) => (part.type === "text" ? { ...part, text: neutraliseControlTokens(part.text) } : part));
}

/** What is reserved: the bound of the answers, and room for their check. */
function limitOf({ asked, body, served, subject }: Plan): PurseLimit {
  const answers = asked.trust?.bestOf ?? body.n ?? 1;
  const most = usageBound(served.ref, { ...body, n: answers }, () => undefined);
  const limit = limitFor(served.ref, most);
  if (subject === undefined) return limit;
  const questionBytes = new TextEncoder().encode(subject.question).length;
  return addLimits(limit, checkLimit(served.config, { answers, answerTokens: body.max_tokens ?? 0, questionBytes }));
}

async function admitted(limit: PurseLimit, { principal, requestId }: Asking, { admission }: ChatDeps) {
  const answer = await admission.admit(principal, {
    requestId,
    tokens: limit.tokens,
    usdMicros: purseMicros(limit),
  });
  if (answer.outcome === "limited") throw limitError(answer);
  return answer;
}

const ENDINGS: Endings = {
  gone: () => new ApiError(499, { code: "client_closed", message: "The connection was closed." }),
  late(seconds) {
    const message = `The answer took longer than ${seconds} s and was stopped. Ask for less, or later.`;
    return new ApiError(503, { code: "timed_out", message });
  },
};

type Work = Plan & { pictures: Pictures; purse: Purse; who: Asking; signal: AbortSignal };

function answerOf(work: Work, deps: Gathered): AsyncGenerator<AnswerPart> {
  const { asked, body, served, bound, purse, signal } = work;
  const gathers = served.ref.engine === "embedded";
  const engine = purse.guard(served.ref, gathers ? deps.gather(bound.engine) : bound.engine);
  const answering: Answering = { body, engine, gathers, purse, signal };
  return asked.trust === undefined
    ? plainAnswer(answering)
    : trustedAnswer(answering, trustOf(asked.trust, work, deps));
}

function trustOf(asked: TrustAsked, work: Work, { models, store }: Gathered): TrustWork {
  const { body, pictures, purse, signal, who } = work;
  const { config, checkpoint } = work.served;
  const { question, imageUrl } = trustSubject(body);
  const bind: WalkDeps["bind"] = (ref, of) => models.bind(ref, of, who.principal.id);
  return {
    ...asked,
    question,
    image: pictures.get(imageUrl)!,
    labelers: config.labelers.map(({ model }) => model),
    check: (answers) => checkAnswers(answers, { config, checkpoint }, { purse, replies: store.replies, signal, bind }),
  };
}

/** What was made is paid once the work has stopped, whoever stopped it. */
function ending({ parts, ticket, purse, life }: Pick<Chat, "parts"> & { ticket: Ticket; purse: Purse; life: Life }) {
  let ended: Promise<void> | undefined;
  const end = async () => {
    life.end();
    await parts.return(undefined);
    await ticket.settle(purse.spent());
  };
  return () => {
    ended ??= end();
    return ended;
  };
}

export async function unknownModel(model: string, { models }: Pick<ChatDeps, "models">): Promise<ApiError> {
  const known = (await models.list()).map(({ id }) => id);
  const more = known.length > SHOWN_MODELS ? `, and ${known.length - SHOWN_MODELS} more` : "";
  const message = `The model '${model}' does not exist. This server has: ${known.slice(0, SHOWN_MODELS).join(", ")}${more}.`;
  return new ApiError(404, { code: "model_not_found", param: "model", message });
}
