/** What a person filled in, as a request; and what is wrong with it before it is sent. */
import type { z } from "@hono/zod-openapi";
import type { CreateRunBody } from "../../api/contract/runs.ts";

/** What starts a run, or is estimated: defaults may be left out. */
export type RunInput = z.input<typeof CreateRunBody>;
export type DemoForm = { rounds: string; images: string; seed: string };
export type OwnForm = { config: string; manifestId: string | undefined; question: string; strict: boolean };
export type Filled = { outcome: "ready"; body: RunInput } | { outcome: "wrong"; why: string };

export const DEMO: DemoForm = { rounds: "4", images: "200", seed: "1" }; // as the command line's demo

/** The ranges are the API's (DemoInput). */
const RANGES = { rounds: [1, 50], images: [1, 10_000], seed: [0, Number.MAX_SAFE_INTEGER] } as const;

export function demoBody(form: DemoForm): Filled {
  const numbers = { rounds: 0, images: 0, seed: 0 };
  for (const name of ["rounds", "images", "seed"] as const) {
    const value = Number(form[name]);
    const [low, high] = RANGES[name];
    if (form[name].trim() === "" || !Number.isInteger(value) || value < low || value > high)
      return { outcome: "wrong", why: `${name} is a whole number from ${low} to ${high}, not “${form[name]}”.` };
    numbers[name] = value;
  }
  return { outcome: "ready", body: { demo: numbers } };
}

export function ownBody({ config, manifestId, question, strict }: OwnForm): Filled {
  const parsed = parsedConfig(config);
  if (parsed.outcome === "wrong") return parsed;
  const named = manifestId === undefined ? {} : { manifest_id: manifestId };
  if (manifestId === undefined && !("data" in parsed.config))
    return { outcome: "wrong", why: "Choose a manifest, or name one that was sent before in the config’s data." };
  const asked = question.trim() === "" ? {} : { question: question.trim() };
  return { outcome: "ready", body: { config: parsed.config, strict, ...asked, ...named } };
}

function parsedConfig(
  text: string,
): { outcome: "ready"; config: Record<string, unknown> } | { outcome: "wrong"; why: string } {
  try {
    const config: unknown = JSON.parse(text);
    if (typeof config === "object" && config !== null && !Array.isArray(config))
      return { outcome: "ready", config: config as Record<string, unknown> };
    return { outcome: "wrong", why: "The config is a JSON object." };
  } catch (cause) {
    return { outcome: "wrong", why: `The config is no JSON: ${cause instanceof Error ? cause.message : cause}` };
  }
}

const embedded = (model: string) => ({ engine: "embedded", model: `embedded/${model}` });

/** To begin with: the models that are always there. */
export const FIRST_CONFIG = JSON.stringify(
  {
    name: "my-run",
    rounds: 1,
    policy: embedded("policy"),
    divider: embedded("divider"),
    questioner: embedded("questioner"),
    labelers: [embedded("labeler")],
    budgetUsd: 1,
  },
  null,
  2,
);

/** Rows of a manifest file: JSON (an array) becomes one row a line, NDJSON stays as it is. */
export function asNdjson(text: string): string {
  if (!text.trimStart().startsWith("[")) return text;
  const rows: unknown[] = JSON.parse(text);
  return rows.map((row) => `${JSON.stringify(row)}\n`).join("");
}
