import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { DuckDBBlobValue, DuckDBInstance } from "@duckdb/node-api";
import { memoryBlobStore } from "../../functions/adapters/memory/blob-store.ts";
import { readManifest } from "../../functions/intake/manifest.ts";
import { contentKey } from "../../shared/ports/blob-store.ts";
import type { Pair } from "../../shared/schemas/pair.ts";
import { readAll, temporaryFolder } from "../intake/support.ts";
import { exportTo, type Made, makePairs, side } from "./support.ts";

/** Rows as DuckDB, a second implementation, reads them. */
async function query(sql: string): Promise<Record<string, unknown>[]> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    return (await connection.runAndReadAll(sql)).getRowObjects() as Record<string, unknown>[];
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

function bytesOf(value: unknown): Buffer {
  assert.ok(value instanceof DuckDBBlobValue);
  return Buffer.from(value.bytes);
}

async function assertSameRows(folder: string, { pairs, blobs }: Made): Promise<void> {
  const rows = await query(
    `SELECT *, image.bytes AS image_bytes, image.path AS image_name FROM '${folder}/data/*.parquet' ORDER BY idx`,
  );
  const expected = [...pairs].sort((a, b) => (a.pairId < b.pairId ? -1 : 1));
  assert.equal(rows.length, expected.length);
  for (const [index, row] of rows.entries()) {
    const pair = expected[index]!;
    assert.deepEqual(bytesOf(row["image_bytes"]), Buffer.from((await blobs.read(contentKey(pair.image.sha256)))!));
    assert.deepEqual(
      [row["question"], row["chosen"], row["rejected"]],
      [pair.question, pair.chosen.text, pair.rejected.text],
    );
    assert.deepEqual([row["idx"], row["image_path"], row["ds_name"]], [pair.pairId, pair.image.path, "demo"]);
    assert.equal(JSON.parse(row["origin_split"] as string).round, pair.round);
  }
}

describe("the parquet export", () => {
  it("has RLAIF-V-Dataset's columns, and DuckDB reads equal texts and byte-equal images", async (t) => {
    const folder = await temporaryFolder(t);
    const made = await makePairs(230);
    await exportTo(folder, "parquet", made);
    await assertSameRows(folder, made);
    const columns = await query(`DESCRIBE SELECT * FROM '${folder}/data/*.parquet'`);
    assert.deepEqual(
      columns.map(({ column_name, column_type }) => [column_name, column_type]),
      [
        ["ds_name", "VARCHAR"],
        ["image", "STRUCT(bytes BLOB, path VARCHAR)"],
        ["question", "VARCHAR"],
        ["chosen", "VARCHAR"],
        ["rejected", "VARCHAR"],
        ["origin_dataset", "VARCHAR"],
        ["origin_split", "VARCHAR"],
        ["idx", "VARCHAR"],
        ["image_path", "VARCHAR"],
      ],
    );
  });

  it("names the round's model and the kind of question in origin_split", async (t) => {
    const folder = await temporaryFolder(t);
    await exportTo(folder, "parquet", await makePairs(4));
    const rows = await query(`SELECT origin_split FROM '${folder}/data/*.parquet' ORDER BY idx`);
    assert.deepEqual(
      rows.map(({ origin_split: text }) => JSON.parse(text as string)),
      [
        { model: "base|model", type: "unspecified", round: 1, score_gap: 1 },
        { model: "demo-r1", type: "unspecified", round: 2, score_gap: 2 },
        { model: "base|model", type: "question_answering", round: 1, score_gap: 1 },
        { model: "demo-r1", type: "question_answering", round: 2, score_gap: 2 },
      ],
    );
  });

  it("closes a file at its size limit, numbers the files, and keeps row groups at 100 rows", async (t) => {
    const folder = await temporaryFolder(t);
    const made = await makePairs(450);
    const { files } = await exportTo(folder, "parquet", made, 2_000_000);
    const data = files.map(({ path }) => path).filter((path) => path.endsWith(".parquet"));
    assert.ok(data.length > 1);
    assert.deepEqual(
      data,
      data.map((_, index) => `data/train-0000${index}-of-0000${data.length}.parquet`),
    );
    assert.ok(files.every(({ bytes }) => bytes < 2_100_000));
    await assertSameRows(folder, made);
    const groups = await query(
      `SELECT DISTINCT file_name, row_group_id, row_group_num_rows AS rows FROM parquet_metadata('${folder}/data/*.parquet')`,
    );
    assert.ok(groups.every(({ rows }) => Number(rows) <= 100));
  });

  it("tells Hugging Face that the column is an image", async (t) => {
    const folder = await temporaryFolder(t);
    await exportTo(folder, "parquet", await makePairs(1));
    const [entry] = await query(
      `SELECT decode(key) AS key, decode(value) AS value FROM parquet_kv_metadata('${folder}/data/*.parquet')`,
    );
    assert.equal(entry!["key"], "huggingface");
    assert.deepEqual(JSON.parse(entry!["value"] as string).info.features.image, { _type: "Image" });
  });

  it("replaces lone surrogates, which UTF-8 cannot hold, and counts the texts", async (t) => {
    const folder = await temporaryFolder(t);
    const { pairs, blobs } = await makePairs(2);
    const broken: Pair = { ...pairs[0]!, chosen: side("cut \ud83e", 0) };
    const { replacedTexts } = await exportTo(folder, "parquet", { pairs: [broken, pairs[1]!], blobs });
    assert.equal(replacedTexts, 1);
    const [row] = await query(`SELECT chosen FROM '${folder}/data/*.parquet' ORDER BY idx`);
    assert.equal(row!["chosen"], "cut \ufffd");
  });

  it("writes an empty dataset that has all columns and no rows", async (t) => {
    const folder = await temporaryFolder(t);
    const { files } = await exportTo(folder, "parquet", await makePairs(0));
    assert.deepEqual(
      files.map(({ path }) => path),
      ["README.md", "data/train-00000-of-00001.parquet"],
    );
    assert.equal(
      (await query(`SELECT count(*) AS n, any_value(image.bytes) FROM '${folder}/data/*.parquet'`))[0]!["n"],
      0n,
    );
  });
});

