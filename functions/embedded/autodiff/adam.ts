import type { Weights } from "./weights.ts";

export type AdamOptions = {
  beta1: number;
  beta2: number;
  epsilon: number;
  /** Decoupled (AdamW); applied to matrices only. */
  weightDecay: number;
  /** The gradient is scaled down to this global norm. */
  clipNorm: number;
};

export const ADAM: AdamOptions = { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0, clipNorm: 1 };

/** The moments of every weight, and how many steps they have seen. Saved with a checkpoint, training goes on exactly. */
export type AdamState = { steps: number; mean: Weights; square: Weights };

export function adamState(weights: Weights): AdamState {
  const zeros = (): Weights =>
    Object.fromEntries(
      Object.entries(weights).map(([name, { shape, data }]) => [name, { shape, data: new Float32Array(data.length) }]),
    );
  return { steps: 0, mean: zeros(), square: zeros() };
}

/** The length of all gradients taken as one vector. */
export function globalNorm(gradients: Record<string, Float32Array>): number {
  let sum = 0;
  for (const gradient of Object.values(gradients)) {
    for (let i = 0; i < gradient.length; i++) sum += gradient[i]! * gradient[i]!;
  }
  return Math.sqrt(sum);
}

/**
 * One step of Adam (Kingma & Ba 2015) on the weights that have a gradient; weights and state change in place.
 * @returns the norm of the gradient before clipping
 */
export function adamStep(
  weights: Weights,
  gradients: Record<string, Float32Array>,
  state: AdamState,
  { learningRate, ...options }: AdamOptions & { learningRate: number },
): number {
  const norm = globalNorm(gradients);
  const clip = norm > options.clipNorm ? options.clipNorm / norm : 1;
  state.steps += 1;
  const { beta1, beta2, epsilon } = options;
  const rate = learningRate / (1 - beta1 ** state.steps);
  const squareScale = 1 / (1 - beta2 ** state.steps);
  for (const [name, gradient] of Object.entries(gradients)) {
    const { data, shape } = weights[name]!;
    const mean = state.mean[name]!.data;
    const square = state.square[name]!.data;
    const keep = shape.length === 2 ? 1 - learningRate * options.weightDecay : 1;
    for (let i = 0; i < data.length; i++) {
      const slope = gradient[i]! * clip;
      const first = beta1 * mean[i]! + (1 - beta1) * slope;
      const second = beta2 * square[i]! + (1 - beta2) * slope * slope;
      mean[i] = first;
      square[i] = second;
      data[i] = data[i]! * keep - (rate * first) / (Math.sqrt(second * squareScale) + epsilon);
    }
  }
  return norm;
}
