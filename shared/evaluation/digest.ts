/** The fingerprint of an evaluation's inputs. */
import { canonicalJson, sha256Hex } from "../ids.ts";
import type { EvaluationAnswer, JudgeCall } from "../schemas/evaluation.ts";

/** JSON has no sets and maps; items may hold them. Sets are told in sorted order. */
function plain(value: unknown): unknown {
  if (value instanceof Set) return [...value].map(plain).sort((a, b) => (canonicalJson(a) < canonicalJson(b) ? -1 : 1));
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [String(key), plain(item)]));
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}

/** SHA-256 of an answer's text, as judge calls carry it: of the empty text where there is no answer. */
export const answerHash = ({ text }: Pick<EvaluationAnswer, "text">): string => sha256Hex(text ?? "");

/** SHA-256 over everything that scores are computed from, in the order it comes: sort before. */
export function evaluationDigest(inputs: {
  items: readonly unknown[];
  answers: readonly EvaluationAnswer[];
  calls: readonly JudgeCall[];
}): string {
  return sha256Hex(canonicalJson(plain(inputs)));
}
