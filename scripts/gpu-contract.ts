/** Writes the schemas of shared/schemas/gpu.ts as JSON Schema, for functions/gpu/contract.py and the tests on both sides. */
import { writeFileSync } from "node:fs";
import { z } from "zod";
import {
  BatchJob,
  BatchOutputLine,
  CheckpointManifest,
  GPU_CONTRACT,
  GpuReport,
  GpuTrainJob,
  GpuTrainResult,
  GpuVerdict,
} from "../shared/schemas/gpu.ts";

const schemas = {
  BatchJob,
  GpuTrainJob,
  GpuTrainResult,
  GpuReport,
  GpuVerdict,
  BatchOutputLine,
  CheckpointManifest,
};

/** The content of `functions/gpu/contract.schema.json`. */
export function gpuContract(): string {
  const parts = Object.entries(schemas).map(([name, schema]) => [name, z.toJSONSchema(schema, { io: "input" })]);
  return `${JSON.stringify({ contract: GPU_CONTRACT, schemas: Object.fromEntries(parts) }, null, 2)}\n`;
}

if (import.meta.main) {
  writeFileSync(new URL("../functions/gpu/contract.schema.json", import.meta.url), gpuContract());
}
