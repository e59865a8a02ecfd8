/** The thread of `hostedTrainer`: the embedded trainer on a data folder. */
import { parentPort, workerData } from "node:worker_threads";
import type { TrainJob } from "../../../shared/ports/trainer.ts";
import { folderBlobStore } from "../../adapters/files/blob-store.ts";
import { embeddedTrainer } from "../trainer.ts";
import { serveCalls } from "./serve-calls.ts";

const { dataDir } = workerData as { dataDir: string };
const trainer = embeddedTrainer({ blobs: await folderBlobStore(dataDir) });

serveCalls(parentPort!, {
  train: (job: TrainJob, { signal, send }) => trainer.train(job, { signal, onStep: send }),
});
