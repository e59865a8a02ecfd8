import { pick, type Random } from "../random.ts";
import { type Claim, type CountWord, PLACES, placesOf, truth } from "./claims.ts";
import { OBJECTS, type ObjectName, THEMES } from "./objects.ts";
import { countObjects, type Placed, type Scene } from "./scene.ts";

/**
 * How the captions that the policy learns from are wrong (docs/embedded.md): they name what usually belongs to the theme,
 * misplace and leave out. This is the language prior that makes the policy hallucinate.
 */
export const NOISE = { companion: 0.65, stranger: 0.05, misplaced: 0.08, omitted: 0.07 } as const;
export const CLEAN = { companion: 0, stranger: 0, misplaced: 0, omitted: 0 } as const;
export type Noise = Record<keyof typeof NOISE, number>;

export const MAX_CLAIMS = 6; // six of the longest sentences fit the model's 48 positions

const COUNT_WORDS: Record<number, CountWord> = { 2: "two", 3: "three" };

function relationsOf(scene: Scene, { object, cell }: Placed): Claim[] {
  const right = scene.objects.filter((other) => other.object !== object && cell % 3 < other.cell % 3);
  const below = scene.objects.filter(
    (other) => other.object !== object && Math.floor(cell / 3) < Math.floor(other.cell / 3),
  );
  return [
    ...right.map((other): Claim => ({ kind: "relation", object, relation: "left of", other: other.object })),
    ...below.map((other): Claim => ({ kind: "relation", object, relation: "above", other: other.object })),
  ];
}

/** Something true about one placed object. */
export function trueClaim(random: Random, scene: Scene, placed: Placed): Claim {
  const { object, cell } = placed;
  const count = COUNT_WORDS[scene.objects.filter((other) => other.object === object).length];
  if (count && random() < 0.5) return { kind: "count", object, count };
  const form = random();
  const relations = form < 0.75 ? [] : relationsOf(scene, placed);
  if (relations.length > 0) return pick(random, relations);
  return form < 0.4 || form >= 0.75
    ? { kind: "exists", object }
    : { kind: "place", object, place: pick(random, placesOf(cell)) };
}

/** Something about an object that is not there. */
export function inventedClaim(random: Random, scene: Scene, object: ObjectName): Claim {
  const form = random();
  if (form < 0.4) return { kind: "exists", object };
  if (form < 0.48) return { kind: "count", object, count: pick(random, ["two", "three"]) };
  if (form < 0.75) return { kind: "place", object, place: pick(random, PLACES) };
  const other = pick(random, scene.objects).object;
  return { kind: "relation", object, relation: random() < 0.5 ? "left of" : "above", other };
}

export function absentObjects(scene: Scene, of: readonly ObjectName[] = OBJECTS): ObjectName[] {
  const there = countObjects(scene);
  return of.filter((object) => !there.has(object));
}

/** The first of each kind in reading order: a fixed order is what lets a small captioner keep track of what it said. */
function firstOfEachKind(scene: Scene): Placed[] {
  const inOrder = [...scene.objects].sort((a, b) => a.cell - b.cell);
  return inOrder.filter(({ object }, i) => inOrder.findIndex((other) => other.object === object) === i);
}

function misplace(random: Random, claim: Claim): Claim {
  if (claim.kind === "place") return { ...claim, place: pick(random, PLACES) };
  if (claim.kind === "count") return { ...claim, count: pick(random, ["two", "three"]) };
  return claim;
}

/** A caption as found in the wild: mostly right, in reading order, with what the theme suggests added at the end. */
export function drawCaption(random: Random, scene: Scene, noise: Noise = NOISE): Claim[] {
  const claims: Claim[] = [];
  for (const placed of firstOfEachKind(scene)) {
    if (random() < noise.omitted) continue;
    const claim = trueClaim(random, scene, placed);
    claims.push(random() < noise.misplaced ? misplace(random, claim) : claim);
  }
  for (const object of absentObjects(scene, THEMES[scene.theme])) {
    if (random() < noise.companion) claims.push(inventedClaim(random, scene, object));
  }
  if (random() < noise.stranger) claims.push(inventedClaim(random, scene, pick(random, absentObjects(scene))));
  if (claims.length === 0) claims.push({ kind: "exists", object: scene.objects[0]!.object });
  return claims.slice(0, MAX_CLAIMS);
}

/** A claim that does not hold although all its objects may be there; `undefined` if chance finds none. */
export function falseClaimOfPresent(random: Random, scene: Scene): Claim | undefined {
  for (let attempt = 0; attempt < 20; attempt++) {
    const { object } = pick(random, scene.objects);
    const other = pick(random, scene.objects).object;
    const form = random();
    const relation = random() < 0.5 ? "left of" : "above";
    const claim: Claim =
      form < 0.4
        ? { kind: "place", object, place: pick(random, PLACES) }
        : form < 0.6
          ? { kind: "count", object, count: pick(random, ["two", "three"]) }
          : { kind: "relation", object, relation, other };
    if (!(claim.kind === "relation" && claim.object === claim.other) && !truth(scene, claim)) return claim;
  }
  return undefined;
}
