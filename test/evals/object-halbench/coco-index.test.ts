import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { findCocoFiles, openCocoIndex } from "../../../functions/evals/object-halbench/coco-index.ts";
import { cocoFiles, fixtureImages } from "./coco-fixture.ts";

let folder: string;
const images = fixtureImages(240);
const half = images.length / 2;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "coco-index-"));
  await writeCoco(join(folder, "annotations"));
});
after(() => rm(folder, { recursive: true }));

async function writeCoco(into: string): Promise<void> {
  await mkdir(into, { recursive: true });
  for (const [split, part] of [
    ["train", images.slice(0, half)],
    ["val", images.slice(half)],
  ] as const) {
    const { instances, captions } = cocoFiles(part);
    await writeFile(join(into, `instances_${split}2014.json`), instances);
    await writeFile(join(into, `captions_${split}2014.json`), captions);
  }
}

/** The same by JSON.parse, image by image. */
async function plainly(path: string) {
  const evidence = new Map(images.map(({ id }) => [id, { categories: [] as string[], captions: [] as string[] }]));
  for (const split of ["train", "val"]) {
    const instances = JSON.parse(await readFile(join(path, `instances_${split}2014.json`), "utf8"));
    const names = new Map<number, string>(
      instances.categories.map((one: { id: number; name: string }) => [one.id, one.name]),
    );
    for (const { image_id, category_id } of instances.annotations)
      evidence.get(image_id)!.categories.push(names.get(category_id)!);
    const captions = JSON.parse(await readFile(join(path, `captions_${split}2014.json`), "utf8"));
    for (const { image_id, caption } of captions.annotations) evidence.get(image_id)!.captions.push(caption);
  }
  return [...evidence].map(([id, { categories, captions }]) => [id, [...new Set(categories)].sort(), captions]);
}

test("the index knows of every image what JSON.parse finds, and is made once", async () => {
  const files = await findCocoFiles(join(folder, "annotations"));
  const index = await openCocoIndex(files, join(folder, "cache"));
  const found = await index.evidence([...images.map(({ id }) => id), 5]);
  assert.deepEqual(
    [...found].map(([id, { categories, captions }]) => [id, [...categories].sort(), captions]),
    await plainly(join(folder, "annotations")),
  );
  const again = await openCocoIndex(files, join(folder, "cache"));
  assert.deepEqual([index.built, again.built, again.images], [true, false, images.length]);
  assert.deepEqual(await again.evidence([images[3]!.id]), new Map([[images[3]!.id, found.get(images[3]!.id)]]));
});

test("changed annotation files get an index of their own, a damaged index is made anew", async () => {
  const own = join(folder, "changed");
  await writeCoco(own);
  const files = await findCocoFiles(own);
  const first = await openCocoIndex(files, join(folder, "own-cache"));
  await truncate(first.path, 2000);
  assert.equal((await openCocoIndex(files, join(folder, "own-cache"))).built, true);
  await writeFile(files.captions[1]!, cocoFiles(images.slice(0, 3)).captions);
  assert.notEqual((await openCocoIndex(files, join(folder, "own-cache"))).path, first.path);
});

test("a missing file is named, with where to get it", async () => {
  const own = join(folder, "missing");
  await writeCoco(own);
  await rm(join(own, "captions_val2014.json"));
  await assert.rejects(findCocoFiles(own), /has no captions_val2014\.json/);
});

const SOUND =
  '{"info": {}, "annotations": [{"image_id": 1, "category_id": 2}], "categories": [{"id": 2, "name": "car"}]}';
const DAMAGED: [string, string, RegExp][] = [
  ["cut off", SOUND.slice(0, 50), /instances\.json is damaged at byte 50: the file ends early/],
  ["no JSON", "<html>", /damaged at byte 0: a COCO annotation file begins with \{/],
  ["empty", "", /damaged at byte 0: the file ends early/],
  ["a comma missing", SOUND.replace("], ", "] "), /damaged at byte \d+: expected a comma/],
  ["a zero byte", SOUND.replace('"image_id": 1', '"image_id": \0'), /damaged at byte \d+: a zero byte/],
  ["text behind the end", `${SOUND} x`, /something stands behind the end/],
  ["a captions file", cocoFiles(images.slice(0, 1)).captions, /annotations, record 1: category_id: it is missing/],
  ["no categories", '{"annotations": []}', /is not an instances file of COCO: it has no list categories/],
  ["a text for an id", SOUND.replace('"image_id": 1', '"image_id": "1"'), /record 1: image_id: "1" is no whole number/],
  ["a huge category", SOUND.replace('"category_id": 2', '"category_id": 200'), /category_id: 200 is larger than 127/],
];

for (const [name, text, message] of DAMAGED) {
  test(`damaged annotations are told with file and place, and leave no index: ${name}`, async () => {
    const own = await mkdtemp(join(folder, "damaged-"));
    const instances = join(own, "instances.json");
    const captions = join(own, "captions.json");
    await writeFile(instances, text);
    await writeFile(captions, '{"annotations": []}');
    await assert.rejects(openCocoIndex({ instances: [instances], captions: [captions] }, join(own, "cache")), message);
    assert.deepEqual(await readdir(join(own, "cache")), []);
  });
}
