import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request } from "node:http";
import { after, before, test } from "node:test";
import { openS3Client } from "../../../functions/adapters/s3/client.ts";
import { presignUpload } from "../../../functions/adapters/s3/presign.ts";
import { allOf } from "../../support/all-of.ts";

const CREDENTIALS = { accessKeyId: "AKID", secretAccessKey: "secret" };
const sha256 = (body: string | Buffer) => createHash("sha256").update(body);
const hmac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();
const encoded = (text: string) =>
  encodeURIComponent(text).replace(/[*'()!]/g, (c) => `%${c.charCodeAt(0).toString(16)}`);

/** AWS Signature Version 4 of a presigned request, computed from what really arrived. */
function signatureOf(method: string, url: URL, headers: IncomingHttpHeaders): string {
  const query = [...url.searchParams].filter(([name]) => name !== "X-Amz-Signature");
  const canonicalQuery = query.map(([name, value]) => `${encoded(name)}=${encoded(value)}`).sort();
  const signed = url.searchParams.get("X-Amz-SignedHeaders")!;
  const lines = signed.split(";").map((name) => `${name}:${headers[name] ?? ""}\n`);
  const canonical = [method, url.pathname, canonicalQuery.join("&"), lines.join(""), signed, "UNSIGNED-PAYLOAD"];
  const [, date, region, service, last] = url.searchParams.get("X-Amz-Credential")!.split("/") as [
    string,
    string,
    string,
    string,
    string,
  ];
  const scope = [date, region, service, last].join("/");
  const toSign = [
    "AWS4-HMAC-SHA256",
    url.searchParams.get("X-Amz-Date"),
    scope,
    sha256(canonical.join("\n")).digest("hex"),
  ];
  const key = [region, service, last].reduce<string | Buffer>(hmac, hmac(`AWS4${CREDENTIALS.secretAccessKey}`, date));
  return hmac(key, toSign.join("\n")).toString("hex");
}

/** What S3 does with a presigned PUT: signature over the named headers, then the checksum, then the condition. */
const taken = new Set<string>();
async function judge(asked: IncomingMessage): Promise<number> {
  const url = new URL(asked.url!, `http://${asked.headers.host}`);
  const body = Buffer.concat(await allOf(asked as AsyncIterable<Buffer>));
  if (signatureOf(asked.method!, url, asked.headers) !== url.searchParams.get("X-Amz-Signature")) return 403;
  if (asked.headers["x-amz-checksum-sha256"] !== sha256(body).digest("base64")) return 400;
  if (asked.headers["if-none-match"] === "*" && taken.has(url.pathname)) return 412;
  taken.add(url.pathname);
  return 200;
}

const server = createServer(async (asked, reply) => {
  reply.writeHead(await judge(asked)).end();
});
let endpoint = "";
before(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  endpoint = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
});
after(() => server.close());

const place = () => ({
  client: openS3Client({ region: "eu-central-1", endpoint, credentials: CREDENTIALS }),
  bucket: "b",
});
const BODY = "twelve bytes";
const upload = (key: string) => ({ key, bytes: BODY.length, sha256: sha256(BODY).digest("hex"), seconds: 60 });

async function put(url: string, headers: Record<string, string>, body: string): Promise<number> {
  const asked = request(url, { method: "PUT", headers });
  asked.end(body);
  const [answer] = (await once(asked, "response")) as [IncomingMessage];
  answer.resume();
  return answer.statusCode!;
}

test("an upload URL takes exactly the bytes it was made for, once", async () => {
  const { url, headers } = await presignUpload(place(), upload("in/a.jsonl"));
  const checksum = sha256("other bytes!").digest("base64");
  assert.deepEqual(
    {
      otherBytes: await put(url, headers, "other bytes!"),
      otherBytesAndTheirHash: await put(url, { ...headers, "x-amz-checksum-sha256": checksum }, "other bytes!"),
      otherLength: await put(url, { ...headers, "content-length": "3" }, "abc"),
      noHash: await put(url, { "content-length": "12", "if-none-match": "*" }, BODY),
      noCondition: await put(url, { ...headers, "if-none-match": "" }, BODY),
      otherKey: await put(url.replace("a.jsonl", "b.jsonl"), headers, BODY),
      asAgreed: await put(url, headers, BODY),
      again: await put(url, headers, BODY),
    },
    {
      otherBytes: 400,
      otherBytesAndTheirHash: 403,
      otherLength: 403,
      noHash: 403,
      noCondition: 403,
      otherKey: 403,
      asAgreed: 200,
      again: 412,
    },
  );
});

test("the URL names its headers and its end, and holds no checksum that S3 would pass over", async () => {
  const { url, headers } = await presignUpload(place(), upload("in/c"));
  const { searchParams } = new URL(url);
  assert.equal(searchParams.get("X-Amz-SignedHeaders"), "content-length;host;if-none-match;x-amz-checksum-sha256");
  assert.equal(searchParams.get("X-Amz-Expires"), "60");
  assert.deepEqual(
    [...searchParams.keys()].filter((name) => /checksum/i.test(name)),
    [],
  );
  assert.deepEqual(Object.keys(headers), ["content-length", "if-none-match", "x-amz-checksum-sha256"]);
});

test("lengths, hashes, keys and times that no URL can hold are refused with the way out", async () => {
  const refused = (change: object, message: RegExp) =>
    assert.rejects(presignUpload(place(), { ...upload("a"), ...change }), { name: "RangeError", message });
  await refused({ bytes: 5 * 1024 ** 3 + 1 }, /bytes is 5368709121: .*several objects/);
  await refused({ bytes: -1 }, /bytes is -1/);
  await refused({ sha256: "AB" }, /sha256 is "AB": .*64 lower-case hex digits/);
  await refused({ key: "../a" }, /blob key/);
  await refused({ seconds: 604_801 }, /seconds is 604801: a URL lives 1 to 604800 seconds/);
  await refused({ seconds: 0.5 }, /seconds is 0.5/);
});
