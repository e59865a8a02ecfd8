import type { Trainer, TrainOutcome } from "../../../shared/ports/trainer.ts";
import type { HostedOptions } from "./engine.ts";
import { threadHost } from "./thread-host.ts";

/**
 * The embedded trainer in a thread of its own: chat goes on while a round is trained. Checkpoints are those of the
 * trainer in this process, byte for byte. If the thread dies, the training rejects with a `failure` of code
 * `trainer_lost`; the same job again goes on from its newest checkpoint. After an abort it rejects with the signal's
 * reason once the thread has stopped, so that the same job can be started again at once.
 */
export function hostedTrainer({ dataDir }: HostedOptions): Trainer & { close(): Promise<void> } {
  const script = new URL("./trainer-thread.ts", import.meta.url);
  const host = threadHost({ script, data: { dataDir }, what: "trainer" });
  return {
    train: async (job, { signal, onStep }) =>
      (await host.call("train", job, { signal, onItem: onStep })) as TrainOutcome,
    close: host.close,
  };
}
