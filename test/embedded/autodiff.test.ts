import assert from "node:assert/strict";
import { test } from "node:test";
import { ADAM, adamState, adamStep } from "../../functions/embedded/autodiff/adam.ts";
import { Graph, type Value } from "../../functions/embedded/autodiff/graph.ts";
import * as op from "../../functions/embedded/autodiff/ops.ts";
import { varint } from "../../functions/embedded/autodiff/protobuf.ts";
import { readSafetensors, writeSafetensors } from "../../functions/embedded/autodiff/safetensors.ts";
import { compile, floats, floatsOf } from "../../functions/embedded/autodiff/session.ts";
import { gaussian, randomOf } from "../../functions/embedded/random.ts";

type Case = { shapes: number[][]; build: (g: Graph, inputs: Value[]) => Value };

const targets = (g: Graph, ids: number[]) => g.constant(BigInt64Array.from(ids, BigInt), [ids.length]);

const CASES: Record<string, Case> = {
  "add with broadcasting": { shapes: [[2, 3, 4], [4]], build: (g, [a, b]) => op.add(g, a!, b!) },
  "subtract with broadcasting": {
    shapes: [
      [2, 3],
      [2, 1],
    ],
    build: (g, [a, b]) => op.subtract(g, a!, b!),
  },
  "multiply with broadcasting": { shapes: [[2, 3], [3]], build: (g, [a, b]) => op.multiply(g, a!, b!) },
  "a value used twice": { shapes: [[2, 3]], build: (g, [a]) => op.multiply(g, a!, a!) },
  matmul: {
    shapes: [
      [3, 4],
      [4, 2],
    ],
    build: (g, [a, b]) => op.matmul(g, a!, b!),
  },
  "batched matmul, transposed and scaled": {
    shapes: [
      [2, 3, 4],
      [2, 5, 4],
    ],
    build: (g, [a, b]) => op.matmul(g, a!, b!, { transB: true, alpha: 0.5 }),
  },
  linear: { shapes: [[3, 4], [4, 2], [2]], build: (g, [x, w, b]) => op.linear(g, x!, w!, b!) },
  reshape: { shapes: [[2, 6]], build: (g, [x]) => op.reshape(g, x!, [3, 4]) },
  transpose: { shapes: [[2, 3, 4]], build: (g, [x]) => op.transpose(g, x!, [2, 0, 1]) },
  softmax: { shapes: [[3, 5]], build: (g, [x]) => op.softmax(g, x!) },
  layerNorm: { shapes: [[3, 6], [6], [6]], build: (g, [x, gain, bias]) => op.layerNorm(g, x!, gain!, bias!) },
  gelu: { shapes: [[3, 4]], build: (g, [x]) => op.gelu(g, x!) },
  gather: { shapes: [[5, 3]], build: (g, [table]) => op.gather(g, table!, targets(g, [1, 4, 1])) },
  targetLogprobs: { shapes: [[3, 5]], build: (g, [x]) => op.targetLogprobs(g, x!, targets(g, [0, 4, 2])) },
  sum: { shapes: [[2, 3, 4]], build: (g, [x]) => op.sum(g, x!, [1]) },
  softplus: { shapes: [[6]], build: (g, [x]) => op.softplus(g, x!) },
  slice: { shapes: [[3, 5]], build: (g, [x]) => op.slice(g, x!, { axis: 1, from: 1, to: 3 }) },
  concatenate: {
    shapes: [
      [2, 3],
      [2, 2],
    ],
    build: (g, [a, b]) => op.concatenate(g, a!, b!, 1),
  },
};

const STEP = 1e-2;
const TOLERANCE = 2e-3; // 32-bit floats: the difference quotient itself is no better

/** The loss is a fixed random weighting of the output, so that every element's gradient matters. */
async function program({ shapes, build }: Case) {
  const g = new Graph();
  const random = randomOf("gradient check");
  const inputs = shapes.map((shape, i) => g.input(`x${i}`, shape, { tracked: true }));
  const output = build(g, inputs);
  const size = (shape: readonly unknown[]) => (shape as number[]).reduce((product, length) => product * length, 1);
  const weights = g.constant(
    Float32Array.from({ length: size(output.shape) }, () => gaussian(random)),
    output.shape as number[],
  );
  const all = output.shape.map((_, axis) => axis);
  const loss = op.sum(g, op.multiply(g, output, weights), all);
  const gradients = g.gradients(loss, inputs);
  const compiled = await compile(g, [loss, ...gradients]);
  const data = shapes.map((shape) => Float32Array.from({ length: size(shape) }, () => gaussian(random)));
  const run = async () => {
    const out = await compiled.run(Object.fromEntries(data.map((values, i) => [`x${i}`, floats(values, shapes[i]!)])));
    return { loss: floatsOf(out[loss.name])[0]!, gradients: gradients.map(({ name }) => floatsOf(out[name])) };
  };
  return { data, run, release: compiled.release };
}

