import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ManifestRejected, manifestDigest } from "../../functions/intake/manifest.ts";
import { ManifestError } from "../../functions/intake/raw-row.ts";
import { Submitted } from "../../shared/schemas/sample.ts";
import { lines, picture, readAll, temporaryFolder, writeFiles } from "./support.ts";

describe("a JSONL manifest", () => {
  it("becomes samples with the original bytes stored and everything else kept as metadata", async (t) => {
    const folder = await temporaryFolder(t);
    const jpeg = await picture("jpeg");
    const row = { image: "a.jpg", question: "What is it?", reference: "A kite", source: { set: "mine" }, weight: 2 };
    const path = await writeFiles(folder, { "m.jsonl": lines([row]), "a.jpg": jpeg });
    const { samples, bad, bytesOf } = await readAll({ path });
    assert.deepEqual(bad, []);
    const [sample] = samples;
    assert.deepEqual(Submitted.parse(sample), sample);
    assert.equal(sample!.reference, "A kite");
    assert.deepEqual(sample!.metadata, { source: { set: "mine" }, weight: 2 });
    assert.deepEqual({ ...sample!.image, sha256: "" }, { sha256: "", path: "a.jpg", width: 64, height: 64 });
    assert.deepEqual(Buffer.from(bytesOf.get(sample!.image.sha256)!), jpeg);
  });

  it("takes JPEG, PNG and WebP by path, base64 and data URL, and tells the same image by its bytes", async (t) => {
    const folder = await temporaryFolder(t);
    const [jpeg, png, webp] = await Promise.all([picture("jpeg"), picture("png"), picture("webp")]);
    const rows = [
      { image: "sub/a.png", question: "1" },
      { image: jpeg.toString("base64"), question: "2" },
      { image: `data:image/webp;base64,${webp.toString("base64")}`, question: "3" },
      { image: `data:image/png;name=x;base64,${png.toString("base64")}`, question: "4", image_path: "known.png" },
    ];
    const path = await writeFiles(folder, { "m.jsonl": lines(rows), "sub/a.png": png });
    const { samples, bad } = await readAll({ path });
    assert.deepEqual(bad, []);
    assert.equal(samples[0]!.image.sha256, samples[3]!.image.sha256);
    assert.match(samples[1]!.image.path, /^[0-9a-f]{64}\.jpg$/);
    assert.match(samples[2]!.image.path, /^[0-9a-f]{64}\.webp$/);
    assert.equal(samples[3]!.image.path, "known.png");
  });

  it("reports width and height as a viewer sees them, after the EXIF orientation", async (t) => {
    const folder = await temporaryFolder(t);
    const { default: sharp } = await import("sharp");
    const turned = await sharp(await picture("jpeg"))
      .resize(60, 20)
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer();
    const path = await writeFiles(folder, { "m.jsonl": lines([{ image: "a.jpg", question: "?" }]), "a.jpg": turned });
    const { samples } = await readAll({ path });
    assert.deepEqual([samples[0]!.image.width, samples[0]!.image.height], [20, 60]);
  });

  it("reports every kind of bad row with line, field, reason and way out while the others go on", async (t) => {
    const folder = await temporaryFolder(t);
    const [jpeg, other] = await Promise.all([picture("jpeg"), picture("jpeg", 2)]);
    const gif = Buffer.from("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7", "base64");
    const rows: [unknown, string, string][] = [
      [{ image: "a.jpg", question: "good", id: 7 }, "", ""],
      ["{ not json", "not_json", "row"],
      ['"a text"', "not_an_object", "row"],
      [{ question: "no image" }, "missing_image", "image"],
      [{ image: "gone.jpg", question: "?" }, "image_not_found", "image"],
      [{ image: "cut.jpg", question: "?" }, "broken_image", "image"],
      [{ image: "a.gif", question: "?" }, "unknown_image_format", "image"],
      [{ image: "empty.jpg", question: "?" }, "unknown_image_format", "image"],
      [{ image: "a.jpg" }, "missing_question", "question"],
      [{ image: "a.jpg", question: "  " }, "empty_question", "question"],
      [{ image: "a.jpg", question: 3 }, "wrong_type", "question"],
      [{ image: 3, question: "?" }, "wrong_type", "image"],
      [{ image: "a.jpg", question: "?", id: {} }, "wrong_type", "id"],
      [{ image: "a.jpg", question: "other", id: "7" }, "duplicate_id", "id"],
      [{ image: "b.jpg", question: "twice" }, "", ""],
      [{ image: "b.jpg", question: "twice" }, "duplicate_question", "question"],
      [{ image: "b.jpg", question: "twice", id: "again" }, "", ""],
      [{ image: "../a.jpg", question: "?" }, "image_outside_folder", "image"],
      [{ image: "https://example.org/a.jpg", question: "?" }, "image_is_a_url", "image"],
      [{ image: "data:image/png,abc", question: "?" }, "unknown_encoding", "image"],
      [{ image: `data:image/png;base64,${"*".repeat(50)}`, question: "?" }, "unknown_encoding", "image"],
      [{ image: "A".repeat(5001), question: "?" }, "unknown_encoding", "image"],
      [{ image: "sub", question: "a folder" }, "image_not_found", "image"],
      [{ image_path: "gone.jpg", question: "?" }, "image_not_found", "image_path"],
    ];
    const files = {
      "a.jpg": jpeg,
      "b.jpg": other,
      "cut.jpg": jpeg.subarray(0, 1500),
      "a.gif": gif,
      "empty.jpg": "",
      "sub/x.txt": "",
    };
    const path = await writeFiles(folder, { "m.jsonl": lines(rows.map(([row]) => row)), ...files });
    const { samples, bad } = await readAll({ path });
    const expected = rows.flatMap(([, code, field], index) => (code === "" ? [] : [{ line: index + 1, code, field }]));
    assert.deepEqual(
      bad.map(({ line, code, field }) => ({ line, code, field })),
      expected,
    );
    assert.equal(samples.length, 3);
    assert.ok(bad.every(({ reason, fix, value }) => reason !== "" && fix !== "" && value.length < 120));
  });

  it("stores an image once however many rows ask about it, and stores nothing of bad rows", async (t) => {
    const folder = await temporaryFolder(t);
    const rows = Array.from({ length: 9 }, (_, index) => ({ image: `${index % 2}.jpg`, question: `q${index}` }));
    const files = { "0.jpg": await picture("jpeg"), "1.jpg": "no image" };
    const path = await writeFiles(folder, { "m.jsonl": lines(rows), ...files });
    const stored: Uint8Array[] = [];
    const blobs = { writeContent: async (bytes: Uint8Array) => `${stored.push(bytes)}` };
    const { samples, bad } = await readAll({ path }, { blobs, concurrency: 1 });
    assert.deepEqual([samples.length, bad.length, stored.length], [5, 4, 1]);
  });

  it("finds a JPEG that was cut anywhere after its header", async (t) => {
    const folder = await temporaryFolder(t);
    const jpeg = await picture("jpeg", 5, 128);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 20, max: jpeg.length - 2 }), async (length) => {
        const path = await writeFiles(folder, {
          "m.jsonl": lines([{ image: "a.jpg", question: "?" }]),
          "a.jpg": jpeg.subarray(0, length),
        });
        const { bad } = await readAll({ path });
        assert.equal(bad[0]?.code, "broken_image");
      }),
      { numRuns: 25 },
    );
  });

  it("survives lines that are not UTF-8, a byte order mark, carriage returns and a missing last line end", async (t) => {
    const folder = await temporaryFolder(t);
    const good = JSON.stringify({ image: "a.jpg", question: "zwölf 🪁" });
    const bytes = Buffer.concat([
      Buffer.from(`\uFEFF${good}\r\n\r\n`),
      Buffer.from([0xff, 0xfe, 0x0a]),
      Buffer.from('{"image":"a.jpg","question":"last"}'),
    ]);
    const path = await writeFiles(folder, { "m.jsonl": bytes, "a.jpg": await picture("jpeg") });
    const { samples, bad } = await readAll({ path });
    assert.deepEqual(
      samples.map(({ question }) => question),
      ["zwölf 🪁", "last"],
    );
    assert.deepEqual(
      bad.map(({ line, code }) => [line, code]),
      [[3, "not_utf8"]],
    );
  });

  it("keeps hostile questions exactly, lone surrogates included", async (t) => {
    const folder = await temporaryFolder(t);
    const questions = ['"quoted"', "two\nlines", "🪁‍👩", "\ud800 alone", "a\u2028b", "</script>", "'; DROP TABLE"];
    const path = await writeFiles(folder, {
      "m.jsonl": lines(questions.map((question) => ({ image: "a.jpg", question }))),
      "a.jpg": await picture("jpeg"),
    });
    const { samples } = await readAll({ path });
    assert.deepEqual(
      samples.map(({ question }) => question),
      questions,
    );
  });
});

