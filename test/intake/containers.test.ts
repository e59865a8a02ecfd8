import assert from "node:assert/strict";
import { mkdir, rename, symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ByteWriter, parquetWrite } from "hyparquet-writer";
import { planSlices } from "../../functions/intake/parquet-rows.ts";
import { arraySegments, lineSegments } from "../../functions/intake/segments.ts";
import { lines, picture, readAll, temporaryFolder, writeFiles } from "./support.ts";

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function parsed(segments: AsyncIterable<{ kind: string; bytes?: Uint8Array }>): Promise<unknown[]> {
  const values: unknown[] = [];
  for await (const { bytes } of segments) {
    const text = Buffer.from(bytes ?? [])
      .toString("utf8")
      .trim();
    if (text !== "") values.push(JSON.parse(text));
  }
  return values;
}

describe("a file of JSON rows", () => {
  it("gives the same rows however it is cut into chunks, as lines and as one array, indented or not", async () => {
    const property = fc.asyncProperty(
      fc.array(fc.json(), { maxLength: 8 }),
      fc.integer({ min: 1, max: 40 }),
      async (texts, size) => {
        const values: unknown[] = texts.map((text) => ({ value: JSON.parse(text) }));
        const asLines = Buffer.from(lines(values));
        const asArrays = [JSON.stringify(values), JSON.stringify(values, null, 2)].map((text) =>
          Buffer.from(` ${text}\n`),
        );
        assert.deepEqual(await parsed(lineSegments(inPieces(asLines, size))), JSON.parse(JSON.stringify(values)));
        for (const array of asArrays) {
          assert.deepEqual(await parsed(arraySegments(inPieces(array, size))), JSON.parse(JSON.stringify(values)));
        }
      },
    );
    await fc.assert(property, { numRuns: 100 });
  });

  it("passes over a row that is too long without holding it", async () => {
    const text = Buffer.from(`"short"\n"${"x".repeat(5000)}"\n"after"\n`);
    const kinds: unknown[] = [];
    for await (const segment of lineSegments(inPieces(text, 100), 1000)) kinds.push([segment.line, segment.kind]);
    assert.deepEqual(kinds.slice(0, 3), [
      [1, "text"],
      [2, "too_long"],
      [3, "text"],
    ]);
  });
});

describe("an RLAIF-V input file", () => {
  const nested = { question: "b?", metainfos: { image_path: "./examples/imgs/b.jpg", reference: "Tower" } };
  const rows = [
    { question: "a?", image_path: "./examples/imgs/a.jpg", ds_question_id: "one", metainfos: { reference: "" } },
    nested,
  ];

  it("is read from JSON Lines and from one array inside a .jsonl, whatever its folder is called", async (t) => {
    const folder = await temporaryFolder(t);
    const images = { "x/imgs/a.jpg": await picture("jpeg"), "x/imgs/b.jpg": await picture("jpeg", 2) };
    await writeFiles(folder, { "x/lines.jsonl": lines(rows), "x/array.jsonl": `  ${JSON.stringify(rows)}`, ...images });
    const asLines = await readAll({ path: join(folder, "x/lines.jsonl") });
    const asArray = await readAll({ path: join(folder, "x/array.jsonl") });
    assert.deepEqual(asLines.bad, []);
    assert.deepEqual(asArray.samples, asLines.samples);
    assert.deepEqual(
      asLines.samples.map(({ reference }) => reference),
      [undefined, "Tower"],
    );
    assert.equal(asLines.samples[0]!.metadata["ds_question_id"], "one");
    assert.equal(asLines.samples[1]!.image.path, "./examples/imgs/b.jpg");
    await rename(join(folder, "x"), join(folder, "examples"));
    assert.deepEqual((await readAll({ path: join(folder, "examples/lines.jsonl") })).samples, asLines.samples);
  });

  it("is reported where the array was cut, after its whole elements", async (t) => {
    const folder = await temporaryFolder(t);
    const cut = JSON.stringify(rows).slice(0, -5);
    const path = await writeFiles(folder, { "m.json": cut, "imgs/a.jpg": await picture("jpeg") });
    const { samples, bad } = await readAll({ path });
    assert.equal(samples.length, 1);
    assert.deepEqual(
      bad.map(({ line, code }) => [line, code]),
      [[2, "unclosed_array"]],
    );
  });
});

describe("a folder of images", () => {
  it("becomes one sample per image in path order, with foreign image types reported and other files passed over", async (t) => {
    const folder = await temporaryFolder(t);
    await writeFiles(folder, {
      "b.JPG": await picture("jpeg"),
      "a.png": await picture("png"),
      "sub/c.webp": await picture("webp"),
      "notes.txt": "x",
      ".hidden.jpg": "x",
      "d.gif": "GIF89a",
    });
    const { samples, bad } = await readAll({ path: folder, question: "What do you see?" });
    assert.deepEqual(
      samples.map(({ image }) => image.path),
      ["a.png", "b.JPG", "sub/c.webp"],
    );
    assert.deepEqual(
      bad.map(({ code, value }) => [code, value]),
      [["unknown_image_format", "d.gif"]],
    );
  });
});

