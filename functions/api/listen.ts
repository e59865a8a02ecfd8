/** Puts a server on a port of this machine. */
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import type { Hono } from "hono";

export type Listening = {
  /** E.g. `http://127.0.0.1:8000`; clients take `${url}/v1` as their base. */
  url: string;
  /** Ends open connections too, and with them what they are waiting for. */
  close(): Promise<void>;
};

/** Longer than clients keep an idle connection: a server that closes first meets requests that are on their way. Our choice. */
const KEEP_ALIVE_MS = 65_000;

/** Resolves when the port is open. @param at port 0 takes a free one */
export function listen(app: Pick<Hono, "fetch">, at: { port: number; host: string }): Promise<Listening> {
  const server = createAdaptorServer({ fetch: app.fetch });
  if ("keepAliveTimeout" in server) server.keepAliveTimeout = KEEP_ALIVE_MS;
  return new Promise((resolve, reject) => {
    server.once("error", (error) =>
      reject(new Error(`cannot listen on ${at.host}:${at.port} (${error.message}): choose another port or host`)),
    );
    server.listen(at.port, at.host, () => {
      const { port } = server.address() as AddressInfo;
      const host = at.host.includes(":") ? `[${at.host}]` : at.host;
      resolve({
        url: `http://${host}:${port}`,
        close: () =>
          new Promise<void>((closed) => {
            server.close(() => closed());
            if ("closeAllConnections" in server) server.closeAllConnections();
          }),
      });
    });
  });
}
