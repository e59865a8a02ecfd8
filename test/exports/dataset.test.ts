import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { memoryBlobStore } from "../../functions/adapters/memory/blob-store.ts";
import { exportDataset } from "../../functions/exports/dataset.ts";
import { ExportError } from "../../functions/exports/survey.ts";
import { contentKey } from "../../shared/ports/blob-store.ts";
import { ExportFormat, ExportLineage } from "../../shared/schemas/lineage.ts";
import type { Pair } from "../../shared/schemas/pair.ts";
import { readAll, temporaryFolder } from "../intake/support.ts";
import { each, exportTo, lineage, makePairs, side } from "./support.ts";

async function all(keys: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = [];
  for await (const key of keys) found.push(key);
  return found;
}

async function jsonLines(path: string): Promise<Record<string, unknown>[]> {
  const text = await readFile(path, "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

describe("every export format", () => {
  for (const format of ExportFormat.options) {
    it(`${format}: is byte for byte the same when made again, and lineage.json has every file's true hash`, async (t) => {
      const folder = await temporaryFolder(t);
      const made = await makePairs(40);
      await exportTo(join(folder, "one"), format, made, 100_000);
      await exportTo(join(folder, "two"), format, made, 100_000);
      const bytes = await readFile(join(folder, "one/lineage.json"));
      assert.deepEqual(await readFile(join(folder, "two/lineage.json")), bytes);
      const written = ExportLineage.parse(JSON.parse(bytes.toString("utf8")));
      assert.deepEqual({ ...written, export: undefined }, { ...lineage, export: undefined });
      assert.deepEqual([written.export.pairs, written.export.images], [40, 3]);
      for (const { path, sha256, bytes: size } of written.export.files) {
        const content = await readFile(join(folder, "one", path));
        assert.deepEqual([content.length, createHash("sha256").update(content).digest("hex")], [size, sha256]);
      }
    });

    it(`${format}: read again as a manifest gives the same samples, one for all pairs of a sample`, async (t) => {
      const folder = await temporaryFolder(t);
      const { pairs, blobs } = await makePairs(24);
      const { files } = await exportTo(folder, format, { pairs, blobs });
      const data = files.find(({ path }) => path.endsWith(".parquet") || path === "pairs.jsonl")!;
      const { samples, bad } = await readAll({ path: join(folder, data.path) });
      assert.deepEqual(bad, []);
      assert.deepEqual(
        samples.map(({ sampleId }) => sampleId),
        [...new Set(pairs.map(({ sampleId }) => sampleId))],
      );
      assert.deepEqual(
        samples.map(({ question }) => question),
        pairs.filter((_, index) => index % 2 === 0).map(({ question }) => question),
      );
    });

    it(`${format}: takes an empty set of pairs`, async (t) => {
      const folder = await temporaryFolder(t);
      const made = await exportTo(folder, format, await makePairs(0));
      assert.equal(made.pairs, 0);
      assert.match(await readFile(join(folder, "README.md"), "utf8"), /\| pairs \| 0 \|/);
    });
  }

  it("writes nothing when an image is lost or damaged, and names the pair", async () => {
    const { pairs, blobs } = await makePairs(3);
    const store = memoryBlobStore();
    const input = { pairs: () => each(pairs), lineage, format: "jsonl", output: { store, prefix: "out" } } as const;
    await assert.rejects(exportDataset({ ...input, blobs: memoryBlobStore() }), /pair_000000.*not in the store/);
    await blobs.write(contentKey(pairs[2]!.image.sha256), "other bytes");
    await assert.rejects(
      exportDataset({ ...input, blobs }),
      (error) => error instanceof ExportError && /pair_000002.*changed/.test(error.message),
    );
    assert.deepEqual(await all(store.list("")), []);
  });

  it("writes below a prefix of any BlobStore", async () => {
    const { pairs, blobs } = await makePairs(2);
    const output = { store: blobs, prefix: "runs/a/rounds/1/datasets/trl" };
    await exportDataset({ pairs: () => each(pairs), blobs, lineage, format: "trl", output });
    const keys = await all(blobs.list("runs/"));
    const names = ["README.md", "data/train-00000-of-00001.parquet", "lineage.json"];
    assert.deepEqual(
      keys,
      names.map((name) => `${output.prefix}/${name}`),
    );
  });
});

describe("the jsonl export", () => {
  it("keeps pairs whole, lone surrogates and the user's metadata included, and copies images byte for byte", async (t) => {
    const folder = await temporaryFolder(t);
    const { pairs, blobs } = await makePairs(6);
    const broken: Pair = { ...pairs[0]!, question: "cut \ud83e", metadata: { mine: [1, { deep: "\n" }] } };
    await exportTo(folder, "jsonl", { pairs: [broken, ...pairs.slice(1)], blobs });
    const rows = await jsonLines(join(folder, "pairs.jsonl"));
    for (const [index, row] of rows.entries()) {
      const { file, ...image } = row["image"] as Pair["image"] & { file: string };
      assert.deepEqual({ ...row, image }, index === 0 ? broken : pairs[index]);
      assert.deepEqual(await readFile(join(folder, file)), Buffer.from((await blobs.read(contentKey(image.sha256)))!));
    }
    const { samples } = await readAll({ path: join(folder, "pairs.jsonl") });
    assert.deepEqual(
      [samples[0]!.question, samples[0]!.metadata, samples[0]!.image.path],
      [broken.question, broken.metadata, broken.image.path],
    );
  });
});

describe("the rlaifv export", () => {
  it("writes RLAIF-V's pair records", async (t) => {
    const folder = await temporaryFolder(t);
    const { pairs, blobs } = await makePairs(4);
    await exportTo(folder, "rlaifv", { pairs, blobs });
    const rows = await jsonLines(join(folder, "pairs.jsonl"));
    const pair = pairs[3]!;
    const file = `${pair.image.sha256}.png`;
    const infos = { facts: ["Claim 0.", "Claim 1."], changed_facts: ["Is it 0?", "Is it 1?"] };
    assert.deepEqual(rows[3], {
      image_id: file,
      image_path: `images/${file}`,
      ds_question_id: "ds-1",
      question: pair.question,
      chosen: pair.chosen.text,
      rejected: pair.rejected.text,
      org_infos: {
        ds_question_id: "ds-1",
        reference: "A tower",
        origin_file: "run-1/rounds/2/pairs.jsonl",
        chosen_infos: infos,
        rejected_infos: infos,
        scores: {
          chosen: {
            judge: { "Is it 0? Please answer yes or no.": "1", "Is it 1? Please answer yes or no.": "1" },
            score: "0",
          },
          rejected: {
            judge: { "Is it 0? Please answer yes or no.": "0", "Is it 1? Please answer yes or no.": "0" },
            score: "-2",
          },
        },
      },
    });
    assert.equal(rows[0]!["ds_question_id"], pairs[0]!.sampleId);
  });
});

describe("the dataset card", () => {
  it("has the head the Hub reads and the figures of the pairs", async (t) => {
    const folder = await temporaryFolder(t);
    const { pairs, blobs } = await makePairs(2);
    const texts: [string, string][] = [
      ["one two three", "one two three four"],
      ["a b", "a"],
    ];
    const counted = pairs.map((pair, index) => ({
      ...pair,
      chosen: side(texts[index]![0], 0),
      rejected: side(texts[index]![1], -2),
    }));
    await exportTo(folder, "parquet", { pairs: counted, blobs });
    const card = await readFile(join(folder, "README.md"), "utf8");
    assert.match(card, /^---\npretty_name: "demo"\n[\s\S]*path: data\/train-\*\n---\n/);
    assert.match(card, /words per chosen answer, mean \| 2\.50 \|/);
    assert.match(card, /words per rejected answer, mean \| 2\.50 \|/);
    assert.match(card, /chosen answer is the shorter one \| 50\.0 % \|/);
    assert.match(card, /score gap, mean \| 2\.00 \|/);
    assert.match(card, /\| policy \| base\\\|model \| embedded \| not told \|/);
  });
});
