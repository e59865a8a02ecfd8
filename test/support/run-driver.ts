/** Goes on with a run until it ends. Usage: node run-driver.ts DATA_FOLDER RUN */
import { driveRun } from "../../functions/runtime/drive.ts";
import { openLocal } from "../../functions/runtime/local.ts";

const [dataDir = "", runId = ""] = process.argv.slice(2);
const local = await openLocal({ dataDir, env: {} });
const { state } = await driveRun(runId, local, { emit: () => {}, signal: new AbortController().signal });
await local.close();
process.exitCode = state === "finished" ? 0 : 1;
