/** How a check of the cloud part is told. */
import type { Check } from "../doctor-checks.ts";

/** Of a part whose name nobody gave. */
export function unnamed(what: string, variable: string): Check {
  return { ok: false, what, found: `not looked at: ${variable} is missing or wrong`, fix: `set ${variable}` };
}

/** A check that asks; whatever is thrown is what was found. */
export async function answered(
  what: string,
  fix: string,
  ask: () => Promise<{ ok: boolean; found: string }>,
): Promise<Check> {
  try {
    return { what, fix, ...(await ask()) };
  } catch (error) {
    return { ok: false, what, found: textOf(asError(error)), fix };
  }
}

export const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));

/** Where an answer has no body, as to HEAD, AWS's SDK knows the name of the error only. */
export function textOf({ name, message }: Error): string {
  return ["", name, "UnknownError"].includes(message) ? name : `${name}: ${message}`;
}
