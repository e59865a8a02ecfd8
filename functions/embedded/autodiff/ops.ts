import { CONTRIB, type Dimension, type Graph, type Shape, type Value } from "./graph.ts";

/** Operators with gradients. Each gives its output; its gradient is written beside it, as a formula in ONNX nodes. */

const sizes = (shape: Shape): number[] =>
  shape.map((size) => {
    if (typeof size === "string") throw new Error(`shape: "${size}" must be a number here`);
    return size;
  });

function broadcast(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i): Dimension => {
    const [x, y] = [a[a.length - rank + i] ?? 1, b[b.length - rank + i] ?? 1];
    return x === 1 ? y : x;
  });
}

/** Sums a gradient over the axes along which its value was broadcast. */
function unbroadcast(g: Graph, gradient: Value, shape: Shape): Value {
  const offset = gradient.shape.length - shape.length;
  const axes = gradient.shape.flatMap((size, i) => (i < offset || (shape[i - offset] === 1 && size !== 1) ? [i] : []));
  if (axes.length === 0) return gradient;
  const summed = g.node("ReduceSum", [gradient, g.ints(axes)], { shape, attributes: { keepdims: 0 } });
  return g.node("Reshape", [summed, g.ints(sizes(shape))], { shape });
}

const binary = (operator: string) => (g: Graph, a: Value, b: Value) =>
  g.node(operator, [a, b], { shape: broadcast(a.shape, b.shape) });
const rawAdd = binary("Add");
const rawSub = binary("Sub");
const rawMul = binary("Mul");
const unary = (operator: string) => (g: Graph, x: Value) => g.node(operator, [x], { shape: x.shape });
const rawExp = unary("Exp");
const rawSigmoid = unary("Sigmoid");

export function add(g: Graph, a: Value, b: Value): Value {
  return g.record(rawAdd(g, a, b), [a, b], (dy) => [
    a.tracked ? unbroadcast(g, dy, a.shape) : undefined,
    b.tracked ? unbroadcast(g, dy, b.shape) : undefined,
  ]);
}

export function subtract(g: Graph, a: Value, b: Value): Value {
  return g.record(rawSub(g, a, b), [a, b], (dy) => [
    a.tracked ? unbroadcast(g, dy, a.shape) : undefined,
    b.tracked ? unbroadcast(g, g.node("Neg", [dy], { shape: dy.shape }), b.shape) : undefined,
  ]);
}

export function multiply(g: Graph, a: Value, b: Value): Value {
  return g.record(rawMul(g, a, b), [a, b], (dy) => [
    a.tracked ? unbroadcast(g, rawMul(g, dy, b), a.shape) : undefined,
    b.tracked ? unbroadcast(g, rawMul(g, dy, a), b.shape) : undefined,
  ]);
}

export const scale = (g: Graph, x: Value, factor: number): Value => multiply(g, x, g.scalar(factor));

type Product = { transA?: boolean; transB?: boolean; alpha?: number };

/** Two dimensions: Gemm; more: ONNX Runtime's FusedMatMul over the last two, which also transposes and scales for free. */
function product(g: Graph, a: Value, b: Value, { transA = false, transB = false, alpha = 1 }: Product): Value {
  const rows = a.shape.at(transA ? -1 : -2)!;
  const columns = b.shape.at(transB ? -2 : -1)!;
  const attributes = { transA: Number(transA), transB: Number(transB), alpha: { float: alpha } };
  const shape = [...a.shape.slice(0, -2), rows, columns];
  if (a.shape.length === 2) return g.node("Gemm", [a, b], { shape, attributes });
  return g.node("FusedMatMul", [a, b], { shape, attributes, domain: CONTRIB });
}

/** `alpha * a @ b`, or `alpha * a @ bT` with `transB`; batched over leading dimensions. */
export function matmul(g: Graph, a: Value, b: Value, options: { transB?: boolean; alpha?: number } = {}): Value {
  const alpha = options.alpha ?? 1;
  const y = product(g, a, b, { ...options });
  return g.record(y, [a, b], (dy) =>
    options.transB
      ? [product(g, dy, b, { alpha }), product(g, dy, a, { transA: true, alpha })]
      : [product(g, dy, b, { transB: true, alpha }), product(g, a, dy, { transA: true, alpha })],
  );
}

