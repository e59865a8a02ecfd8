import { setImmediate as nextTurn } from "node:timers/promises";
import type { BlobStore } from "../../shared/ports/blob-store.ts";
import type { ChatDelta, Engine, EngineInfo, TokenLogprobs } from "../../shared/ports/engine.ts";
import type { BatchLine, ChatBody, ChatCompletion, ChatReply } from "../../shared/schemas/chat.ts";
import { completionOf, wordTokens } from "./engine/completion.ts";
import { type LoadedModel, type Model, modelShelf, type SkillModel } from "./engine/models.ts";
import { pictureReader } from "./engine/pictures.ts";
import { eachAsItEnds } from "./engine/queue.ts";
import { BadRequest, lastTurn } from "./engine/request.ts";
import { seeingModels } from "./engine/seeing.ts";
import { answerSeeing, completedReply, failedReply, type Send, seeLines } from "./engine/seeing-batch.ts";
import { divideReply, questionReply } from "./engine/skills.ts";
import { TEXT_LENGTH } from "./model/architecture.ts";

const ONLY_ITS_WORLD =
  "the embedded engine knows only its own world of composed 96x96 pictures; what it says about other pictures means nothing";

/**
 * The engine that runs in this process: a small vision-language model as policy and labeler, and rules as divider and
 * questioner. Replies depend on their request alone: neither on the batch they came with nor on its order.
 */
export function openEmbeddedEngine({ blobs }: { blobs: Pick<BlobStore, "read"> }): Engine {
  const find = modelShelf(blobs);
  const pictures = pictureReader(blobs);
  const seeing = seeingModels();

  async function describe(name: string): Promise<EngineInfo> {
    const { role, revision } = await find(name);
    const sees = role === "policy" || role === "labeler";
    const warnings = sees ? [ONLY_ITS_WORLD] : [];
    const facts = { name: "embedded", revision, logprobs: sees, structuredOutput: !sees, warnings };
    return sees ? { ...facts, maxTokens: TEXT_LENGTH } : facts;
  }

  async function answerLines(
    name: string,
    lines: readonly BatchLine[],
    signal: AbortSignal,
    send: Send,
  ): Promise<void> {
    const model = await findOrRefuse(name);
    if (model instanceof BadRequest) for (const line of lines) send(failedReply(line, model));
    else if (isSkill(model)) await answerByRule(model, lines, signal, send);
    else await answerSeeing({ pictures, seeing, signal }, model, lines, send);
  }

  const findOrRefuse = (name: string): Promise<Model | BadRequest> =>
    find(name).catch((error: Error) => new BadRequest("model_not_found", error.message));

  async function* run(lines: readonly BatchLine[], signal: AbortSignal): AsyncGenerator<ChatReply> {
    const byModel = Map.groupBy(lines, ({ body }) => body.model);
    yield* eachAsItEnds<ChatReply>(signal, async (send, wanted) => {
      await Promise.all([...byModel].map(([name, part]) => answerLines(name, part, wanted, send)));
    });
  }

  async function* stream(body: ChatBody, signal: AbortSignal): AsyncGenerator<ChatDelta> {
    const model = await findOrRefuse(body.model);
    if (model instanceof BadRequest) throw model;
    if (isSkill(model)) yield* deltasOf(skillCompletion(model, body), true);
    else yield* eachAsItEnds<ChatDelta>(signal, (send, wanted) => writeLive(model, body, wanted, send));
  }

  async function writeLive(
    model: LoadedModel,
    body: ChatBody,
    signal: AbortSignal,
    send: (delta: ChatDelta) => void,
  ): Promise<void> {
    const line: BatchLine = { custom_id: "stream", method: "POST", url: "/v1/chat/completions", body };
    const [chat] = await seeLines({ pictures, signal }, model, [line], throwFailure);
    let sent = false;
    const onText = (choice: number, text: string, logprobs: TokenLogprobs | undefined) => {
      if (text === "" && logprobs === undefined) return;
      sent = true;
      send({ kind: "text", choice, text, ...(logprobs ? { logprobs: [logprobs] } : {}) });
    };
    // A stop text may be cut off the end, so such an answer is sent when it is whole.
    const live = body.stop === undefined ? { signal, onText } : { signal };
    const completion = await seeing.writeOne(model, chat!.seen, live);
    for (const delta of deltasOf(completion, !sent)) send(delta);
  }

  return { describe, run, stream };
}

const isSkill = (model: Model): model is SkillModel => model.role === "divider" || model.role === "questioner";

/** A stream has nobody to tell but its caller. */
function throwFailure(reply: ChatReply): void {
  if (reply.outcome === "failed") throw new BadRequest(reply.failure.code, reply.failure.message);
}

function skillCompletion({ role }: SkillModel, body: ChatBody): ChatCompletion {
  const { text } = lastTurn(body);
  const schema = body.response_format?.json_schema.schema;
  const answer = role === "divider" ? divideReply(text, schema) : questionReply(text, schema);
  return completionOf(body, wordTokens(text), [{ text: answer, reason: "stop", tokens: wordTokens(answer) }]);
}

/** So many at a time, then other work has its turn: our choice, a fraction of a sampling step. */
const RULES_A_TURN = 32;

async function answerByRule(
  model: SkillModel,
  lines: readonly BatchLine[],
  signal: AbortSignal,
  send: Send,
): Promise<void> {
  for (let start = 0; start < lines.length; start += RULES_A_TURN) {
    for (const line of lines.slice(start, start + RULES_A_TURN)) send(skillReply(model, line));
    await nextTurn();
    signal.throwIfAborted();
  }
}

function skillReply(model: SkillModel, line: BatchLine): ChatReply {
  try {
    return completedReply(line, skillCompletion(model, line.body));
  } catch (error) {
    return failedReply(line, error);
  }
}

function* deltasOf({ choices, usage }: ChatCompletion, withText: boolean): Generator<ChatDelta> {
  for (const { index, message, logprobs, finish_reason } of choices) {
    const named = logprobs?.content ? { logprobs: logprobs.content } : {};
    if (withText) yield { kind: "text", choice: index, text: message.content ?? "", ...named };
    yield { kind: "finish", choice: index, reason: finish_reason ?? "stop" };
  }
  if (usage) yield { kind: "usage", usage };
}
