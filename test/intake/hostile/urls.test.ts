import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { acceptImageUrl } from "../../../functions/intake/image-url.ts";
import { checkWebhookUrl, safePost } from "../../../functions/intake/safe-fetch.ts";
import { unsafeAddress } from "../../../functions/intake/web-address.ts";

/** A resolver for tests: nobody may be asked in earnest, and no connection may be tried. */
function resolver(addresses: Record<string, readonly string[]>) {
  return async (host: string) => addresses[host] ?? Promise.reject(new Error("ENOTFOUND"));
}

const NAMES = {
  "public.test": ["93.184.215.14"],
  "private.test": ["10.0.0.7"],
  "mixed.test": ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "192.168.1.1"],
  "mixed6.test": ["93.184.215.14", "fd12::1"],
  "mapped.test": ["::ffff:169.254.169.254"],
  "empty.test": [],
  "odd.test": ["not an address"],
  localhost: ["127.0.0.1", "::1"],
  "metadata.google.internal": ["169.254.169.254"],
};

/** Every URL and the code of its refusal. */
const REFUSED: readonly (readonly [url: string, code: string])[] = [
  ["http://public.test/a.png", "not_https"],
  ["file:///etc/passwd", "not_https"],
  ["ftp://public.test/a.png", "not_https"],
  ["gopher://127.0.0.1:6379/_FLUSHALL", "not_https"],
  ["javascript:alert(1)", "not_https"],
  ["blob:https://public.test/1", "not_https"],
  ["a.png", "malformed"],
  ["//public.test/a.png", "malformed"],
  ["https:public.test/a.png", "malformed"],
  ["https:///public.test/a.png", "malformed"],
  ["https://", "malformed"],
  ["https://pub\nlic.test/", "malformed"],
  [" https://public.test/", "malformed"],
  ["https://public.test\\@127.0.0.1/", "malformed"],
  ["https://public.test/%00/../\u0000", "malformed"],
  ["https://[fe80::1%25eth0]/", "malformed"],
  ["https://256.256.256.256/", "malformed"],
  [`https://public.test/${"a".repeat(3000)}`, "malformed"],
  ["https://user:secret@public.test/", "credentials"],
  ["https://public.test@127.0.0.1/", "credentials"],
  ["https://@public.test/", "credentials"],
  ["https://public.test:22/", "port"],
  ["https://public.test:8443/", "port"],
  ["https://public.test:80/", "port"],
  // One address, 127.0.0.1 or 169.254.169.254, in forms that URL parsers take for it.
  ["https://2130706433/", "odd_host"],
  ["https://0x7f000001/", "odd_host"],
  ["https://0x7f.0.0.1/", "odd_host"],
  ["https://0177.0.0.1/", "odd_host"],
  ["https://127.1/", "odd_host"],
  ["https://0/", "odd_host"],
  ["https://127.0.0.1./", "odd_host"],
  ["https://2852039166/latest/meta-data/", "odd_host"],
  ["https://0xa9fea9fe/", "odd_host"],
  ["https://%31%32%37.0.0.1/", "odd_host"],
  ["https://１２７.0.0.1/", "odd_host"],
  ["https://①②⑦.0.0.1/", "odd_host"],
  ["https://127。0。0。1/", "odd_host"],
  ["https://localhost./", "odd_host"],
  ["https://134744072/", "odd_host"], // 8.8.8.8: public, but nobody writes it so in good faith
  ["https://127.0.0.1/", "private_address"],
  ["https://127.255.255.254/", "private_address"],
  ["https://0.0.0.0/", "private_address"],
  ["https://10.1.2.3/", "private_address"],
  ["https://172.16.0.1/", "private_address"],
  ["https://172.31.255.255/", "private_address"],
  ["https://192.168.0.1/", "private_address"],
  ["https://169.254.169.254/latest/meta-data/iam/", "private_address"],
  ["https://100.64.0.1/", "private_address"],
  ["https://100.100.100.200/", "private_address"], // Alibaba's metadata
  ["https://168.63.129.16/", "private_address"], // Azure's
  ["https://192.0.0.192/", "private_address"], // Oracle's
  ["https://192.0.2.1/", "private_address"],
  ["https://192.88.99.1/", "private_address"],
  ["https://198.18.0.1/", "private_address"],
  ["https://198.51.100.1/", "private_address"],
  ["https://203.0.113.1/", "private_address"],
  ["https://224.0.0.1/", "private_address"],
  ["https://240.0.0.1/", "private_address"],
  ["https://255.255.255.255/", "private_address"],
  ["https://[::]/", "private_address"],
  ["https://[::1]/", "private_address"],
  ["https://[0:0:0:0:0:0:0:1]/", "private_address"],
  ["https://[::127.0.0.1]/", "private_address"], // IPv4-compatible, long abolished
  ["https://[::ffff:127.0.0.1]/", "private_address"],
  ["https://[::ffff:7f00:1]/", "private_address"],
  ["https://[::ffff:8.8.8.8]/", "private_address"],
  ["https://[::ffff:0:127.0.0.1]/", "private_address"],
  ["https://[64:ff9b::7f00:1]/", "private_address"],
  ["https://[64:ff9b::169.254.169.254]/", "private_address"],
  ["https://[64:ff9b:1::a00:1]/", "private_address"],
  ["https://[2002:7f00:1::]/", "private_address"],
  ["https://[2002:a9fe:a9fe::1]/", "private_address"],
  ["https://[2001:0:4136:e378:8000:63bf:80ff:fffe]/", "private_address"],
  ["https://[fe80::1]/", "private_address"],
  ["https://[fec0::1]/", "private_address"],
  ["https://[fc00::1]/", "private_address"],
  ["https://[fd00:ec2::254]/", "private_address"], // Amazon's metadata
  ["https://[fd20:ce::254]/", "private_address"], // Google's
  ["https://[ff02::1]/", "private_address"],
  ["https://[2001:db8::1]/", "private_address"],
  ["https://[3fff::1]/", "private_address"],
  ["https://[2001:2::1]/", "private_address"],
  ["https://[100::1]/", "private_address"],
  ["https://[5f00::1]/", "private_address"],
  ["https://[4000::1]/", "private_address"], // given to nobody
  ["https://localhost/", "private_address"],
  ["https://LOCALHOST/", "private_address"],
  ["https://metadata.google.internal/", "private_address"],
  ["https://private.test/", "private_address"],
  ["https://mixed.test/", "private_address"],
  ["https://mixed6.test/", "private_address"],
  ["https://mapped.test/", "private_address"],
  ["https://odd.test/", "private_address"],
  ["https://empty.test/", "unknown_host"],
  ["https://nowhere.test/", "unknown_host"],
  ["https://xn--mnchen-3ya.test/", "unknown_host"],
  ["https://münchen.test/", "unknown_host"],
];