/** `x @ w + b`; x (N, in), w (in, out), b (out). */
export function linear(g: Graph, x: Value, w: Value, b: Value): Value {
  const y = g.node("Gemm", [x, w, b], { shape: [x.shape[0]!, w.shape[1]!] });
  return g.record(y, [x, w, b], (dy) => [
    x.tracked ? product(g, dy, w, { transB: true }) : undefined,
    product(g, x, dy, { transA: true }),
    unbroadcast(g, dy, b.shape),
  ]);
}

export function reshape(g: Graph, x: Value, shape: readonly number[]): Value {
  const to = (value: Value, target: readonly number[]) => g.node("Reshape", [value, g.ints(target)], { shape: target });
  return g.record(to(x, shape), [x], (dy) => [to(dy, sizes(x.shape))]);
}

export function transpose(g: Graph, x: Value, axes: readonly number[]): Value {
  const inverse = axes.map((_, i) => axes.indexOf(i));
  const y = g.node("Transpose", [x], {
    shape: axes.map((axis) => x.shape[axis]!),
    attributes: { perm: { ints: axes } },
  });
  return g.record(y, [x], (dy) => [
    g.node("Transpose", [dy], { shape: x.shape, attributes: { perm: { ints: inverse } } }),
  ]);
}

const lastAxisAs1 = (shape: Shape): Shape => [...shape.slice(0, -1), 1];
const sumLast = (g: Graph, x: Value) =>
  g.node("ReduceSum", [x, g.ints([-1])], { shape: lastAxisAs1(x.shape), attributes: { keepdims: 1 } });
const meanLast = (g: Graph, x: Value) =>
  g.node("ReduceMean", [x, g.ints([-1])], { shape: lastAxisAs1(x.shape), attributes: { keepdims: 1 } });

/** Over the last axis. dx = y (dy - sum(dy y)) */
export function softmax(g: Graph, x: Value): Value {
  const y = g.node("Softmax", [x], { shape: x.shape, attributes: { axis: -1 } });
  return g.record(y, [x], (dy) => {
    const weighted = rawMul(g, dy, y);
    return [rawSub(g, weighted, rawMul(g, y, sumLast(g, weighted)))];
  });
}

/** Over the last axis, eps 1e-5. With n = (x - mean) / deviation: dx = (s - mean(s) - n mean(s n)) / deviation, s = dy gain */
export function layerNorm(g: Graph, x: Value, gain: Value, bias: Value): Value {
  const rows = lastAxisAs1(x.shape);
  const [y, mean, inverse] = g.nodes("LayerNormalization", [x, gain, bias], [x.shape, rows, rows], {
    attributes: { axis: -1, epsilon: { float: 1e-5 } },
  }) as [Value, Value, Value];
  return g.record(y, [x, gain, bias], (dy) => {
    const normal = rawMul(g, rawSub(g, x, mean), inverse);
    const scaled = rawMul(g, dy, gain);
    const along = rawMul(g, normal, meanLast(g, rawMul(g, scaled, normal)));
    const dx = rawMul(g, rawSub(g, rawSub(g, scaled, meanLast(g, scaled)), along), inverse);
    return [dx, unbroadcast(g, rawMul(g, dy, normal), gain.shape), unbroadcast(g, dy, bias.shape)];
  });
}

/** x sigmoid(1.702 x), the quick form of GELU. With s the sigmoid: dx = dy (s + 1.702 y (1 - s)) */
export function gelu(g: Graph, x: Value): Value {
  const k = g.scalar(1.702);
  const s = rawSigmoid(g, rawMul(g, x, k));
  const y = rawMul(g, x, s);
  return g.record(y, [x], (dy) => {
    const slope = rawAdd(g, s, rawMul(g, rawMul(g, y, k), rawSub(g, g.scalar(1), s)));
    return [rawMul(g, dy, slope)];
  });
}