describe("a parquet file", () => {
  const element = (name: string, more: object) => ({ name, repetition_type: "OPTIONAL" as const, ...more });
  const text = (name: string) => element(name, { type: "BYTE_ARRAY", converted_type: "UTF8" });

  it("is read with images as structs of bytes and path, and as plain binary", async (t) => {
    const folder = await temporaryFolder(t);
    const images = await Promise.all([1, 2, 3].map((seed) => picture("png", seed)));
    const question = { name: "question", data: ["a", 'b\n"c"', "🪁"] };
    const rank = { name: "rank", data: [1n, 2n, 3n] };
    const columns = { question: text("question"), rank: element("rank", { type: "INT64" }) };
    const asStruct = new ByteWriter();
    await parquetWrite({
      writer: asStruct,
      rowGroupSize: 2,
      schema: [
        { name: "root", num_children: 3 },
        element("image", { num_children: 2 }),
        element("bytes", { type: "BYTE_ARRAY" }),
        text("path"),
        columns.question,
        columns.rank,
      ],
      columnData: [
        { name: "image", data: images.map((bytes, index) => ({ bytes, path: `${index}.png` })) },
        question,
        rank,
      ],
    });
    const asBinary = new ByteWriter();
    await parquetWrite({
      writer: asBinary,
      schema: [
        { name: "root", num_children: 3 },
        element("image", { type: "BYTE_ARRAY" }),
        columns.question,
        columns.rank,
      ],
      columnData: [{ name: "image", data: images }, question, rank],
    });
    await writeFiles(folder, { "struct.parquet": asStruct.getBytes(), "binary.parquet": asBinary.getBytes() });
    const struct = await readAll({ path: join(folder, "struct.parquet") });
    const binary = await readAll({ path: join(folder, "binary.parquet") });
    assert.deepEqual([struct.bad, binary.bad], [[], []]);
    assert.deepEqual(
      struct.samples.map(({ question: asked }) => asked),
      question.data,
    );
    assert.deepEqual(
      struct.samples.map(({ image }) => image.path),
      ["0.png", "1.png", "2.png"],
    );
    assert.deepEqual(
      struct.samples.map(({ metadata }) => metadata),
      [{ rank: 1 }, { rank: 2 }, { rank: 3 }],
    );
    assert.deepEqual(
      binary.samples.map(({ sampleId }) => sampleId),
      struct.samples.map(({ sampleId }) => sampleId),
    );
    assert.deepEqual(Buffer.from(binary.bytesOf.get(binary.samples[2]!.image.sha256)!), images[2]);
  });

  it("is read in slices of bounded size that cover every row once", () => {
    const metadata = {
      row_groups: [
        { num_rows: 10n, total_byte_size: 1000n },
        { num_rows: 3n, total_byte_size: 1n },
      ],
    };
    const slices = planSlices(metadata as unknown as Parameters<typeof planSlices>[0], 400);
    assert.deepEqual(slices, [
      { start: 0, end: 4 },
      { start: 4, end: 8 },
      { start: 8, end: 10 },
      { start: 10, end: 13 },
    ]);
  });
});

describe("image paths", () => {
  it("may leave the manifest's folder only below a root that was given", async (t) => {
    const folder = await temporaryFolder(t);
    const path = await writeFiles(folder, {
      "lists/m.jsonl": lines([
        { image: "../imgs/a.jpg", question: "1" },
        { image: "imgs/a.jpg", question: "2" },
      ]),
      "imgs/a.jpg": await picture("jpeg"),
    });
    assert.deepEqual(
      (await readAll({ path })).bad.map(({ code }) => code),
      ["image_outside_folder", "image_not_found"],
    );
    assert.deepEqual((await readAll({ path }, { root: folder })).bad, []);
  });

  it("may be absolute or links on one's own machine, and neither when the manifest is a stranger's", async (t) => {
    const folder = await temporaryFolder(t);
    const secret = await writeFiles(folder, { "secret/a.jpg": await picture("jpeg") });
    await mkdir(join(folder, "m"));
    await symlink(secret, join(folder, "m/link.jpg"));
    const path = await writeFiles(folder, {
      "m/m.jsonl": lines([
        { image: secret, question: "1" },
        { image: "link.jpg", question: "2" },
      ]),
    });
    assert.deepEqual((await readAll({ path })).bad, []);
    const { samples, bad } = await readAll({ path }, { confined: true });
    assert.equal(samples.length, 0);
    assert.deepEqual(
      bad.map(({ code }) => code),
      ["image_outside_folder", "image_outside_folder"],
    );
  });
});
