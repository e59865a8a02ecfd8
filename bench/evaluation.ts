/**
 * Object HalBench without a judge: 10,000 captions scored on one core, and the COCO index made from generated annotation
 * files against JSON.parse of the same files, each in a process of its own for its memory.
 */
import { spawnSync } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { openCocoIndex } from "../functions/evals/object-halbench/coco-index.ts";
import { winkTagger } from "../functions/evals/object-halbench/wink.ts";
import { evaluate } from "../shared/evaluation/evaluate.ts";
import { objectHalbench } from "../shared/evaluation/object-halbench/object-halbench.ts";
import { CLASSES, categoryIdOf, fixtureImages } from "../test/evals/object-halbench/coco-fixture.ts";

const CAPTIONS = 10_000;
const MEGABYTES = 200;
/** Makes an annotation about 750 bytes long (our choice, near those of COCO 2014). */
const OUTLINE_NUMBERS = 75;

const { values, positionals } = parseArgs({ options: { child: { type: "string" } }, allowPositionals: true });
if (values.child === undefined) {
  score();
  await index();
} else await child(values.child, positionals);

function score(): void {
  const tagger = winkTagger();
  const captions = fixtureImages(CAPTIONS / 5).flatMap(({ classes, captions: texts }, image) =>
    texts.map((text, at) => ({ itemId: `${image}-${at}`, image: String(image), classes, text })),
  );
  const items = captions.map(({ itemId, image, classes }) => ({
    itemId,
    image,
    question: "Describe the picture.",
    truth: { strict: classes, parity: classes },
  }));
  const started = performance.now();
  const { result } = evaluate(
    objectHalbench({ extraction: { by: "wink" }, tagger }),
    { items, answers: captions.map(({ itemId, text }) => ({ itemId, text })), calls: [] },
    {
      mode: "strict",
      confidence: 0.95,
      resamples: 1000,
      seed: 1,
      settings: {},
      answers: { source: "generated", model: null, revision: null },
    },
  );
  const seconds = (performance.now() - started) / 1000;
  console.log(`${CAPTIONS} captions (mean ${result.figures["words"]!.value?.toFixed(1)} words) scored by noun phrases`);
  console.log(`  ${seconds.toFixed(2)} s with 1000 resamples for every interval (target: < 5 s)`);
}

async function index(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "bench-coco-"));
  try {
    const instances = join(folder, "instances.json");
    const captions = join(folder, "captions.json");
    await writeAnnotations(instances, captions);
    const bytes = (await stat(instances)).size + (await stat(captions)).size;
    const ours = measured("index", instances, captions, join(folder, "cache"));
    const plain = measured("parse", instances, captions, "");
    const rate = bytes / 1e6 / ours.seconds;
    console.log(`COCO index of ${(bytes / 1e6).toFixed(0)} MB of annotations`);
    console.log(`  index: ${ours.seconds.toFixed(2)} s, ${rate.toFixed(0)} MB/s, peak memory ${ours.megabytes} MB`);
    console.log(`  JSON.parse alone: ${plain.seconds.toFixed(2)} s, peak memory ${plain.megabytes} MB`);
    console.log(
      `  ratio ${(plain.seconds / ours.seconds).toFixed(2)}; at this rate COCO's 1,000 MB take ${(1000 / rate).toFixed(0)} s`,
    );
  } finally {
    await rm(folder, { recursive: true });
  }
}

type Measured = { seconds: number; megabytes: number };

function measured(what: string, ...paths: string[]): Measured {
  const script = fileURLToPath(import.meta.url);
  const { stdout, stderr, status } = spawnSync(process.execPath, [script, "--child", what, ...paths], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`${what}: ${stderr}`);
  return JSON.parse(stdout) as Measured;
}

async function child(what: string, [instances, captions, cache]: string[]): Promise<void> {
  const started = performance.now();
  if (what === "index") await openCocoIndex({ instances: [instances!], captions: [captions!] }, cache!);
  else for (const path of [instances!, captions!]) JSON.parse(await readFile(path, "utf8"));
  const seconds = (performance.now() - started) / 1000;
  console.log(JSON.stringify({ seconds, megabytes: Math.round(process.resourceUsage().maxRSS / 1024) }));
}

/** Five captions and seven outlines an image, as COCO has; the order of the records is that of no list. */
async function writeAnnotations(instancesPath: string, captionsPath: string): Promise<void> {
  const outline = Array.from({ length: OUTLINE_NUMBERS }, (_, at) => (at * 37.13 + 0.01).toFixed(2)).join(", ");
  const perImage = 7 * (outline.length + 150) + 5 * 120;
  const images = Math.round((MEGABYTES * 1e6) / perImage);
  const texts = fixtureImages(400).flatMap(({ captions }) => captions);
  const instances = createWriteStream(instancesPath);
  const captions = createWriteStream(captionsPath);
  instances.write('{"info": {"year": 2014}, "images": [], "annotations": [');
  captions.write('{"info": {"year": 2014}, "images": [], "annotations": [');
  for (let at = 0; at < images; at++) {
    const id = 1 + ((at * 7919) % images);
    for (let nth = 0; nth < 7; nth++) {
      const category = categoryIdOf(CLASSES[(at + 11 * nth) % CLASSES.length]!);
      await write(
        instances,
        `${at + nth > 0 ? ", " : ""}{"segmentation": [[${outline}]], "area": 702.1, "iscrowd": 0, "image_id": ${id}, "bbox": [473.07, 395.93, 38.65, 28.67], "category_id": ${category}, "id": ${at * 7 + nth}}`,
      );
    }
    for (let nth = 0; nth < 5; nth++) {
      const caption = JSON.stringify(texts[(5 * at + nth) % texts.length]);
      await write(
        captions,
        `${at + nth > 0 ? ", " : ""}{"image_id": ${id}, "id": ${at * 5 + nth}, "caption": ${caption}}`,
      );
    }
  }
  const categories = CLASSES.map((name) => ({ supercategory: "thing", id: categoryIdOf(name), name }));
  instances.end(`], "categories": ${JSON.stringify(categories)}}`);
  captions.end("]}");
  await Promise.all([finished(instances), finished(captions)]);
}

function write(stream: ReturnType<typeof createWriteStream>, text: string): Promise<void> | undefined {
  return stream.write(text) ? undefined : new Promise((done) => stream.once("drain", done));
}
