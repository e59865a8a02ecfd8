import assert from "node:assert/strict";
import type { RequestListener, ServerResponse } from "node:http";
import { createServer } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { gzipSync } from "node:zlib";
import { acceptImageUrl } from "../../../functions/intake/image-url.ts";
import { safeFetch, safePost, type WebRules } from "../../../functions/intake/safe-fetch.ts";
import { picture } from "../support.ts";
import { httpServer, httpsServer, localRules } from "./servers.ts";

function send(reply: ServerResponse, bytes: Uint8Array, headers: Record<string, string> = {}): void {
  reply.writeHead(200, { "content-type": "image/png", ...headers });
  reply.end(bytes);
}

function redirect(reply: ServerResponse, location: string): void {
  reply.writeHead(302, { location });
  reply.end();
}

/** What becomes of `path` on a server that answers so. */
async function codeAt(
  t: TestContext,
  answer: RequestListener,
  { path = "/a.png", rules = {} }: { path?: string; rules?: WebRules } = {},
): Promise<string> {
  const server = await httpsServer(t, answer);
  const result = await acceptImageUrl(server.url(path), { web: localRules(server, rules) });
  return result.outcome === "refused" ? result.code : result.outcome;
}

describe("fetching an image", () => {
  it("speaks https to the checked address under the name of the URL", async (t) => {
    const png = await picture("png");
    const server = await httpsServer(t, (_, reply) => send(reply, png));
    const rules = localRules(server);
    const image = await acceptImageUrl(server.url("/a.png"), { web: rules });
    assert.ok(image.outcome === "accepted");
    assert.deepEqual([Buffer.from(image.bytes), image.format, image.width], [png, "png", 64]);
    assert.deepEqual([server.hosts, rules.asked], [[`pictures.test:${server.port}`], ["pictures.test"]]);
  });

  it("trusts no certificate that nobody signed, and none of another name", async (t) => {
    const png = await picture("png");
    const server = await httpsServer(t, (_, reply) => send(reply, png));
    const unsigned = await acceptImageUrl(server.url("/"), { web: { ...localRules(server), ca: undefined } });
    assert.equal(unsigned.outcome === "refused" && unsigned.code, "image_url.no_connection");
    const stranger = `https://stranger.test:${server.port}/`;
    const misnamed = await acceptImageUrl(stranger, { web: localRules(server) });
    assert.match(misnamed.outcome === "refused" ? misnamed.reason : "", /ERR_TLS_CERT_ALTNAME_INVALID/);
    assert.deepEqual(server.hosts, []);
  });

  it("is not led elsewhere by a name that changes its address after the check", async (t) => {
    const png = await picture("png");
    const good = await httpsServer(t, (_, reply) => send(reply, png));
    const seen: string[] = [];
    let asked = 0;
    const resolve = async () => {
      asked += 1;
      return asked === 1 ? ["127.0.0.1"] : ["127.0.0.2"];
    };
    const inner = createServer((socket) => {
      seen.push("reached");
      socket.destroy();
    });
    await new Promise<void>((done) => inner.listen(good.port, "127.0.0.2", done));
    t.after(() => inner.close());
    const image = await acceptImageUrl(good.url("/"), { web: localRules(good, { resolve }) });
    assert.deepEqual([image.outcome, asked, seen], ["accepted", 1, []]);
    const again = await acceptImageUrl(good.url("/"), { web: localRules(good, { resolve }) });
    assert.equal(again.outcome === "refused" && again.code, "image_url.private_address");
    assert.deepEqual([asked, seen], [2, []]);
  });

  it("follows three redirects, each resolved and checked anew, and no fourth", async (t) => {
    const png = await picture("png");
    const answer: RequestListener = (request, reply) => {
      const hops = Number(request.url?.slice(1));
      if (hops === 0) send(reply, png);
      else redirect(reply, `/${hops - 1}`);
    };
    assert.equal(await codeAt(t, answer, { path: "/3" }), "accepted");
    assert.equal(await codeAt(t, answer, { path: "/4" }), "image_url.too_many_redirects");
    assert.equal(await codeAt(t, (_, reply) => redirect(reply, "/loop")), "image_url.too_many_redirects");
  });

  it("may be redirected to another host by name, which is asked for as itself", async (t) => {
    const png = await picture("png");
    const server = await httpsServer(t, (request, reply) => {
      if (request.headers.host?.startsWith("other.test")) send(reply, png);
      else redirect(reply, `//other.test:${request.socket.localPort}/b.png`);
    });
    const rules = localRules(server);
    assert.equal((await acceptImageUrl(server.url("/"), { web: rules })).outcome, "accepted");
    assert.deepEqual(rules.asked, ["pictures.test", "other.test"]);
  });

  it("ends at a redirect to what may not be called", async (t) => {
    const targets: Record<string, string> = {
      "https://169.254.169.254/latest/meta-data/": "private_address",
      "https://10.0.0.1/": "private_address",
      "//[::1]/": "private_address",
      "https://[::ffff:10.0.0.1]/": "private_address",
      "https://0x7f.1/": "odd_host",
      "//2130706433/": "odd_host",
      "http://pictures.test/a.png": "not_https",
      "file:///etc/passwd": "not_https",
      "data:image/png;base64,AAAA": "not_https",
      "https://user@pictures.test/": "credentials",
      "https://pictures.test:22/": "port",
      "https:next.png": "malformed",
      "\\\\10.0.0.1\\a.png": "malformed",
    };
    for (const [target, code] of Object.entries(targets)) {
      assert.equal(await codeAt(t, (_, reply) => redirect(reply, target)), `image_url.${code}`, target);
    }
  });

  it("takes no answer but 200, and says which one came", async (t) => {
    for (const status of [204, 206, 304, 401, 404, 500]) {
      const answer: RequestListener = (_, reply) => reply.writeHead(status).end();
      assert.equal(await codeAt(t, answer), "image_url.bad_status", String(status));
    }
  });

  it("takes no compressed answer, so that a bomb is never unpacked, and asks for none", async (t) => {
    const bomb = gzipSync(Buffer.alloc(20_000_000));
    const encodings: (string | undefined)[] = [];
    const code = await codeAt(t, (request, reply) => {
      encodings.push(request.headers["accept-encoding"] as string);
      send(reply, bomb, { "content-encoding": "gzip" });
    });
    assert.deepEqual([code, encodings], ["image_url.encoded_reply", ["identity"]]);
  });

  it("does not unpack a bomb that keeps quiet about being one", async (t) => {
    assert.equal(await codeAt(t, (_, reply) => send(reply, gzipSync(Buffer.alloc(1_000_000)))), "unknown_image_format");
  });

  it("counts the bytes itself: an announced and an endless excess are both cut off", async (t) => {
    const maxBytes = 100_000;
    let sent = 0;
    const server = await httpsServer(t, (request, reply) => {
      if (request.url === "/announced") return void reply.writeHead(200, { "content-length": "100001" }).write("x");
      reply.writeHead(200);
      const more = () => {
        do sent += 10_000;
        while (reply.write(Buffer.alloc(10_000)) && !reply.destroyed);
      };
      reply.on("drain", more);
      more();
    });
    for (const path of ["/announced", "/endless"]) {
      const options = { ...localRules(server), maxBytes };
      await assert.rejects(safeFetch(server.url(path), options), { code: "image_url.too_large" }, path);
    }
    assert.ok(sent > maxBytes);
  });

  it("notices a body that is shorter than announced", async (t) => {
    const png = await picture("png");
    const code = await codeAt(t, (_, reply) => {
      reply.writeHead(200, { "content-length": String(png.length) });
      reply.write(png.subarray(0, 500), () => reply.destroy());
    });
    assert.equal(code, "image_url.cut_off");
  });

  it("reads no further than announced: what is announced too short does not decode", async (t) => {
    const png = await picture("png");
    const code = await codeAt(t, (_, reply) => {
      reply.socket?.write(`HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n`);
      reply.socket?.end(png);
    });
    assert.equal(code, "broken_image");
  });

  it("waits for nobody for ever: silence, single bytes, names, connections", async (t) => {
    const rules = { totalMs: 150 };
    assert.equal(await codeAt(t, () => undefined, { rules }), "image_url.timed_out");
    const drip: RequestListener = (_, reply) => {
      reply.writeHead(200);
      const timer = setInterval(() => reply.write("x"), 10);
      reply.on("close", () => clearInterval(timer));
    };
    assert.equal(await codeAt(t, drip, { rules }), "image_url.timed_out");
    const never = { ...rules, resolve: () => new Promise<never>(() => undefined) };
    assert.equal(await codeAt(t, () => undefined, { rules: never }), "image_url.timed_out");
    const deaf = createServer(() => undefined); // takes the connection and never begins TLS
    await new Promise<void>((done) => deaf.listen(0, "127.0.0.1", done));
    t.after(() => deaf.close());
    const { port } = deaf.address() as { port: number };
    const web = { ...localRules({ port, url: () => "", hosts: [] }), connectMs: 100 };
    const answer = await acceptImageUrl(`https://pictures.test:${port}/`, { web });
    assert.match(answer.outcome === "refused" ? answer.reason : "", /no connection in 100 ms/);
  });

  it("ends when the server turns to another protocol or says nothing and leaves", async (t) => {
    const upgrade: RequestListener = (_, reply) => {
      reply.socket?.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n");
    };
    assert.equal(await codeAt(t, upgrade), "image_url.no_connection");
    assert.equal(await codeAt(t, (_, reply) => reply.destroy()), "image_url.no_connection");
  });

  it("ends with the caller's own reason when the caller aborts", async (t) => {
    const server = await httpsServer(t, () => undefined);
    const abort = new AbortController();
    const fetching = acceptImageUrl(server.url("/"), { web: localRules(server), signal: abort.signal });
    const reason = new Error("the client went away");
    setImmediate(() => abort.abort(reason));
    await assert.rejects(fetching, reason);
  });

  it("refuses more headers than a picture needs", async (t) => {
    const code = await codeAt(t, (_, reply) => send(reply, Buffer.alloc(1), { "x-long": "x".repeat(20_000) }));
    assert.equal(code, "image_url.no_connection");
  });

  it("speaks plain http only where the operator allows it", async (t) => {
    const png = await picture("png");
    const server = await httpServer(t, (_, reply) => send(reply, png));
    const closed = await acceptImageUrl(server.url("/"), { web: localRules(server) });
    assert.equal(closed.outcome === "refused" && closed.code, "image_url.not_https");
    const open = await acceptImageUrl(server.url("/"), { web: localRules(server, { allowHttp: true }) });
    assert.equal(open.outcome, "accepted");
  });
});

