import { systemClock } from "../../../functions/adapters/clock.ts";
import { memoryBlobStore } from "../../../functions/adapters/memory/blob-store.ts";
import { openaiEngine } from "../../../functions/adapters/openai/engine.ts";
import { randomFrom } from "../../../shared/random.ts";
import type { ChatBody } from "../../../shared/schemas/chat.ts";
import { ModelRef } from "../../../shared/schemas/config.ts";
import { engineContract } from "../../contract/engine.ts";
import { openaiServer } from "../../support/openai-server.ts";

const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNgAAAAAgAB4iG8MwAAAABJRU5ErkJggg==",
  "base64",
);

engineContract("openai client over the engine server", async () => {
  const server = await openaiServer({ msPerToken: 0.1 });
  const blobs = memoryBlobStore();
  const url = `blob:${await blobs.writeContent(PNG)}`;
  const about = (text: string): ChatBody["messages"] => [
    {
      role: "user",
      content: [
        { type: "image_url", image_url: { url } },
        { type: "text", text },
      ],
    },
  ];
  return {
    engine: openaiEngine({
      model: ModelRef.parse({ engine: "openai", model: "fake-vlm", baseUrl: server.baseUrl }),
      apiKey: undefined,
      blobs,
      clock: systemClock,
      random: randomFrom(1),
    }),
    model: "fake-vlm",
    open: { model: "fake-vlm", messages: about("What do you see?"), temperature: 0.7 },
    yesNo: { model: "fake-vlm", messages: about("Is there a dog? Answer yes or no."), temperature: 0 },
    close: async () => server[Symbol.asyncDispose](),
  };
});
