import assert from "node:assert/strict";
import { before, test } from "node:test";
import { initialWeights } from "../../functions/embedded/model/architecture.ts";
import { type Prefix, prefixGraph } from "../../functions/embedded/model/prefix-graph.ts";
import { CAPTION, END, PAD, QUESTION } from "../../functions/embedded/model/tokenizer.ts";
import { visionGraph } from "../../functions/embedded/model/vision-graph.ts";
import { randomOf } from "../../functions/embedded/random.ts";
import { chooseToken, logSoftmax } from "../../functions/embedded/sampling/choose.ts";
import { sampler } from "../../functions/embedded/sampling/sampler.ts";
import { loadArt } from "../../functions/embedded/world/art.ts";
import { renderScene } from "../../functions/embedded/world/render.ts";
import { sceneAt } from "../../functions/embedded/world/scene.ts";

const logits = [9, 9, 9, 0, 1, 3, 2, -1]; // the first three are never written
const shares = (decoding: { temperature: number; topP: number }): number[] => {
  const random = randomOf("shares");
  const counts = new Array<number>(logits.length).fill(0);
  for (let i = 0; i < 20000; i++) counts[chooseToken(logits, decoding, random)]! += 1 / 20000;
  return counts;
};

test("temperature 0 takes the likeliest token and draws no number", () => {
  const noRandom = () => assert.fail("drew a number");
  assert.equal(chooseToken(logits, { temperature: 0, topP: 1 }, noRandom), 5);
});

test("tokens come as often as their probability says, structure tokens never", () => {
  const expected = logSoftmax(logits.map((value, id) => ([PAD, CAPTION, QUESTION].includes(id) ? -99 : value))).map(
    Math.exp,
  );
  shares({ temperature: 1, topP: 1 }).forEach((share, id) => {
    assert.ok(Math.abs(share - expected[id]!) < 0.012, `token ${id}: ${share} against ${expected[id]}`);
  });
});

test("top_p keeps the fewest likeliest tokens that reach it", () => {
  const found = shares({ temperature: 1, topP: 0.8 }); // 0.63 and 0.23 of the mass
  assert.deepEqual(
    found.flatMap((share, id) => (share > 0 ? [id] : [])),
    [5, 6],
  );
});

test("a higher temperature spreads the choice", () => {
  assert.ok(shares({ temperature: 2, topP: 1 })[7]! > shares({ temperature: 1, topP: 1 })[7]!);
});

const weights = initialWeights(5);
let prefixes: Prefix[];
before(async () => {
  const art = await loadArt();
  const [vision, prefix] = [await visionGraph(), await prefixGraph()];
  const pictures = Array.from({ length: 6 }, (_, i) => renderScene(sceneAt("tuning", 8, i), art));
  prefixes = await prefix.read(weights, await vision.see(weights, pictures));
  await Promise.all([vision.release(), prefix.release()]);
});

const job = (i: number) => ({
  prefix: prefixes[i % 6]!,
  prompt: [CAPTION],
  decoding: { temperature: 1, topP: 0.95 },
  random: randomOf("row", i),
  maxTokens: 5 + (i % 40),
});

test("what a row writes depends neither on the rows beside it nor on their order", async () => {
  const writer = await sampler(weights, 16);
  const logitsSeen: Float32Array[] = [];
  const watched = { ...job(33), onToken: (_: number, seen: Float32Array) => logitsSeen.push(seen.slice()) };
  const together = await Promise.all(Array.from({ length: 50 }, (_, i) => writer.write(i === 33 ? watched : job(i))));
  const reversed = await Promise.all(Array.from({ length: 50 }, (_, i) => writer.write(job(49 - i))));
  assert.deepEqual(reversed.reverse(), together);
  const again: Float32Array[] = [];
  await writer.write({ ...job(33), onToken: (_, seen) => again.push(seen.slice()) });
  assert.deepEqual(again, logitsSeen); // every logit, bit by bit
  await writer.release();
});

test("a text ends at its end token, at the token limit, at the caller's word, or when nobody waits", async () => {
  const writer = await sampler(weights, 4);
  const greedy = { ...job(0), decoding: { temperature: 0, topP: 1 }, maxTokens: 3 };
  const cut = await writer.write(greedy);
  assert.deepEqual([cut.ids.length, cut.reason], [3, "length"]);
  const stopped = await writer.write({ ...greedy, stops: (ids) => ids.length === 2 });
  assert.deepEqual(stopped, { ids: cut.ids.slice(0, 2), reason: "stop" });
  const gone = await writer.write({ ...greedy, signal: AbortSignal.abort() });
  assert.equal(gone.reason, "aborted");
  const full = await writer.write({ ...greedy, maxTokens: 1000 });
  assert.ok(full.ids.length <= 48 && !full.ids.includes(END));
  await writer.release();
});