describe("strict reading", () => {
  it("stores and yields nothing when one row is bad, and lists the bad rows", async (t) => {
    const folder = await temporaryFolder(t);
    const rows = [
      { image: "a.jpg", question: "?" },
      { image: "gone.jpg", question: "?" },
    ];
    const path = await writeFiles(folder, { "m.jsonl": lines(rows), "a.jpg": await picture("jpeg") });
    const stored: Uint8Array[] = [];
    const blobs = { writeContent: async (bytes: Uint8Array) => `${stored.push(bytes)}` };
    await assert.rejects(readAll({ path }, { strict: true, blobs }), (error: ManifestRejected) => {
      assert.ok(error instanceof ManifestRejected);
      assert.deepEqual([error.count, error.badRows[0]?.line], [1, 2]);
      assert.match(error.message, /line 2, image: no such file/);
      return true;
    });
    assert.equal(stored.length, 0);
  });
});

describe("sample ids", () => {
  it("derive from image, question and id, and never from the place or the spelling of the path", async (t) => {
    const folder = await temporaryFolder(t);
    const jpeg = await picture("jpeg");
    const rows = [
      { image: "a.jpg", question: "?" },
      { image: "a.jpg", question: "?", id: "x" },
    ];
    const path = await writeFiles(folder, { "m.jsonl": lines(rows), "a.jpg": jpeg });
    const again = await writeFiles(folder, {
      "n.jsonl": lines([
        { question: "?", id: "x", image: jpeg.toString("base64") },
        { image: "./a.jpg", question: "?" },
      ]),
    });
    const [first, second] = [(await readAll({ path })).samples, (await readAll({ path: again })).samples];
    assert.deepEqual(
      first.map(({ sampleId }) => sampleId),
      second.map(({ sampleId }) => sampleId).reverse(),
    );
    assert.notEqual(
      manifestDigest(first.map(({ sampleId }) => sampleId)),
      manifestDigest(second.map(({ sampleId }) => sampleId)),
    );
    assert.equal(manifestDigest([]).length, 64);
  });

  it("do not depend on how many rows are worked on at once", async (t) => {
    const folder = await temporaryFolder(t);
    const files = Object.fromEntries(
      await Promise.all([1, 2, 3].map(async (seed) => [`${seed}.png`, await picture("png", seed)] as const)),
    );
    const rows = Array.from({ length: 30 }, (_, index) => ({
      image: `${(index % 3) + 1}.png`,
      question: `q${index % 20}`,
    }));
    const path = await writeFiles(folder, { "m.jsonl": lines(rows), ...files });
    const [one, many] = [await readAll({ path }, { concurrency: 1 }), await readAll({ path }, { concurrency: 16 })];
    assert.deepEqual([one.samples, one.bad], [many.samples, many.bad]);
  });
});

describe("a manifest that cannot be opened", () => {
  it("is refused with what to do", async (t) => {
    const folder = await temporaryFolder(t);
    const utf16 = await writeFiles(folder, { "m.jsonl": Buffer.from("\uFEFF{}", "utf16le") });
    await assert.rejects(readAll({ path: `${folder}/none.jsonl` }), ManifestError);
    await assert.rejects(readAll({ path: folder }), /set data.question/);
    await assert.rejects(readAll({ path: utf16 }), /UTF-16/);
    const cut = await writeFiles(folder, { "m.parquet": "PAR1 and then nothing" });
    await assert.rejects(readAll({ path: cut }), /no readable parquet file/);
  });
});
