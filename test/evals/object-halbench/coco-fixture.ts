/** A COCO-format data set made of words: images with known objects, their annotations, and captions about them. */

import { CLASS_WORDS } from "../../../shared/evaluation/object-halbench/classes.ts";
import { randomFrom } from "../../../shared/random.ts";

export const CLASSES = CLASS_WORDS.map(([name]) => name!);

/** COCO's ids have gaps; any do. */
export const categoryIdOf = (name: string): number => CLASSES.indexOf(name) + 1 + Math.floor(CLASSES.indexOf(name) / 9);

/** Words for a class that captions use, beside its name. */
const COMMON: Record<string, string[]> = {
  person: ["man", "woman", "child", "skateboarder", "lady"],
  couch: ["sofa"],
  "dining table": ["table", "coffee table"],
  airplane: ["plane", "passenger jet"],
  dog: ["puppy", "beagle"],
  cat: ["kitten"],
  bird: ["seagull", "duck"],
  elephant: ["baby elephant"],
  bear: ["adult bear"],
  tv: ["television"],
  "cell phone": ["phone", "smartphone"],
  refrigerator: ["fridge"],
  boat: ["sailboat"],
  train: ["passenger train", "locomotive"],
  motorcycle: ["motorbike"],
  donut: ["doughnut"],
  toilet: ["toilet seat"],
  tie: ["bow tie"],
  handbag: ["purse"],
};

const IRREGULAR: Record<string, string> = {
  person: "people",
  man: "men",
  woman: "women",
  child: "children",
  lady: "ladies",
  puppy: "puppies",
  sheep: "sheep",
  mouse: "mice",
  knife: "knives",
  scissors: "scissors",
  skis: "skis",
  broccoli: "broccoli",
  luggage: "luggage",
};

const plural = (phrase: string): string => {
  const words = phrase.split(" ");
  const last = words.at(-1)!;
  const many = IRREGULAR[last] ?? (/(?:s|x|ch|sh)$/.test(last) ? `${last}es` : `${last}s`);
  return [...words.slice(0, -1), many].join(" ");
};

const ADJECTIVES = ["small", "large", "old", "bright", "red", "blue", "wooden", "shiny", "young", "dirty"];
const COUNTS = ["two", "three", "several", "a few", "many"];
/** Phrases that hold a class's word and name no class, or none but the one that is said. */
const DISTRACTORS = [
  "the train tracks",
  "an orange shirt",
  "the home plate",
  "a car door handle",
  "the kitchen counter",
  "a bear statue",
  "a bus route map",
  "green grass",
  "a long shadow",
  "the evening sky",
];

/** Caption frames; {a}, {b}, {c} are things, {d} is a distractor. */
const FRAMES = [
  "There is {a} next to {b}, and {c} stands behind {d}.",
  "The picture shows {a} and {b} near {d}.\nIn the background we can see {c}.",
  "{a} with {b} in front of {d}.",
  "In this photo, {a} can be seen beside {d}. To the left there is {b}. {c} is visible further away.",
  "The image features {a}, {b}, and {c} close to {d}.",
  "On the right side of {d}, there is {a}. It is placed near {b}, while {c} is in the middle.",
];

export type FixtureImage = {
  id: number;
  classes: string[];
  captions: string[];
  captionClasses: string[][];
  annotated: string[];
};

/** Every class is in some image; each caption's classes are known because it is written from them. */
export function fixtureImages(count: number, seed = 7): FixtureImage[] {
  const random = randomFrom(seed);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
  const thing = (name: string): string => {
    const word = random() < 0.5 ? name : pick([name, ...(COMMON[name] ?? [])]);
    const adjective = random() < 0.4 ? `${pick(ADJECTIVES)} ` : "";
    if (random() < 0.4) return `${pick(COUNTS)} ${adjective}${plural(word)}`;
    const article = /^[aeiou]/.test(adjective + word) && !/^(?:un)/.test(adjective + word) ? "an" : "a";
    return `${article} ${adjective}${word}`;
  };
  return Array.from({ length: count }, (_, at) => {
    const classes = [...new Set([CLASSES[at % 80]!, pick(CLASSES), pick(CLASSES), pick(CLASSES)])];
    const written = Array.from({ length: 5 }, () => {
      const frame = pick(FRAMES);
      const slots = frame.match(/\{[abc]\}/g)!;
      const named = slots.map(() => pick(classes));
      let text = frame.replace("{d}", pick(DISTRACTORS));
      for (const [place, slot] of slots.entries()) text = text.replace(slot, thing(named[place]!));
      return { text: text[0]!.toUpperCase() + text.slice(1), named: [...new Set(named)].sort() };
    });
    return {
      id: 1000 + 37 * at,
      classes,
      annotated: classes.filter(() => random() < 0.8),
      captions: written.map(({ text }) => text),
      captionClasses: written.map(({ named }) => named),
    };
  });
}

/** The texts of an instances file and a captions file, records in shuffled order, fields as COCO has them. */
export function cocoFiles(images: readonly FixtureImage[], outlinePoints = 8): { instances: string; captions: string } {
  const outline = Array.from({ length: outlinePoints }, (_, at) => 100.5 + at);
  const info = { description: "made for a test", url: 'https://example.org/{"[', version: "1.0", year: 2026 };
  const annotations = images.flatMap(({ id, annotated }) =>
    annotated.map((name) => ({
      segmentation: [outline],
      area: 12.5,
      iscrowd: 0,
      image_id: id,
      bbox: [1, 2, 3, 4],
      category_id: categoryIdOf(name),
      id: id * 100 + categoryIdOf(name),
    })),
  );
  const captions = images.flatMap((image) =>
    image.captions.map((caption, at) => ({ image_id: image.id, id: image.id * 10 + at, caption })),
  );
  const listed = images.map(({ id }) => ({ license: 1, file_name: `${id}.jpg`, id }));
  const categories = CLASSES.map((name) => ({ supercategory: "thing", id: categoryIdOf(name), name }));
  return {
    instances: JSON.stringify({ info, images: listed, licenses: [], annotations: annotations.reverse(), categories }),
    captions: JSON.stringify({ info, images: listed, licenses: [], annotations: captions.reverse() }),
  };
}
