/** Which version of the GPU app a run uses: looked up once, so that a deployment in the middle changes nothing. */
import { z } from "zod";
import { runPrefix } from "../../../shared/keys.ts";
import type { BlobStore } from "../../../shared/ports/blob-store.ts";
import type { GpuCalls } from "../../../shared/ports/calls.ts";
import { GPU_CONTRACT } from "../../../shared/schemas/gpu.ts";
import { readJson, writeJson } from "../files.ts";

const Deployment = z.strictObject({ version: z.int().nullable(), contract: z.int() });

const deploymentKey = (runId: string): string => `${runPrefix(runId)}/deployment.json`;

/** The version the run began with; asked for and kept the first time. */
export async function versionOf(
  runId: string,
  { blobs, provider }: { blobs: Pick<BlobStore, "read" | "write">; provider: Pick<GpuCalls, "deployed"> },
): Promise<number | undefined> {
  const known = await readJson(blobs, deploymentKey(runId), Deployment);
  if (known !== undefined) return known.version ?? undefined;
  const { version, contract } = await provider.deployed();
  if (contract !== GPU_CONTRACT) {
    throw new Error(
      `the deployed GPU app speaks contract ${contract}, and this code ${GPU_CONTRACT}: run "modal deploy functions/gpu/app.py" from the same revision as this service, then resume the run`,
    );
  }
  await writeJson(blobs, deploymentKey(runId), { version: version ?? null, contract });
  return version;
}
