/** The public door of GPU functions: signed, recent, small; behind it no token and no key is ever told. */
import { GpuReport, type GpuVerdict } from "../../../shared/schemas/gpu.ts";
import { verifySignature } from "../../webhooks/signature.ts";
import type { WorkerDepsOnGpu } from "./deps.ts";
import { heed } from "./heed.ts";

export type Told = { headers: Readonly<Record<string, string | undefined>>; body: string };
export type CallbackAnswer = { status: 200; body: GpuVerdict } | { status: 400 | 401 | 413; body: { error: string } };

const LARGEST_BODY = 64 * 1024; // our choice: reports are some hundred bytes

/** @param secret `whsec_<base64 of the key>`, the one that GPU functions sign with */
export async function callback(told: Told, secret: string, deps: WorkerDepsOnGpu): Promise<CallbackAnswer> {
  if (told.body.length > LARGEST_BODY) {
    return { status: 413, body: { error: `a report is at most ${LARGEST_BODY} bytes long` } };
  }
  const checked = verifySignature({ ...told, now: deps.clock.now() }, secret);
  if (checked.outcome === "refused") return { status: 401, body: { error: checked.reason } };
  const report = GpuReport.safeParse(jsonOf(told.body));
  if (report.success) return { status: 200, body: await heed(report.data, deps) };
  const [issue] = report.error.issues;
  return { status: 400, body: { error: `${issue?.path.join(".") || "body"}: ${issue?.message}` } };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
