import type { BlobStore } from "../../shared/ports/blob-store.ts";
import type { ChatDelta, Engine, EngineInfo } from "../../shared/ports/engine.ts";
import type { BatchLine, ChatBody, ChatCompletion, ChatReply } from "../../shared/schemas/chat.ts";
import { completionOf, wordTokens } from "./engine/completion.ts";
import { type Model, modelShelf, type SkillModel } from "./engine/models.ts";
import { pictureReader } from "./engine/pictures.ts";
import { eachAsItEnds, pushQueue } from "./engine/queue.ts";
import { BadRequest, lastTurn } from "./engine/request.ts";
import { type Seen, seeingModels } from "./engine/seeing.ts";
import { answerSeeing, completedReply, failedReply, type Send, seeLines } from "./engine/seeing-batch.ts";
import { divideReply, questionReply } from "./engine/skills.ts";

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
    return { name: "embedded", revision, logprobs: sees, structuredOutput: !sees, warnings };
  }

  async function answerLines(
    name: string,
    lines: readonly BatchLine[],
    signal: AbortSignal,
    send: Send,
  ): Promise<void> {
    let model: Model;
    try {
      model = await find(name);
    } catch (error) {
      for (const line of lines) send(failedReply(line, new BadRequest("model_not_found", (error as Error).message)));
      return;
    }
    if (isSkill(model)) for (const line of lines) send(skillReply(model, line));
    else await answerSeeing({ pictures, seeing, signal }, model, lines, send);
  }

  async function* run(lines: readonly BatchLine[], signal: AbortSignal): AsyncGenerator<ChatReply> {
    const byModel = Map.groupBy(lines, ({ body }) => body.model);
    yield* eachAsItEnds<ChatReply>(signal, async (send, wanted) => {
      await Promise.all([...byModel].map(([name, part]) => answerLines(name, part, wanted, send)));
    });
  }

  async function* stream(body: ChatBody, signal: AbortSignal): AsyncGenerator<ChatDelta> {
    const model = await find(body.model);
    if (isSkill(model)) {
      yield* deltasOf(skillCompletion(model, body), true);
      return;
    }
    const line: BatchLine = { custom_id: "stream", method: "POST", url: "/v1/chat/completions", body };
    const [chat] = await seeLines(pictures, model, [line], throwFailure);
    const queue = pushQueue<ChatDelta>();
    const write = (seen: Seen, onText?: (choice: number, text: string) => void) =>
      seeing.writeOne(model, seen, { signal, ...(onText ? { onText } : {}) });
    let sent = false;
    const onText = (choice: number, text: string) => {
      if (text === "") return;
      sent = true;
      queue.push({ kind: "text", choice, text });
    };
    // A stop text may be cut off the end, so such an answer is sent when it is whole.
    write(chat!.seen, body.stop === undefined ? onText : undefined).then((completion) => {
      for (const delta of deltasOf(completion, !sent)) queue.push(delta);
      queue.end();
    }, queue.fail);
    yield* queue.items(signal);
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

function skillReply(model: SkillModel, line: BatchLine): ChatReply {
  try {
    return completedReply(line, skillCompletion(model, line.body));
  } catch (error) {
    return failedReply(line, error);
  }
}

function* deltasOf({ choices, usage }: ChatCompletion, withText: boolean): Generator<ChatDelta> {
  for (const { index, message, finish_reason } of choices) {
    if (withText) yield { kind: "text", choice: index, text: message.content ?? "" };
    yield { kind: "finish", choice: index, reason: finish_reason ?? "stop" };
  }
  if (usage) yield { kind: "usage", usage };
}
