/** A proxy that breaks some requests on their way to a real server, as networks and busy services do. */
import { once } from "node:events";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";

export type Asked = { method: string; path: string };

/**
 * `answer`: the server never hears of it. `lose_reply`: it does its work and nobody learns so. `silence`: neither work nor
 * answer. `cut`: the answer breaks off after so many bytes of its body, when the promise has come.
 */
export type Fault =
  | { kind: "answer"; status: number; body: string; type?: string }
  | { kind: "lose_reply" }
  | { kind: "silence" }
  | { kind: "cut"; bytes: number; before?: () => Promise<void> };

export type FaultProxy = {
  endpoint: string;
  /** Every request that came, broken or not. */
  asked: Asked[];
  /** Decides about each request; `undefined` lets it through. */
  breakWith(fault: (asked: Asked) => Fault | undefined): void;
  stop(): Promise<void>;
};

/** The same fault for the first `times` requests that match. */
export function firstTimes(times: number, matches: (asked: Asked) => boolean, fault: Fault) {
  let left = times;
  return (asked: Asked) => (matches(asked) && left-- > 0 ? fault : undefined);
}

/** An error as S3 writes it. */
export const s3Error = (status: number, code: string): Fault => ({
  kind: "answer",
  status,
  type: "application/xml",
  body: `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>as the test wants it</Message></Error>`,
});

async function cutReply(answer: IncomingMessage, reply: ServerResponse, { bytes, before }: Fault & { kind: "cut" }) {
  reply.writeHead(answer.statusCode ?? 500, answer.headers);
  let left = bytes;
  for await (const piece of answer) {
    const part = (piece as Buffer).subarray(0, left);
    reply.write(part);
    left -= part.length;
    if (left === 0) break;
  }
  await before?.();
  // what was written leaves first
  setImmediate(() => reply.destroy());
}

function forward(target: URL, asked: IncomingMessage, reply: ServerResponse, fault: Fault | undefined): void {
  const { method, url, headers } = asked;
  const onward = request(new URL(url ?? "/", target), { method, headers }, (answer) => {
    if (fault?.kind === "lose_reply") {
      answer.resume();
      answer.on("end", () => reply.destroy());
    } else if (fault?.kind === "cut") void cutReply(answer, reply, fault);
    else {
      reply.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(reply);
    }
  });
  onward.on("error", () => reply.destroy());
  asked.pipe(onward);
}

export async function openFaultProxy(endpoint: string): Promise<FaultProxy> {
  const asked: Asked[] = [];
  let choose: (asked: Asked) => Fault | undefined = () => undefined;
  const server = createServer((request, reply) => {
    const heard = { method: request.method ?? "", path: request.url ?? "" };
    asked.push(heard);
    const fault = choose(heard);
    reply.on("error", () => undefined);
    if (fault?.kind === "silence") return;
    if (fault?.kind !== "answer") return forward(new URL(endpoint), request, reply, fault);
    request.resume();
    request.on("end", () =>
      reply.writeHead(fault.status, { "content-type": fault.type ?? "text/plain" }).end(fault.body),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    endpoint: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    asked,
    breakWith: (fault) => {
      choose = fault;
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
