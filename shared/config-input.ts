/** A config as people write it, with presets and without defaults, becomes a RunConfig; every problem is told at once. */
import { z } from "zod";
import { type PresetConfig, withPresets } from "./presets.ts";
import { RunConfig } from "./schemas/config.ts";

/** The shape that presets need; anything else is left to the config's own schema, which says what is wrong. */
const HasModels = z.looseObject({
  policy: z.looseObject({}),
  divider: z.looseObject({}),
  questioner: z.looseObject({}),
  labelers: z.array(z.looseObject({})),
});

export type ReadConfig =
  | { outcome: "read"; config: RunConfig }
  | { outcome: "unknown_preset"; message: string }
  /** `value`: what the schema saw, presets put in. */
  | { outcome: "invalid"; error: z.ZodError<RunConfig>; value: unknown };

/** Puts presets and defaults in and checks every field. */
export function readConfigInput(value: unknown): ReadConfig {
  let filled = value;
  try {
    if (HasModels.safeParse(value).success) filled = withPresets(value as PresetConfig);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { outcome: "unknown_preset", message: error.message };
  }
  const parsed = RunConfig.safeParse(filled);
  return parsed.success
    ? { outcome: "read", config: parsed.data }
    : { outcome: "invalid", error: parsed.error, value: filled };
}
