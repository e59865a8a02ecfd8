/** The service's chat on free ports until its input ends: the embedded models, and an engine of a word every 20 ms. */
import { once } from "node:events";
import { setTimeout as wait } from "node:timers/promises";
import type { ChatDelta } from "../../shared/ports/engine.ts";
import { KEY_LIMITS } from "../../shared/schemas/service.ts";
import { EMBEDDED_POLICY, openChatService, scene } from "../api/chat/support.ts";
import { fakeEngine } from "../support/fake-engine.ts";

const endless = {
  ...fakeEngine(),
  async *stream(_body: unknown, signal: AbortSignal): AsyncGenerator<ChatDelta> {
    for (let word = 0; !signal.aborted; word++) {
      yield { kind: "text", choice: 0, text: `${word} ` };
      await wait(20);
    }
  },
};
await using embedded = await openChatService();
await using slow = await openChatService(endless);
const { url, question } = await scene();
const told = {
  ...{ base_url: embedded.baseURL, key: embedded.chatKey, model: EMBEDDED_POLICY, image: url, question },
  poor_key: await embedded.api.keyOf(["chat"], { ...KEY_LIMITS, usdPerDay: 0 }),
  reader_key: await embedded.api.keyOf(["runs:read"]),
  slow: { base_url: slow.baseURL, key: slow.chatKey, model: "vlm" },
};
process.stdout.write(`${JSON.stringify(told)}\n`);
process.stdin.resume();
await once(process.stdin, "end");
