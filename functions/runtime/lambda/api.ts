/** API, chat and console behind one streaming function URL, which only CloudFront may call. */
import { fileURLToPath } from "node:url";
import { Hono } from "hono";
import { streamHandle } from "hono/aws-lambda";
import { readConsole } from "../../console/files.ts";
import { consoleRoutes } from "../../console/routes.ts";
import { cloudApi, servedBase } from "../cloud/api.ts";
import { fromEdge } from "../edge.ts";
import { start } from "./start.ts";

let opened: Promise<Hono> | undefined;

async function open(): Promise<Hono> {
  const { cloud, config, secret } = start("api");
  const app = new Hono();
  // stacks/api.ts copies the built console beside the bundle
  const assets = await readConsole(fileURLToPath(new URL("./console", import.meta.url)));
  const bucket = await cloud.uploads.origin();
  app.route("/", consoleRoutes(assets, bucket === undefined ? [] : [bucket]));
  const served = servedBase(config.RLAIFV_SERVE_MODEL);
  app.route("/", cloudApi(cloud, { operatorKey: secret("OperatorKey"), served }));
  return app;
}

const app = new Hono();
app.all("*", async (context) => {
  opened ??= open();
  const { raw } = context.req;
  const headers = fromEdge(Object.fromEntries(raw.headers)); // as the client sent them to the edge
  return (await opened).fetch(new Request(raw, { headers }), context.env);
});

export const handler = streamHandle(app);