for (const [name, shape] of Object.entries(CASES)) {
  test(`the gradient of ${name} is the slope that finite differences measure`, async () => {
    const { data, run, release } = await program(shape);
    const { gradients } = await run();
    for (const [i, values] of data.entries()) {
      for (let k = 0; k < values.length; k++) {
        const kept = values[k]!;
        values[k] = kept + STEP;
        const above = (await run()).loss;
        values[k] = kept - STEP;
        const below = (await run()).loss;
        values[k] = kept;
        const slope = (above - below) / (2 * STEP);
        const difference = Math.abs(slope - gradients[i]![k]!);
        assert.ok(
          difference < TOLERANCE * (1 + Math.abs(slope)),
          `input ${i}[${k}]: ${gradients[i]![k]} against ${slope}`,
        );
      }
    }
    await release();
  });
}

test("a loss that does not depend on a value is refused by name", () => {
  const g = new Graph();
  const [a, b] = [g.input("a", [2], { tracked: true }), g.input("b", [2], { tracked: true })];
  assert.throws(() => g.gradients(op.sum(g, a, [0]), [b]), /does not depend on "b"/);
});

test("numbers are written as protobuf writes them", () => {
  assert.deepEqual([...varint(300)], [0xac, 0x02]); // the example of protobuf.dev
  assert.equal(varint(-1).length, 10);
});

test("Adam's first step moves every weight by the learning rate against its gradient", () => {
  const weights = { w: { shape: [2, 2], data: Float32Array.of(1, 1, 1, 1) } };
  const norm = adamStep(weights, { w: Float32Array.of(0.3, -0.2, 0.1, 0) }, adamState(weights), {
    ...ADAM,
    learningRate: 0.01,
  });
  assert.ok(Math.abs(norm - Math.sqrt(0.14)) < 1e-6);
  assert.deepEqual(
    [...weights.w.data].map((value) => Number(value.toFixed(5))),
    [0.99, 1.01, 0.99, 1],
  );
});

test("Adam scales a gradient down to the clip norm and takes weight decay off matrices only", () => {
  const weights = { m: { shape: [1, 1], data: Float32Array.of(2) }, v: { shape: [1], data: Float32Array.of(2) } };
  const state = adamState(weights);
  const options = { ...ADAM, weightDecay: 0.5, learningRate: 0.1 };
  adamStep(weights, { m: Float32Array.of(0), v: Float32Array.of(0) }, state, options);
  assert.deepEqual([weights.m.data[0], weights.v.data[0]], [Math.fround(1.9), 2]);
  adamStep(weights, { m: Float32Array.of(30), v: Float32Array.of(40) }, state, options);
  assert.ok(Math.abs(state.mean["m"]!.data[0]! - 0.1 * 0.6) < 1e-6); // 30 / 50
});

test("safetensors give back every number, halves rounded, and their metadata", () => {
  const weights = {
    a: { shape: [2, 3], data: Float32Array.of(1, -2, 0.5, 1 / 3, 65504, 6e-8) },
    odd: { shape: [3], data: Float32Array.of(7, 8, 9) },
  };
  assert.deepEqual(readSafetensors(writeSafetensors(weights, "F32", { seed: "7" })), {
    weights,
    metadata: { seed: "7" },
  });
  const half = readSafetensors(writeSafetensors(weights, "F16")).weights;
  assert.deepEqual([...half["odd"]!.data], [7, 8, 9]);
  assert.ok(Math.abs(half["a"]!.data[3]! - 1 / 3) < 1e-4);
});

test("a file that is not safetensors of floats is refused with the reason", () => {
  const file = writeSafetensors({ a: { shape: [2], data: Float32Array.of(1, 2) } }, "F32");
  assert.throws(() => readSafetensors(file.subarray(0, 5)), /not even a header length/);
  assert.throws(() => readSafetensors(file.subarray(0, file.length - 1)), /"a" should have 2 numbers/);
});