const oneHot = (g: Graph, indices: Value, classes: number): Value =>
  g.node(
    "OneHot",
    [indices, g.constant(BigInt64Array.of(BigInt(classes)), []), g.constant(Float32Array.of(0, 1), [2])],
    {
      shape: [...indices.shape, classes],
      attributes: { axis: -1 },
    },
  );

/** Rows of a table (classes, width) by their numbers (N). The gradient is a product with the one-hot matrix. */
export function gather(g: Graph, table: Value, indices: Value): Value {
  const [classes, width] = sizes(table.shape) as [number, number];
  const y = g.node("Gather", [table, indices], { shape: [indices.shape[0]!, width], attributes: { axis: 0 } });
  return g.record(y, [table], (dy) => [product(g, oneHot(g, indices, classes), dy, { transA: true })]);
}

/** ln softmax(logits)[target] of each row; logits (N, classes), targets (N), result (N), nats. */
export function targetLogprobs(g: Graph, logits: Value, targets: Value): Value {
  const [rows, classes] = sizes(logits.shape) as [number, number];
  const all = g.node("LogSoftmax", [logits], { shape: logits.shape, attributes: { axis: -1 } });
  const chosen = oneHot(g, targets, classes);
  const summed = rawMul(g, all, chosen);
  const y = g.node("ReduceSum", [summed, g.ints([-1])], { shape: [rows], attributes: { keepdims: 0 } });
  return g.record(y, [logits], (dy) => {
    const perRow = g.node("Reshape", [dy, g.ints([rows, 1])], { shape: [rows, 1] });
    return [rawMul(g, rawSub(g, chosen, rawExp(g, all)), perRow)];
  });
}

/** Sum over some axes, which disappear. */
export function sum(g: Graph, x: Value, axes: readonly number[]): Value {
  const shape = x.shape.filter((_, i) => !axes.includes(i));
  const kept = sizes(x.shape).map((size, i) => (axes.includes(i) ? 1 : size));
  const y = g.node("ReduceSum", [x, g.ints(axes)], { shape, attributes: { keepdims: 0 } });
  return g.record(y, [x], (dy) => {
    const column = g.node("Reshape", [dy, g.ints(kept)], { shape: kept });
    return [g.node("Expand", [column, g.ints(sizes(x.shape))], { shape: x.shape })];
  });
}

/** ln(1 + exp(x)); -ln sigmoid(x) = softplus(-x). */
export function softplus(g: Graph, x: Value): Value {
  return g.record(unary("Softplus")(g, x), [x], (dy) => [rawMul(g, dy, rawSigmoid(g, x))]);
}

type Range = { axis: number; from: number; to: number };

const rawSlice = (g: Graph, x: Value, { axis, from, to }: Range): Value =>
  g.node("Slice", [x, g.ints([from]), g.ints([to]), g.ints([axis])], {
    shape: x.shape.map((size, i) => (i === axis ? to - from : size)),
  });

/** The part [from, to) of one axis; its gradient is the same part of zeros. */
export function slice(g: Graph, x: Value, range: Range): Value {
  const { axis, from, to } = range;
  const full = sizes(x.shape)[axis]!;
  const zeros = (length: number): Value[] => {
    const shape = sizes(x.shape).map((size, i) => (i === axis ? length : size));
    return length === 0 ? [] : [g.node("Expand", [g.scalar(0), g.ints(shape)], { shape })];
  };
  return g.record(rawSlice(g, x, range), [x], (dy) => [
    g.node("Concat", [...zeros(from), dy, ...zeros(full - to)], { shape: x.shape, attributes: { axis } }),
  ]);
}

/** Two values one after the other along one axis. */
export function concatenate(g: Graph, a: Value, b: Value, axis: number): Value {
  const [first, second] = [sizes(a.shape)[axis]!, sizes(b.shape)[axis]!];
  const shape = a.shape.map((size, i) => (i === axis ? first + second : size));
  return g.record(g.node("Concat", [a, b], { shape, attributes: { axis } }), [a, b], (dy) => [
    a.tracked ? rawSlice(g, dy, { axis, from: 0, to: first }) : undefined,
    b.tracked ? rawSlice(g, dy, { axis, from: first, to: first + second }) : undefined,
  ]);
}