describe("a URL that a stranger names", () => {
  for (const [url, code] of REFUSED) {
    it(`is refused as ${code}: ${JSON.stringify(url.slice(0, 60))}`, async () => {
      const answer = await acceptImageUrl(url, { web: { resolve: resolver(NAMES) } });
      assert.equal(answer.outcome === "refused" && answer.code, `image_url.${code}`);
      assert.ok(answer.outcome === "refused" && answer.reason !== "" && answer.fix !== "");
    });
  }

  it("is refused alike when it is a webhook's", async () => {
    const options = { headers: {}, body: "{}", resolve: resolver(NAMES) };
    await assert.rejects(safePost("https://169.254.169.254/", options), {
      code: "webhook_url.private_address",
      field: "webhook_url",
    });
    await assert.rejects(checkWebhookUrl("https://mixed.test/", options), { code: "webhook_url.private_address" });
    await checkWebhookUrl("https://public.test/", options);
    await assert.rejects(safePost("https://u:p@public.test/", options), {
      code: "webhook_url.credentials",
      value: "https://…@public.test/",
    });
  });

  it("does not learn which addresses its host has in this network", async () => {
    const answer = await acceptImageUrl("https://private.test/", { web: { resolve: resolver(NAMES) } });
    assert.ok(answer.outcome === "refused" && !answer.reason.includes("10.0.0.7"));
  });

  it("is not called at all where the network is closed", async () => {
    const answer = await acceptImageUrl("https://public.test/a.png", { web: false });
    assert.equal(answer.outcome === "refused" && answer.code, "image_is_a_url");
  });
});

describe("addresses", () => {
  it("of the public internet are called, in IPv4 and IPv6", () => {
    for (const address of [
      "8.8.8.8",
      "93.184.215.14",
      "100.63.255.255",
      "172.32.0.1",
      "2606:2800:21f::1",
      "2a00:1450::1",
    ]) {
      assert.equal(unsafeAddress(address), undefined, address);
    }
  });

  it("in no form of IPv6 that embeds IPv4 are called, whatever IPv4 it is", () => {
    const octet = fc.integer({ min: 0, max: 255 });
    fc.assert(
      fc.property(fc.tuple(octet, octet, octet, octet), (octets) => {
        const ipv4 = octets.join(".");
        for (const prefix of ["::", "::ffff:", "64:ff9b::"]) assert.ok(unsafeAddress(`${prefix}${ipv4}`), ipv4);
        const [a, b, c, d] = octets.map((value) => value.toString(16).padStart(2, "0"));
        for (const start of ["2002", "2001:0"]) assert.ok(unsafeAddress(`${start}:${a}${b}:${c}${d}::1`), ipv4);
      }),
    );
  });

  it("that an operator names are called, and only those", () => {
    const own = ["10.1.0.0/16", "fd12::/16"];
    assert.deepEqual(
      ["10.1.2.3", "10.2.0.1", "fd12::1", "fd13::1", "::ffff:10.1.2.3"].map(
        (text) => unsafeAddress(text, own) === undefined,
      ),
      [true, false, true, false, false],
    );
    assert.throws(() => unsafeAddress("10.1.2.3", ["10.1.0.0"]), /allowRanges: 10\.1\.0\.0 is no range/);
  });
});
