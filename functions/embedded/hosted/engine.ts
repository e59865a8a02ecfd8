import type { ChatDelta, Engine, EngineInfo } from "../../../shared/ports/engine.ts";
import type { BatchLine, ChatReply } from "../../../shared/schemas/chat.ts";
import { eachAsItEnds } from "../engine/queue.ts";
import { type ThreadHost, threadHost } from "./thread-host.ts";
import { ThreadLost } from "./thread-lost.ts";

export type HostedOptions = {
  /** The folder whose blobs (pictures, checkpoints) the thread reads and writes; see `folderBlobStore`. */
  dataDir: string;
};

/**
 * The embedded engine in a thread of its own, so that whoever asks stays free: `onnxruntime-node` computes on the thread
 * that calls it. Replies are those of the engine in this process, byte for byte. The thread starts with the first
 * request; if it dies, its open lines fail as `engine_lost`, which may be tried again, and the next request starts
 * another. An abort reaches it between two passes of a model, which take some hundredths of a second.
 */
export function hostedEngine({ dataDir }: HostedOptions): Engine & { close(): Promise<void> } {
  const script = new URL("./engine-thread.ts", import.meta.url);
  const host = threadHost({ script, data: { dataDir }, what: "engine" });
  return {
    describe: async (model) => (await host.call("describe", model)) as EngineInfo,
    run: (lines, signal) =>
      eachAsItEnds<ChatReply>(signal, (send, wanted) => askLines(host, lines, { send, signal: wanted })),
    stream: (body, signal) =>
      eachAsItEnds<ChatDelta>(
        signal,
        async (send, wanted) => void (await host.call("stream", body, { signal: wanted, onItem: send })),
      ),
    close: host.close,
  };
}

type Asking = { send: (reply: ChatReply) => void; signal: AbortSignal };

/** Every line gets a reply, also when the thread is lost. */
async function askLines(host: ThreadHost, lines: readonly BatchLine[], { send, signal }: Asking): Promise<void> {
  const waiting = new Set(lines.map(({ custom_id }) => custom_id));
  const onItem = (reply: ChatReply) => {
    waiting.delete(reply.custom_id);
    send(reply);
  };
  try {
    await host.call("run", lines, { signal, onItem });
  } catch (error) {
    if (!(error instanceof ThreadLost)) throw error;
    for (const custom_id of waiting) send({ outcome: "failed", custom_id, failure: error.failure });
  }
}
