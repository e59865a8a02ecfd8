/** An execution of the loop has ended: EventBridge's "Step Functions Execution Status Change". */
import { z } from "zod";
import { openAdmission } from "../../api/admission/admission.ts";
import { executionEnded } from "../cloud/ended.ts";
import { cloudTelling } from "../cloud/run-control.ts";
import { sendWebhooks } from "../cloud/sweep.ts";
import { start } from "./start.ts";

const StatusChange = z.object({ detail: z.object({ executionArn: z.string().min(1), status: z.string() }) });

/** Webhooks of the end that are due at once get this long; what is left is the sweeper's. Our choice. */
const WEBHOOKS_MS = 10_000;

export async function handler(event: unknown): Promise<{ outcome: string }> {
  const { cloud } = start("ended");
  const { executionArn, status } = StatusChange.parse(event).detail;
  const telling = cloudTelling(cloud, openAdmission({ ledger: cloud.store.ledger, clock: cloud.clock }));
  const ended = await executionEnded(executionArn, cloud, telling);
  cloud.telemetry.info("an execution has ended", { execution: executionArn, status, outcome: ended.outcome });
  if (ended.outcome === "ended") await sendWebhooks(cloud, WEBHOOKS_MS);
  cloud.telemetry.flush();
  return ended;
}
