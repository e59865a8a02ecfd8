/** How a GPU function reports: signed, over HTTP, and with everything a network may do to a report. */
import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { signedHeaders } from "../../../functions/webhooks/signature.ts";
import { type GpuReport, GpuVerdict } from "../../../shared/schemas/gpu.ts";

/** What happens to a report on its way. `late`: it arrives, and once more a second later. */
export type ReportFault = "lost" | "reply_lost" | "twice" | "late";

export type ReportFaults = (report: GpuReport) => ReportFault | undefined;

const LATE_MS = 1000;

/** A report that is lost, or whose answer is, leaves the function to go on by itself. */
export function reporter(secret: string, faults: ReportFaults) {
  const late = new Set<Promise<unknown>>();

  async function post(url: string, body: string): Promise<GpuVerdict> {
    const headers = signedHeaders({ id: `msg_${randomUUID()}`, body, now: Date.now() }, secret);
    const answer = await fetch(url, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body,
    });
    if (!answer.ok) throw new Error(`the callback answered ${answer.status}: ${await answer.text()}`);
    return GpuVerdict.parse(await answer.json());
  }

  async function tell(url: string, report: GpuReport): Promise<GpuVerdict> {
    const fault = faults(report);
    const body = JSON.stringify(report);
    if (fault === "lost") return { goOn: true };
    const verdict = await post(url, body);
    if (fault === "reply_lost") return { goOn: true };
    if (fault === "twice") await post(url, body);
    if (fault === "late") {
      const again = wait(LATE_MS)
        .then(() => post(url, body))
        .catch(() => undefined);
      late.add(again);
      void again.then(() => late.delete(again));
    }
    return verdict;
  }

  return { tell, settled: () => Promise.all(late) };
}
