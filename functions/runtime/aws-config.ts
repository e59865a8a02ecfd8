/** What a function in the cloud reads of its environment, once, at its start. Every problem is told at once. */
import { z } from "zod";

const name = z.string().min(1);

export const AwsConfig = z.object({
  AWS_REGION: name.default("us-east-1"),
  RLAIFV_TABLE: name,
  RLAIFV_BUCKET: name,
  RLAIFV_MACHINE_ARN: name.optional(),
  /** Name of the function `collect`. */
  RLAIFV_COLLECT: name.optional(),
  RLAIFV_CALLBACK_URL: z.url().optional(),
  RLAIFV_MODAL_APP: name.optional(),
  RLAIFV_MODAL_ENVIRONMENT: name.optional(),
  RLAIFV_SERVE_URL: z.url().optional(),
  /** Its base model, as the server calls it. */
  RLAIFV_SERVE_MODEL: name.optional(),
  RLAIFV_CORS_ORIGIN: z.url().optional(),
});
export type AwsConfig = z.infer<typeof AwsConfig>;

/** Throws with every variable that is missing or wrong. */
export function readAwsConfig(env: NodeJS.ProcessEnv): AwsConfig {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ""));
  const parsed = AwsConfig.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new Error(`The function's environment (stacks/workers.ts sets it):\n${z.prettifyError(parsed.error)}`);
}

/** The secrets of `sst secret set`; a function that is not linked to one finds none. */
export const SECRET_NAMES = ["ModalTokenId", "ModalTokenSecret", "CallbackSecret", "OperatorKey", "ServeKey"] as const;
export type SecretName = (typeof SECRET_NAMES)[number];
export type Secrets = (name: SecretName) => string;