describe("the TRL export", () => {
  it("has a list of images and conversational prompt, chosen and rejected", async (t) => {
    const folder = await temporaryFolder(t);
    const { pairs, blobs } = await makePairs(150);
    await exportTo(folder, "trl", { pairs, blobs });
    const rows = await query(
      `SELECT images[1].bytes AS bytes, len(images) AS n, to_json(prompt) AS prompt, to_json(chosen) AS chosen, to_json(rejected) AS rejected FROM '${folder}/data/*.parquet'`,
    );
    assert.equal(rows.length, 150);
    for (const [index, row] of rows.entries()) {
      const pair = pairs[index]!;
      assert.equal(row["n"], 1n);
      assert.deepEqual(bytesOf(row["bytes"]), Buffer.from((await blobs.read(contentKey(pair.image.sha256)))!));
      const content = [
        { type: "image", text: null },
        { type: "text", text: pair.question },
      ];
      assert.deepEqual(JSON.parse(row["prompt"] as string), [{ role: "user", content }]);
      assert.deepEqual(JSON.parse(row["chosen"] as string), [
        { role: "assistant", content: [{ type: "text", text: pair.chosen.text }] },
      ]);
      assert.deepEqual(JSON.parse(row["rejected"] as string)[0].content[0].text, pair.rejected.text);
    }
  });
});

const examples = join(import.meta.dirname, "../../../shared/data/rlaifv-examples/detail_test_30_input.jsonl");
const absent = existsSync(examples) ? false : `RLAIF-V's example photographs are not at ${examples}`;

describe("real photographs", { skip: absent }, () => {
  it("go from manifest to parquet and back byte for byte, under the same sample ids", async (t) => {
    const folder = await temporaryFolder(t);
    const blobs = memoryBlobStore();
    const pairs: Pair[] = [];
    for await (const row of readManifest({ path: examples }, { blobs })) {
      assert.equal(row.outcome, "sample");
      const { sampleId, image, question, metadata } = row.sample;
      const { sha256, path } = image;
      pairs.push({
        pairId: `pair_${sampleId}`,
        sampleId,
        round: 1,
        image: { sha256, path },
        question,
        chosen: side("a", 0),
        rejected: side("b", -1),
        metadata,
      });
    }
    await exportTo(folder, "parquet", { pairs, blobs });
    await assertSameRows(folder, { pairs, blobs });
    const again = await readAll({ path: join(folder, "data/train-00000-of-00001.parquet") });
    assert.deepEqual(again.bad, []);
    assert.deepEqual(
      again.samples.map(({ sampleId }) => sampleId),
      pairs.map(({ sampleId }) => sampleId),
    );
  });
});
