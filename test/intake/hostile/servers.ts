/** Real servers on this machine for hostile answers, and names that lead to them without any name server. */
import { createServer as createHttp, type RequestListener } from "node:http";
import { createServer as createHttps } from "node:https";
import type { AddressInfo, Server } from "node:net";
import type { TestContext } from "node:test";
import type { WebRules } from "../../../functions/intake/safe-fetch.ts";
import { CERTIFICATE, KEY } from "./certificate.ts";

export type TestServer = { port: number; url: (path: string) => string; hosts: string[] };

async function listen(server: Server, t: TestContext, address: string): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** An https server; `hosts` collects the Host headers it saw. */
export async function httpsServer(t: TestContext, answer: RequestListener, address = "127.0.0.1"): Promise<TestServer> {
  const hosts: string[] = [];
  const server = createHttps({ key: KEY, cert: CERTIFICATE }, (request, reply) => {
    hosts.push(request.headers.host ?? "");
    answer(request, reply);
  });
  t.after(() => server.closeAllConnections());
  const port = await listen(server, t, address);
  return { port, hosts, url: (path) => `https://pictures.test:${port}${path}` };
}

export async function httpServer(t: TestContext, answer: RequestListener): Promise<TestServer> {
  const hosts: string[] = [];
  const server = createHttp((request, reply) => {
    hosts.push(request.headers.host ?? "");
    answer(request, reply);
  });
  t.after(() => server.closeAllConnections());
  const port = await listen(server, t, "127.0.0.1");
  return { port, hosts, url: (path) => `http://pictures.test:${port}${path}` };
}

/** Rules under which only 127.0.0.1 counts as public and every name leads there. `asked` collects the names. */
export function localRules(server: TestServer, more: WebRules = {}): WebRules & { asked: string[] } {
  const asked: string[] = [];
  const resolve = async (host: string) => {
    asked.push(host);
    return ["127.0.0.1"];
  };
  return { resolve, allowRanges: ["127.0.0.1/32"], allowPorts: [server.port], ca: CERTIFICATE, asked, ...more };
}
