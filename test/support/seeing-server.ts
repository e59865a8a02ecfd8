/** A model behind a real port that answers by the picture it gets and the words put to it. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { systemClock } from "../../functions/adapters/clock.ts";
import { engineServer } from "../../functions/api/chat/engine-server.ts";
import type { Engine } from "../../shared/ports/engine.ts";
import type { BatchLine, ChatBody, ChatReply } from "../../shared/schemas/chat.ts";
import { servedOn } from "./openai-server.ts";

/** `image`: SHA-256 of the picture's bytes as they came; undefined where there is none, as for a judge. */
export type Seen = { image: string | undefined; text: string; body: ChatBody };

/** With `pYes` the first token is yes or no, with these probabilities; `words` are the whole answer, if it is another one. */
export type Said = string | { pYes: number; pNo: number; words?: string };

export type SeeingServer = AsyncDisposable & { baseUrl: string; ref: string; asked: Seen[] };

/** @param msPerAnswer real time: for tests that stop an evaluation in the middle */
export async function seeingServer(
  say: (seen: Seen) => Said,
  { msPerAnswer = 0 }: { msPerAnswer?: number } = {},
): Promise<SeeingServer> {
  const asked: Seen[] = [];
  const engine: Engine = {
    describe: async () => ({ name: "seeing", revision: "1", logprobs: true, structuredOutput: true, warnings: [] }),
    async *run(lines, signal) {
      for (const line of lines) {
        const reply = await answered(line, signal);
        if (reply !== undefined) yield reply;
      }
    },
    // a request on its own comes as a stream, whole at once here
    async *stream(body, signal) {
      const reply = await answered({ custom_id: "one", method: "POST", url: "/v1/chat/completions", body }, signal);
      if (reply?.outcome !== "completed") return;
      const { choices, usage } = reply.completion;
      const [{ message, logprobs }] = choices as [(typeof choices)[number]];
      const named = logprobs?.content?.slice(0, 1);
      yield {
        kind: "text",
        choice: 0,
        text: message.content ?? "",
        ...(named === undefined ? {} : { logprobs: named }),
      };
      yield { kind: "finish", choice: 0, reason: "stop" };
      if (usage) yield { kind: "usage", usage };
    },
  };
  async function answered(line: BatchLine, signal: AbortSignal): Promise<ChatReply | undefined> {
    if (msPerAnswer > 0) await systemClock.sleep(msPerAnswer, signal).catch(() => undefined);
    if (signal.aborted) return undefined;
    const seen = seenIn(line.body);
    if (!isProbe(seen)) asked.push(seen);
    return replyTo(line, isProbe(seen) ? PROBED : say(seen));
  }
  const app = engineServer(servedOn(engine, { models: ["seeing"] }));
  const http = createServer(getRequestListener(app.fetch));
  await new Promise<void>((listening) => http.listen(0, "127.0.0.1", listening));
  const baseUrl = `http://127.0.0.1:${(http.address() as AddressInfo).port}/v1`;
  return {
    ...{ asked, baseUrl, ref: `${baseUrl}#seeing` },
    [Symbol.asyncDispose]: () =>
      new Promise<void>((closed) => {
        http.close(() => closed());
        http.closeAllConnections();
      }),
  };
}

/** What our client asks to find out what a server can do; it is answered by one that can do everything. */
const isProbe = ({ text }: Seen) => text === "Name two colours.";
const PROBED: Said = { words: '{"items":["red","blue"]}', pYes: 0.6, pNo: 0.3 };

function seenIn(body: ChatBody): Seen {
  const parts = body.messages.flatMap(({ content }) =>
    typeof content === "string" ? [{ type: "text" as const, text: content }] : content,
  );
  const url = parts.flatMap((part) => (part.type === "image_url" ? [part.image_url.url] : []))[0];
  const text = parts.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n");
  return { image: url?.replace(/^blob:/, ""), text, body };
}

function replyTo({ custom_id, body }: BatchLine, said: Said): ChatReply {
  const yesNo = typeof said === "string" ? undefined : listed(said);
  const content = typeof said === "string" ? said : (said.words ?? yesNo![0]!.token);
  const logprobs =
    body.logprobs === true && yesNo !== undefined ? { content: [{ ...yesNo[0]!, top_logprobs: yesNo }] } : null;
  const message = { role: "assistant" as const, content };
  const usage = { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120 };
  const choices = [{ index: 0, finish_reason: "stop" as const, message, logprobs }];
  const completion = { id: "x", object: "chat.completion" as const, created: 0, model: body.model, choices, usage };
  return { outcome: "completed", custom_id, completion };
}

const listed = ({ pYes, pNo }: Exclude<Said, string>) =>
  [
    { token: "Yes", logprob: Math.log(pYes) },
    { token: "No", logprob: Math.log(pNo) },
  ].sort((a, b) => b.logprob - a.logprob);
