import { pick, type Random } from "../random.ts";
import { absentObjects, falseClaimOfPresent, inventedClaim, trueClaim } from "./captions.ts";
import { type Claim, questionOf, truth } from "./claims.ts";
import { type ObjectName, THEMES } from "./objects.ts";
import { columnOf, countObjects, rowOf, type Scene } from "./scene.ts";

export type Exchange = { question: string; answer: string };

const COLUMN_WORDS = ["left", "middle", "right"];
const ROW_WORDS = ["top", "center", "bottom"];
const NUMBER_WORDS = ["none", "one", "two", "three"];

/** An object that is not there, in half of the cases one that the theme would suggest. */
function drawAbsent(random: Random, scene: Scene): ObjectName {
  const expected = random() < 0.5 ? absentObjects(scene, THEMES[scene.theme]) : [];
  return pick(random, expected.length > 0 ? expected : absentObjects(scene));
}

/** A claim that is true as often as false; the false ones are mostly hard: companions, or present things misdescribed. */
export function drawClaim(random: Random, scene: Scene): Claim {
  if (random() < 0.5) return trueClaim(random, scene, pick(random, scene.objects));
  const misdescribed = random() < 0.55 ? falseClaimOfPresent(random, scene) : undefined;
  if (misdescribed) return misdescribed;
  const invented = inventedClaim(random, scene, drawAbsent(random, scene));
  return invented.kind === "relation" && random() < 0.5 ? swapped(invented) : invented;
}

const swapped = (claim: Extract<Claim, { kind: "relation" }>): Claim => ({
  ...claim,
  object: claim.other,
  other: claim.object,
});

export const askClaim = (scene: Scene, claim: Claim): Exchange => ({
  question: questionOf(claim),
  answer: truth(scene, claim) ? "yes" : "no",
});

/**
 * Where or how many: answers that depend on every cell. These dense answers are what gets the yes/no questions off the
 * plateau where question and picture are not yet matched (docs/embedded.md).
 */
export function drawDenseExchange(random: Random, scene: Scene): Exchange {
  const counts = countObjects(scene);
  const asked = random() < 0.7 ? pick(random, scene.objects).object : drawAbsent(random, scene);
  const count = counts.get(asked) ?? 0;
  if (count > 1 || random() < 0.2) return { question: `How many ${asked}s?`, answer: NUMBER_WORDS[count]! };
  const cell = scene.objects.find(({ object }) => object === asked)?.cell;
  const answer = cell === undefined ? "none" : `${COLUMN_WORDS[columnOf(cell)]} ${ROW_WORDS[rowOf(cell)]}`;
  return { question: `Where is the ${asked}?`, answer };
}
