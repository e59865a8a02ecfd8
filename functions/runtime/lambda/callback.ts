/** The public function URL that GPU functions report to. */
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from "aws-lambda";
import { callback } from "../../workers/gpu/callback.ts";
import { workerDeps } from "../cloud/run-worker.ts";
import { start } from "./start.ts";

export async function handler(
  { headers, body = "", isBase64Encoded }: APIGatewayProxyEventV2,
  _context: Context,
): Promise<APIGatewayProxyStructuredResultV2> {
  const { cloud, secret } = start("callback");
  const told = { headers, body: isBase64Encoded ? Buffer.from(body, "base64").toString("utf8") : body };
  const deps = workerDeps(cloud, { runId: undefined, signal: new AbortController().signal });
  const answer = await callback(told, secret("CallbackSecret"), deps);
  if (answer.status !== 200) {
    cloud.telemetry.warn("refused a report", { status: answer.status, error: answer.body.error });
    cloud.telemetry.measure({ name: "CallbackRefused", unit: "Count", value: 1 });
  }
  cloud.telemetry.flush();
  return {
    statusCode: answer.status,
    headers: { "content-type": "application/json" },
    body: JSON.stringify(answer.body),
  };
}
