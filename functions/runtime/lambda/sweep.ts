/** Every few minutes, by a schedule. */
import { openAdmission } from "../../api/admission/admission.ts";
import { cloudTelling } from "../cloud/run-control.ts";
import { type SweepReport, sendWebhooks, sweep } from "../cloud/sweep.ts";
import { start } from "./start.ts";

const WEBHOOKS_MS = 60_000; // our choice: a fifth of the time between two sweeps

export async function handler(): Promise<SweepReport> {
  const { cloud } = start("sweep");
  const telling = cloudTelling(cloud, openAdmission({ ledger: cloud.store.ledger, clock: cloud.clock }));
  const report = await sweep(cloud, telling);
  cloud.telemetry.info("swept", { ...report.calls, runs: report.runs, expired: report.expired });
  await sendWebhooks(cloud, WEBHOOKS_MS);
  cloud.telemetry.flush();
  return report;
}
