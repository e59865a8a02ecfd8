import { pick, type Random, randomOf, shuffled } from "../random.ts";
import { OBJECTS, type ObjectName, THEME_NAMES, THEMES, type Theme } from "./objects.ts";

/** A thing in one cell of the 3x3 grid; cells are numbered in reading order, 0 at the top left. */
export type Placed = { object: ObjectName; cell: number };

/** `look` seeds what is left to chance in the picture: background, sizes, jitter, noise. */
export type Scene = { theme: Theme; objects: readonly Placed[]; look: string };

export const GRID = 3;
const CELLS = Array.from({ length: GRID * GRID }, (_, cell) => cell);

export const columnOf = (cell: number): number => cell % GRID;
export const rowOf = (cell: number): number => Math.floor(cell / GRID);

/** Which scenes a number is read from; scenes of different splits never share a seed. */
export type Split = "pretrain" | "train" | "tuning" | "report";

const FROM_THEME = 0.75; // docs/embedded.md: 75 % of the objects come from the scene's theme
const SEVERAL = 0.35; // our choice: the share of scenes where one object is there two or three times

function drawObjects(random: Random, theme: Theme, kinds: number): ObjectName[] {
  const drawn = new Set<ObjectName>();
  while (drawn.size < kinds) {
    const related = THEMES[theme].filter((object) => !drawn.has(object));
    drawn.add(random() < FROM_THEME && related.length > 0 ? pick<ObjectName>(random, related) : pick(random, OBJECTS));
  }
  return [...drawn];
}

/** A scene of three to five kinds of objects, one of them perhaps two or three times. */
export function drawScene(random: Random, look: string): Scene {
  const theme = pick(random, THEME_NAMES);
  const objects = drawObjects(random, theme, 3 + Math.floor(random() * 3));
  if (random() < SEVERAL) {
    const repeated = pick(random, objects);
    objects.push(repeated);
    if (random() < 1 / 3) objects.push(repeated);
  }
  const cells = shuffled(random, CELLS);
  return { theme, objects: objects.map((object, i) => ({ object, cell: cells[i]! })), look };
}

/** Scene number `index` of a split: always the same one. */
export function sceneAt(split: Split, seed: number, index: number): Scene {
  const name = `${split}/${seed}/${index}`;
  return drawScene(randomOf("scene", name), name);
}

/** How often each object is there; an object that is not there is not in the map. */
export function countObjects(scene: Pick<Scene, "objects">): Map<ObjectName, number> {
  const counts = new Map<ObjectName, number>();
  for (const { object } of scene.objects) counts.set(object, (counts.get(object) ?? 0) + 1);
  return counts;
}
