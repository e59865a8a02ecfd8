/** What whoever deploys may choose, read from the environment of `sst deploy`. */
import { z } from "zod";

const Settings = z.object({
  /** us-east-1 has the largest quotas of Step Functions, and Modal takes its inputs there. */
  RLAIFV_REGION: z.string().min(1).default("us-east-1"),
  /** The app that `modal deploy` made. */
  RLAIFV_MODAL_APP: z.string().min(1).default("rlaifv"),
  RLAIFV_MODAL_ENVIRONMENT: z.string().min(1).default("main"),
  /** Whose functions may read the bucket; `modal token info` prints it. */
  RLAIFV_MODAL_WORKSPACE: z
    .string("is missing, `modal token info` prints it")
    .regex(/^[a-z]{2}-[A-Za-z0-9]+$/, "is no id such as ac-12345abcd"),
  /** AWS knows Modal's identity provider once an account: "existing" where another stage made it. */
  RLAIFV_MODAL_IDENTITY: z.enum(["create", "existing"]).default("create"),
  /** Modal's chat server; without it the API serves no chat. */
  RLAIFV_SERVE_URL: z.url({ protocol: /^https$/ }).optional(),
  /** Its base model, as the server calls it. */
  RLAIFV_SERVE_MODEL: z.string().min(1).optional(),
  /** Another site whose pages may ask the API. */
  RLAIFV_CORS_ORIGIN: z.url({ protocol: /^https?$/ }).optional(),
  /** A name of the account's own DNS zone for the API and the console. */
  RLAIFV_DOMAIN: z.string().min(1).optional(),
  RLAIFV_ALARM_EMAIL: z.email().optional(),
});
export type Settings = z.infer<typeof Settings>;

/** Needed before anything else is: `sst install` asks for it, on machines that deploy nothing. */
export const regionOf = (environment: Record<string, string | undefined>): string =>
  Settings.shape.RLAIFV_REGION.parse(environment["RLAIFV_REGION"] || undefined);

/** Names the variable and its fault; an empty variable is an absent one. */
export function deploySettings(environment: Record<string, string | undefined>): Settings {
  const given = Object.entries(environment).filter(([name, value]) => name in Settings.shape && value !== "");
  const parsed = Settings.safeParse(Object.fromEntries(given));
  if (parsed.success) return parsed.data;
  const [first] = parsed.error.issues;
  const name = String(first?.path[0]);
  throw new Error(`${name}=${environment[name] ?? ""}: ${first?.message}; set it and deploy again`);
}
