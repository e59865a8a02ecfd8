/** What every BlobStore promises. Run over each adapter: `blobStoreContract("folder", openSomewhere)`. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import fc from "fast-check";
import { type BlobStore, contentKey } from "../../shared/ports/blob-store.ts";
import { allOf } from "../support/all-of.ts";

/** Opens an empty store; `remove` takes away what it left. */
export type OpenBlobs = () => Promise<{ blobs: BlobStore; remove?: () => PromiseLike<void> }>;

/** `broken`: promises that the server behind the adapter is known to break, by title, with the reason (docs/emulators.md). */
export function blobStoreContract(name: string, open: OpenBlobs, broken: Readonly<Record<string, string>> = {}): void {
  const unseen = new Set(Object.keys(broken));
  const promise = (title: string, keeps: () => Promise<void>) => {
    unseen.delete(title);
    test(title, { skip: broken[title] ?? false }, keeps);
  };
  const within = (work: (blobs: BlobStore) => Promise<void>) => async () => {
    const { blobs, remove } = await open();
    try {
      await work(blobs);
    } finally {
      await remove?.();
    }
  };

  describe(`the ${name} blob store keeps its promises`, () => {
    promise(
      "gives back text, bytes and streams as they were written",
      within(async (blobs) => {
        assert.deepEqual(await blobs.write("a/text.txt", "Grüße 画像 🙂\n"), { bytes: 20 });
        assert.deepEqual(await blobs.write("a/bytes.bin", Uint8Array.of(0, 255, 10, 13)), { bytes: 4 });
        assert.deepEqual(await blobs.write("a/stream", streamOf("ein ", Uint8Array.of(9), "🙂", "")), { bytes: 9 });
        assert.deepEqual(await blobs.write("empty", ""), { bytes: 0 });
        assert.equal(await textOf(blobs, "a/text.txt"), "Grüße 画像 🙂\n");
        assert.deepEqual(await blobs.read("a/bytes.bin"), Uint8Array.of(0, 255, 10, 13));
        assert.equal(await textOf(blobs, "a/stream"), "ein \t🙂");
        assert.deepEqual(await blobs.read("empty"), new Uint8Array());
      }),
    );

    promise(
      "has nothing under keys that were never written, and under folders",
      within(async (blobs) => {
        await blobs.write("a/b", "x");
        assert.equal(await blobs.read("nothing"), undefined);
        assert.equal(await blobs.read("a"), undefined);
        assert.equal(await blobs.read("a/b/c", { offset: 0, length: 1 }), undefined);
        await assert.rejects(allOf(blobs.stream("nothing")), /"nothing" does not exist/);
      }),
    );

    promise(
      "reads ranges; past the end it gives what is there",
      within(async (blobs) => {
        await blobs.write("digits", "0123456789");
        const range = async (offset: number, length: number) => textOf(blobs, "digits", { offset, length });
        assert.equal(await range(0, 10), "0123456789");
        assert.equal(await range(3, 4), "3456");
        assert.equal(await range(8, 100), "89");
        assert.equal(await range(10, 5), "");
        assert.equal(await range(500, 5), "");
        assert.equal(await range(4, 0), "");
        assert.equal(await blobs.read("nothing", { offset: 0, length: 1 }), undefined);
        await assert.rejects(blobs.read("digits", { offset: -1, length: 1 }), /offset is -1/);
        await assert.rejects(blobs.read("digits", { offset: 0, length: 1.5 }), /length is 1.5/);
      }),
    );

    promise(
      "replaces a blob whole: a reader sees the old bytes or the new ones",
      within(async (blobs) => {
        const versions = ["a", "b", "c", "d"].map((letter, i) => letter.repeat(300_000 + i));
        await blobs.write("k", versions[0] as string);
        const writing = (async () => {
          for (let i = 1; i < 12; i++) await blobs.write("k", streamOf(versions[i % 4] as string));
        })();
        for (let i = 0; i < 30; i++) assert.ok(versions.includes(await textOf(blobs, "k")), "a whole version");
        await writing;
        assert.equal(await textOf(blobs, "k"), versions[11 % 4]);
      }),
    );

    promise(
      "keeps the old bytes, or none, when a stream breaks off",
      within(async (blobs) => {
        async function* broken() {
          yield "new";
          throw new Error("cable cut");
        }
        await blobs.write("old", "old");
        await assert.rejects(blobs.write("old", broken()), /cable cut/);
        await assert.rejects(blobs.write("fresh", broken()), /cable cut/);
        assert.equal(await textOf(blobs, "old"), "old");
        assert.equal(await blobs.read("fresh"), undefined);
        assert.deepEqual(await keysOf(blobs, ""), ["old"]);
      }),
    );

    promise(
      "writes and streams twenty megabytes, and gives any part of them",
      within(async (blobs) => {
        const piece = Buffer.alloc(1_000_003, "0123456789abcdef");
        const whole = createHash("sha256");
        async function* pieces() {
          for (let i = 0; i < 20; i++) {
            whole.update(piece);
            yield piece;
          }
        }
        assert.deepEqual(await blobs.write("big", pieces()), { bytes: 20 * piece.length });
        const read = createHash("sha256");
        for await (const chunk of blobs.stream("big")) read.update(chunk);
        assert.equal(read.digest("hex"), whole.digest("hex"));
        assert.equal(await textOf(blobs, "big", { offset: 10 * piece.length, length: 4 }), "0123");
      }),
    );

    promise(
      "stops a stream that is left early, and the blob stays usable",
      within(async (blobs) => {
        await blobs.write("big", "x".repeat(3_000_000));
        for await (const chunk of blobs.stream("big")) {
          assert.ok(chunk.length > 0);
          break;
        }
        await blobs.write("big", "small");
        assert.equal(await textOf(blobs, "big"), "small");
      }),
    );

    promise(
      "stores content under its hash, once",
      within(async (blobs) => {
        const bytes = Buffer.from("the same bytes");
        const hashes = await Promise.all(Array.from({ length: 20 }, () => blobs.writeContent(bytes)));
        const expected = createHash("sha256").update(bytes).digest("hex");
        assert.deepEqual(new Set(hashes), new Set([expected]));
        assert.equal(await textOf(blobs, contentKey(expected)), "the same bytes");
        assert.deepEqual(await keysOf(blobs, "blobs/"), [contentKey(expected)]);
      }),
    );

    promise(
      "lists keys with a prefix in ascending order",
      within(async (blobs) => {
        const keys = ["a/b/c", "a-b", "a.b", "a/b.c", "a0", "ab/x", "A", "b", "a/b/.hidden", "a/b/d/e", "_"];
        for (const key of keys) await blobs.write(key, key);
        assert.deepEqual(await keysOf(blobs, ""), [...keys].sort());
        for (const prefix of ["a", "a/", "a/b", "a/b/", "a/b/d/e", "ab/x", "nothing", "nothing/", "b/"]) {
          assert.deepEqual(await keysOf(blobs, prefix), keys.filter((key) => key.startsWith(prefix)).sort(), prefix);
        }
      }),
    );

    promise(
      "refuses keys that would leave the store or that other stores could not hold",
      within(async (blobs) => {
        const bad = [
          "",
          "/",
          "/etc/passwd",
          "../x",
          "a/../b",
          "a/..",
          ".",
          "./a",
          "a//b",
          "a/",
          "a b",
          "ä",
          "a\\b",
          "a\0",
          "~tmp/x",
          "a:b",
          "x".repeat(256),
          "ab/".repeat(320),
        ];
        for (const key of bad) {
          const refused = { name: "RangeError", message: /^blob key ".*": .*; use a relative path/s };
          await assert.rejects(blobs.write(key, "x"), refused, key);
          await assert.rejects(blobs.read(key), refused, key);
          await assert.rejects(allOf(blobs.stream(key)), refused, key);
          await assert.rejects(blobs.url(key, 60), refused, key);
        }
        for (const prefix of ["..", "../", "/", "a/../"])
          await assert.rejects(keysOf(blobs, prefix), RangeError, prefix);
        assert.deepEqual(await keysOf(blobs, ""), []);
      }),
    );

    promise(
      "refuses a key that would make a blob a folder, whichever comes first",
      within(async (blobs) => {
        await blobs.write("file", "x");
        await blobs.write("deep/down/file", "x");
        await assert.rejects(blobs.write("file/below", "y"), /"file\/below": clashes/);
        await assert.rejects(blobs.write("deep/down", "y"), /"deep\/down": clashes/);
        assert.deepEqual(await keysOf(blobs, ""), ["deep/down/file", "file"]);
      }),
    );

    promise(
      "gives a URL that can be read",
      within(async (blobs) => {
        await blobs.write("page.html", "<p>");
        const url = new URL(await blobs.url("page.html", 60));
        assert.match(url.protocol, /^(file|data|https?):$/);
        await assert.rejects(blobs.url("nothing", 60), /"nothing" does not exist/);
      }),
    );

    promise(
      "does not mix up concurrent writes",
      within(async (blobs) => {
        const keys = Array.from({ length: 300 }, (_, i) => `many/${i % 7}/${i}`);
        await Promise.all(keys.map((key) => blobs.write(key, streamOf(key, "\n", key))));
        assert.deepEqual(await keysOf(blobs, "many/"), [...keys].sort());
        for (const key of keys) assert.equal(await textOf(blobs, key), `${key}\n${key}`);
      }),
    );

    promise(
      "ends with one of the bodies when many write the same key",
      within(async (blobs) => {
        const bodies = Array.from({ length: 30 }, (_, i) => `${i}`.repeat(5000));
        await Promise.all(
          bodies.map(async (body, i) => {
            await pause(i % 3);
            await blobs.write("contested", streamOf(body));
          }),
        );
        assert.ok(bodies.includes(await textOf(blobs, "contested")));
        assert.deepEqual(await keysOf(blobs, ""), ["contested"]);
      }),
    );

    promise("behaves like a map from keys to bytes", async () => {
      const key = fc.constantFrom("a", "b/c", "b/d", "b/c.d", "e-f/g");
      const step = fc.record({ key, body: fc.uint8Array({ maxLength: 50 }), offset: fc.nat(60), length: fc.nat(60) });
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 10 }), async (steps) => {
          await within(async (blobs) => {
            const model = new Map<string, Uint8Array>();
            for (const { key, body, offset, length } of steps) {
              assert.deepEqual(
                await blobs.read(key, { offset, length }),
                model.get(key)?.slice(offset, offset + length),
              );
              await blobs.write(key, body);
              model.set(key, body);
            }
            assert.deepEqual(await keysOf(blobs, ""), [...model.keys()].sort());
            for (const [key, bytes] of model) assert.deepEqual(await blobs.read(key), Uint8Array.from(bytes));
          })();
        }),
        { numRuns: 25 },
      );
    });
  });
  assert.deepEqual([...unseen], [], "only promises of this list can be broken");
}

async function* streamOf(...pieces: readonly (string | Uint8Array)[]) {
  yield* pieces;
}

async function textOf(blobs: BlobStore, key: string, range?: Parameters<BlobStore["read"]>[1]): Promise<string> {
  const bytes = await blobs.read(key, range);
  assert.ok(bytes, `${key} is there`);
  return Buffer.from(bytes).toString();
}

function keysOf(blobs: BlobStore, prefix: string): Promise<string[]> {
  return allOf(blobs.list(prefix));
}
