import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { describe, it } from "node:test";
import sharp from "sharp";
import { acceptImage } from "../../functions/intake/accept-image.ts";
import { readAll } from "./support.ts";

const examples = join(import.meta.dirname, "../../../shared/data/rlaifv-examples");
const absent = existsSync(examples) ? false : `RLAIF-V's example photographs are not at ${examples}`;

/** Of the thirty photographs of detail_test_30; the others carry EXIF, XMP or IPTC. */
const CLEAN = 28;
const pixels = (bytes: Uint8Array) => sharp(bytes).raw().toBuffer();

describe("RLAIF-V's own example photographs", { skip: absent }, () => {
  it("thirty with questions are all taken as the same pixels, their bytes unchanged where nothing but the picture is in them", async () => {
    const { samples, bad, bytesOf } = await readAll({ path: join(examples, "detail_test_30_input.jsonl") });
    assert.deepEqual(bad, []);
    assert.equal(samples.length, 30);
    assert.equal(samples.filter(({ reference }) => reference !== undefined).length, 9);
    let unchanged = 0;
    for (const { image } of samples) {
      const given = await readFile(join(examples, "data_gen_example_imgs/imgs_detail", basename(image.path)));
      const stored = Buffer.from(bytesOf.get(image.sha256)!);
      assert.ok((await pixels(stored)).equals(await pixels(given)), image.path);
      const accepted = await acceptImage(given);
      assert.equal(accepted.outcome === "accepted" && accepted.changed.length === 0, stored.equals(given), image.path);
      unchanged += stored.equals(given) ? 1 : 0;
      assert.doesNotMatch(stored.toString("latin1"), /Exif|<x:xmpmeta|Photoshop 3\.0/);
    }
    assert.equal(unchanged, CLEAN);
  });

  it("thirty without questions are taken as a folder with one question", async () => {
    const folder = join(examples, "data_gen_example_imgs/imgs_qa");
    const { samples, bad } = await readAll({ path: folder, question: "What is the main object in this picture?" });
    assert.deepEqual(bad, []);
    assert.equal(new Set(samples.map(({ sampleId }) => sampleId)).size, 30);
  });
});
