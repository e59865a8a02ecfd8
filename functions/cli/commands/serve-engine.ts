import { Command } from "commander";
import { BUILT_IN } from "../../embedded/engine/models.ts";
import { engineServer } from "../../engine-server/app.ts";
import { serveEngine } from "../../engine-server/listen.ts";
import { EMBEDDED } from "../../runtime/embedded-models.ts";
import { openOutput } from "../output.ts";
import { inFolder, wholeNumber, withCommonOptions, withDataOption } from "./shared.ts";

type ServeOptions = { data: string; port: number; host: string; json?: boolean };

export function serveEngineCommand(): Command {
  const command = new Command("serve-engine")
    .description("offer the embedded engine as an OpenAI-compatible server")
    .option("--port <n>", "0 takes a free one", wholeNumber(0), 8000)
    .option("--host <host>", "address to listen on", "127.0.0.1");
  return withDataOption(withCommonOptions(command)).action(async (options: ServeOptions) => {
    await inFolder(options.data, async (local) => {
      const engine = await local.models.engine(EMBEDDED.policy);
      const app = engineServer({ engine, models: () => BUILT_IN, images: local.blobs, clock: local.clock });
      const listening = await serveEngine(app, options);
      openOutput(options).result(
        { baseUrl: `${listening.url}/v1`, models: BUILT_IN },
        `${listening.url}/v1 serves ${BUILT_IN.join(", ")}; Ctrl-C ends it`,
      );
      await new Promise<void>((stopped) => process.once("SIGINT", stopped).once("SIGTERM", stopped));
      await listening.close();
    });
  });
}
