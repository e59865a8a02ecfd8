/** Six themes of four things that are often seen together; the co-occurrence that a captioner learns to trust too much. */
export const THEMES = {
  kitchen: ["banana", "pizza", "donut", "burger"],
  farm: ["cow", "pig", "rooster", "tractor"],
  beach: ["crab", "boat", "parasol", "shell"],
  street: ["car", "truck", "bike", "signal"],
  desk: ["laptop", "book", "pencil", "phone"],
  park: ["tree", "dog", "ball", "kite"],
} as const;

export type Theme = keyof typeof THEMES;
export type ObjectName = (typeof THEMES)[Theme][number];

export const THEME_NAMES = Object.keys(THEMES) as Theme[];
export const OBJECTS: readonly ObjectName[] = THEME_NAMES.flatMap((theme) => THEMES[theme]);

const INDEX = new Map<string, number>(OBJECTS.map((name, index) => [name, index]));

export const isObject = (word: string): word is ObjectName => INDEX.has(word);

/** The place of an object in `OBJECTS`: its row in the sprite sheet and its class number. */
export const objectIndex = (name: ObjectName): number => INDEX.get(name)!;

/** The picture of each object in Google's Noto Emoji (Apache-2.0). */
export const ICONS: Record<ObjectName, string> = {
  banana: "banana",
  pizza: "pizza",
  donut: "doughnut",
  burger: "hamburger",
  cow: "cow",
  pig: "pig",
  rooster: "rooster",
  tractor: "tractor",
  crab: "crab",
  boat: "sailboat",
  parasol: "umbrella-on-ground",
  shell: "spiral-shell",
  car: "automobile",
  truck: "delivery-truck",
  bike: "bicycle",
  signal: "vertical-traffic-light",
  laptop: "laptop",
  book: "closed-book",
  pencil: "pencil",
  phone: "telephone",
  tree: "deciduous-tree",
  dog: "dog",
  ball: "soccer-ball",
  kite: "kite",
};
