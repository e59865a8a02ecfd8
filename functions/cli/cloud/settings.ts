/** Where the cloud part lies and its secrets, as the environment of `sst shell` or a terminal names them. */
import { z } from "zod";

type Env = Readonly<Record<string, string | undefined>>;

/** All but the secrets; what these variables mean stands in the README. */
const Settings = z.object({
  RLAIFV_TABLE: z.string().regex(/^[\w.-]{3,255}$/, "is no name of a DynamoDB table"),
  RLAIFV_BUCKET: z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, "is no name of a bucket"),
  RLAIFV_MACHINE_ARN: z
    .string()
    .regex(/^arn:aws[\w-]*:states:[\w-]+:\d{12}:stateMachine:[\w-]+$/, "is no ARN of a state machine"),
  RLAIFV_CALLBACK_URL: z.url({ protocol: /^https$/, error: "is no https address" }),
  RLAIFV_SERVER: z.url({ protocol: /^https?$/, error: "is no address of the service" }),
  RLAIFV_MODAL_APP: z.string().min(1),
  RLAIFV_MODAL_ENVIRONMENT: z.string().min(1).optional(),
});
export type CloudSettings = Partial<z.infer<typeof Settings>>;

/** What is well formed, and the problems of the rest. An empty variable is an absent one. */
export function cloudSettings(env: Env): { settings: CloudSettings; problems: string[] } {
  const problems: string[] = [];
  const found: [string, string][] = [];
  for (const [name, field] of Object.entries(Settings.shape)) {
    const value = env[name] || undefined;
    const parsed = field.safeParse(value);
    if (!parsed.success)
      problems.push(value === undefined ? `${name} is missing` : `${name}=${value} ${faultOf(parsed.error)}`);
    else if (parsed.data !== undefined) found.push([name, parsed.data]);
  }
  return { settings: Object.fromEntries(found), problems };
}

const faultOf = ({ issues: [first] }: z.ZodError): string => first?.message ?? "cannot be read";

export type CloudSecrets = {
  tokenId: string | undefined;
  tokenSecret: string | undefined;
  callbackSecret: string | undefined;
};

/** Linked by SST (`sst shell`), else under the names that Modal's own tools read. */
export function cloudSecrets(env: Env): CloudSecrets {
  return {
    tokenId: linked(env, "ModalTokenId") ?? (env["MODAL_TOKEN_ID"] || undefined),
    tokenSecret: linked(env, "ModalTokenSecret") ?? (env["MODAL_TOKEN_SECRET"] || undefined),
    callbackSecret: linked(env, "CallbackSecret") ?? (env["RLAIFV_CALLBACK_SECRET"] || undefined),
  };
}

const LinkedSecret = z.object({ value: z.string().min(1) });

function linked(env: Env, name: string): string | undefined {
  try {
    return LinkedSecret.parse(JSON.parse(env[`SST_RESOURCE_${name}`] ?? "")).value;
  } catch {
    return undefined;
  }
}
