import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { describe, it } from "node:test";
import { readAll } from "./support.ts";

const examples = join(import.meta.dirname, "../../../shared/data/rlaifv-examples");
const absent = existsSync(examples) ? false : `RLAIF-V's example photographs are not at ${examples}`;

describe("RLAIF-V's own example photographs", { skip: absent }, () => {
  it("thirty with questions are all taken, their bytes unchanged", async () => {
    const { samples, bad } = await readAll({ path: join(examples, "detail_test_30_input.jsonl") });
    assert.deepEqual(bad, []);
    assert.equal(samples.length, 30);
    assert.equal(samples.filter(({ reference }) => reference !== undefined).length, 9);
    for (const { image } of samples) {
      const bytes = await readFile(join(examples, "data_gen_example_imgs/imgs_detail", basename(image.path)));
      assert.equal(createHash("sha256").update(bytes).digest("hex"), image.sha256);
    }
  });

  it("thirty without questions are taken as a folder with one question", async () => {
    const folder = join(examples, "data_gen_example_imgs/imgs_qa");
    const { samples, bad } = await readAll({ path: folder, question: "What is the main object in this picture?" });
    assert.deepEqual(bad, []);
    assert.equal(new Set(samples.map(({ sampleId }) => sampleId)).size, 30);
  });
});
