import * as ort from "onnxruntime-node";
import type { Graph, Value } from "./graph.ts";

export type Tensor = ort.Tensor;
export type Feeds = Record<string, Tensor>;

/** Threads of one graph run: two for graphs of large products, one for graphs of many small ones, run side by side. */
const THREADS = 2;

export const floats = (data: Float32Array, shape: readonly number[]): Tensor => new ort.Tensor("float32", data, shape);

export const integers = (data: ArrayLike<number>, shape: readonly number[]): Tensor =>
  new ort.Tensor(
    "int64",
    BigInt64Array.from({ length: data.length }, (_, i) => BigInt(data[i]!)),
    shape,
  );

export const floatsOf = (tensor: Tensor | undefined): Float32Array => tensor!.data as Float32Array;

export type Program = {
  /** Runs the graph. `into` names preallocated outputs; the others come as new tensors. Inputs must not change meanwhile. */
  run(feeds: Feeds, into?: Feeds): Promise<Record<string, Tensor>>;
  release(): Promise<void>;
};

/** Compiles the graph for these outputs. */
export async function compile(graph: Graph, outputs: readonly Value[], threads = THREADS): Promise<Program> {
  const session = await ort.InferenceSession.create(graph.build(outputs), {
    executionProviders: ["cpu"],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: "sequential",
    extra: { session: { intra_op: { allow_spinning: "0" } } }, // spinning threads cost more than they win on shared cores
  });
  const names = outputs.map(({ name }) => name);
  return {
    run: (feeds, into = {}) => session.run(feeds, Object.fromEntries(names.map((name) => [name, into[name] ?? null]))),
    release: () => session.release(),
  };
}
