/** Answers that are exactly what the contract says. */
import assert from "node:assert/strict";
import type { z } from "zod";

/** The answer's JSON, after checking its status, its schema, and that no field is there that the schema does not name. */
export async function conforming<T extends z.ZodType>(
  schema: T,
  response: Response,
  status: number,
): Promise<z.infer<T>> {
  const text = await response.text();
  assert.equal(response.status, status, text);
  const value: unknown = JSON.parse(text);
  const parsed = schema.parse(value);
  assert.deepEqual(JSON.parse(JSON.stringify(parsed)), value);
  return parsed;
}