describe("posting to a webhook", () => {
  it("sends body and headers and gives the status, whatever it is", async (t) => {
    let got = "";
    const server = await httpsServer(t, async (request, reply) => {
      for await (const part of request) got += part;
      got += request.headers["webhook-id"];
      reply.writeHead(request.url === "/gone" ? 410 : 204).end();
    });
    const options = { ...localRules(server), headers: { "webhook-id": "1" }, body: '{"a":1}' };
    assert.deepEqual(await safePost(server.url("/"), options), { status: 204 });
    assert.deepEqual(await safePost(server.url("/gone"), options), { status: 410 });
    assert.equal(got, '{"a":1}1{"a":1}1');
  });

  it("follows no redirect and reads no endless reply", async (t) => {
    const server = await httpsServer(t, (request, reply) => {
      if (request.url === "/moved") return redirect(reply, "/elsewhere");
      reply.writeHead(200);
      const timer = setInterval(() => reply.write("x"), 1);
      reply.on("close", () => clearInterval(timer));
    });
    const options = { ...localRules(server), headers: {}, body: "{}" };
    assert.deepEqual(await safePost(server.url("/moved"), options), { status: 302 });
    assert.deepEqual(await safePost(server.url("/endless"), options), { status: 200 });
    assert.equal(server.hosts.length, 2);
  });
});
