/** A priced server for all roles on a real port, slow enough to be cut off, that keeps its own bill. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { costMicros } from "../../shared/budget/cost.ts";
import { ChatBody, type ChatReply } from "../../shared/schemas/chat.ts";
import { ModelRef } from "../../shared/schemas/config.ts";
import { scriptedVlm } from "./scripted-vlm.ts";

/** Before and after the server counts an answer: a client may leave in between. */
const THINKS_MS = 4;
/** What the client asks to find out what the server can do; it belongs to no run. */
const PROBE = "Name two colours.";

export type PaidServer = AsyncDisposable & {
  model: ModelRef;
  /** What it has answered so far, whether anybody heard it or not. */
  bill: { replies: number; micros: number };
  /** Resolves once that many replies were answered. */
  reached(replies: number): Promise<void>;
  /** Resolves when nothing more is being answered. */
  quiet(): Promise<void>;
};

/** @param options.usage left out or false: replies tell no usage, and are billed all the same */
export async function paidServer(options: { usage?: boolean } = {}): Promise<PaidServer> {
  const script = scriptedVlm();
  const bill = { replies: 0, micros: 0 };
  const waiting = new Set<{ replies: number; wake: () => void }>();
  let busy = 0;

  async function answer(body: ChatBody): Promise<Extract<ChatReply, { outcome: "completed" }>["completion"]> {
    await pause(THINKS_MS);
    const line = { custom_id: "x", method: "POST" as const, url: "/v1/chat/completions" as const, body };
    for await (const reply of script.run([line], new AbortController().signal)) {
      if (reply.outcome !== "completed") break;
      if (!JSON.stringify(body.messages).includes(PROBE)) count(reply.completion.usage!);
      await pause(THINKS_MS);
      const { usage, ...silent } = reply.completion;
      return options.usage === false ? silent : { ...silent, usage };
    }
    throw new Error("the script has no answer");
  }

  function count(usage: Parameters<typeof costMicros>[1]["usage"]): void {
    bill.replies++;
    bill.micros += costMicros(model, { usage, seconds: 0 });
    for (const one of waiting) if (bill.replies >= one.replies) one.wake();
  }

  const http = createServer(async (request, response) => {
    if (!request.url?.endsWith("/chat/completions")) return json(response, { object: "list", data: [{ id: "vlm" }] });
    busy++;
    const completion = await answer(ChatBody.parse(JSON.parse(await textOf(request)))).finally(() => busy--);
    json(response, completion);
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const model = ModelRef.parse({
    engine: "openai",
    baseUrl: `http://127.0.0.1:${(http.address() as AddressInfo).port}/v1`,
    model: "vlm",
    price: { input: 1, output: 2 },
    maxConcurrency: 8,
  });
  return {
    model,
    bill,
    async reached(replies) {
      if (bill.replies >= replies) return;
      await new Promise<void>((wake) => waiting.add({ replies, wake }));
    },
    async quiet() {
      do await pause(50);
      while (busy > 0);
    },
    async [Symbol.asyncDispose]() {
      http.close();
      http.closeAllConnections();
    },
  };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString();
}

function json(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value));
}
