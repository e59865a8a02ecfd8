import type { ObjectName } from "./objects.ts";
import { columnOf, rowOf, type Scene } from "./scene.ts";

export const PLACES = ["on the left", "in the middle", "on the right", "at the top", "at the bottom"] as const;
export type Place = (typeof PLACES)[number];
export const RELATIONS = ["left of", "above"] as const;
export type Relation = (typeof RELATIONS)[number];
export const COUNTS = { two: 2, three: 3 } as const;
export type CountWord = keyof typeof COUNTS;

/** What can be said about a picture. Nothing else is a claim of this world. */
export type Claim =
  | { kind: "exists"; object: ObjectName }
  | { kind: "count"; object: ObjectName; count: CountWord }
  | { kind: "place"; object: ObjectName; place: Place }
  | { kind: "relation"; object: ObjectName; relation: Relation; other: ObjectName };

export type ClaimKind = Claim["kind"];

const inPlace: Record<Place, (cell: number) => boolean> = {
  "on the left": (cell) => columnOf(cell) === 0,
  "in the middle": (cell) => columnOf(cell) === 1,
  "on the right": (cell) => columnOf(cell) === 2,
  "at the top": (cell) => rowOf(cell) === 0,
  "at the bottom": (cell) => rowOf(cell) === 2,
};

/** The places a cell is in: always a column, and a row if it is the top or the bottom one. */
export const placesOf = (cell: number): Place[] => PLACES.filter((place) => inPlace[place](cell));

const inRelation: Record<Relation, (cell: number, other: number) => boolean> = {
  "left of": (cell, other) => columnOf(cell) < columnOf(other),
  above: (cell, other) => rowOf(cell) < rowOf(other),
};

/** Whether a claim holds. With several of a kind, one that fits is enough; a count must be exact. */
export function truth(scene: Pick<Scene, "objects">, claim: Claim): boolean {
  const cellsOf = (name: ObjectName) => scene.objects.filter(({ object }) => object === name).map(({ cell }) => cell);
  const cells = cellsOf(claim.object);
  switch (claim.kind) {
    case "exists":
      return cells.length > 0;
    case "count":
      return cells.length === COUNTS[claim.count];
    case "place":
      return cells.some(inPlace[claim.place]);
    case "relation": {
      const others = cellsOf(claim.other);
      return cells.some((cell) => others.some((other) => inRelation[claim.relation](cell, other)));
    }
  }
}

/** The claim as a sentence of plain English. */
export function sentenceOf(claim: Claim): string {
  switch (claim.kind) {
    case "exists":
      return `There is a ${claim.object}.`;
    case "count":
      return `There are ${claim.count} ${claim.object}s.`;
    case "place":
      return `A ${claim.object} is ${claim.place}.`;
    case "relation":
      return `A ${claim.object} is ${claim.relation} a ${claim.other}.`;
  }
}

/** The claim as a yes/no question: "yes" means that the claim holds. */
export function questionOf(claim: Claim): string {
  switch (claim.kind) {
    case "exists":
      return `Is there a ${claim.object}?`;
    case "count":
      return `Are there ${claim.count} ${claim.object}s?`;
    case "place":
      return `Is a ${claim.object} ${claim.place}?`;
    case "relation":
      return `Is a ${claim.object} ${claim.relation} a ${claim.other}?`;
  }
}

export const captionOf = (claims: readonly Claim[]): string => claims.map(sentenceOf).join(" ");
