import { Command } from "commander";
import { engineServer } from "../../api/chat/engine-server.ts";
import { listen } from "../../api/listen.ts";
import { BUILT_IN } from "../../embedded/engine/models.ts";
import { acceptImageUrl } from "../../intake/image-url.ts";
import { EMBEDDED } from "../../runtime/embedded-models.ts";
import type { Local } from "../../runtime/local.ts";
import { openOutput } from "../output.ts";
import { askedModels, inFolder, wholeNumber, withCommonOptions, withDataOption } from "./shared.ts";

type ServeOptions = { data: string; port: number; host: string; json?: boolean };

export function serveEngineCommand(): Command {
  const command = new Command("serve-engine")
    .description("offer the embedded engine as an OpenAI-compatible server")
    .option("--port <n>", "0 takes a free one", wholeNumber(0), 8000)
    .option("--host <host>", "address to listen on", "127.0.0.1");
  return withDataOption(withCommonOptions(command)).action(async (options: ServeOptions) => {
    await inFolder(options.data, async (local) => {
      const engine = await local.models.engine(EMBEDDED.policy);
      const { config } = await askedModels({}, local);
      const { clock, store } = local;
      const models = () => BUILT_IN;
      const app = engineServer({ engine, models, images: keptImages(local), config, replies: store.replies, clock });
      const listening = await listen(app, options);
      openOutput(options).result(
        { baseUrl: `${listening.url}/v1`, models: BUILT_IN },
        `${listening.url}/v1 serves ${BUILT_IN.join(", ")}; Ctrl-C ends it`,
      );
      await new Promise<void>((stopped) => process.once("SIGINT", stopped).once("SIGTERM", stopped));
      await listening.close();
    });
  });
}

/** Data URLs only: this server fetches nothing. */
function keptImages({ blobs }: Local) {
  return {
    async open(url: string, signal: AbortSignal) {
      const image = await acceptImageUrl(url, { web: false, signal });
      if (image.outcome === "accepted") await blobs.writeContent(image.bytes);
      return image;
    },
  };
}
