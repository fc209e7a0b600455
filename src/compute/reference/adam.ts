import type { Hyper, TrainState } from "../engine.ts";
import type { Group } from "../layout.ts";

/** L2 norm of `gradient` over a group. */
export function normOf(gradient: Float64Array, group: Group): number {
  let sum = 0;
  for (let i = group.start; i < group.end; i++) sum += gradient[i] * gradient[i];
  return Math.sqrt(sum);
}

/**
 * One Adam step along `factor * gradient` on one group; `step` counts from 1.
 *
 *     m = beta1 m + (1 - beta1) g          v = beta2 v + (1 - beta2) g^2
 *     parameter -= learningRate * (m / (1 - beta1^step)) / (sqrt(v / (1 - beta2^step)) + adamEps)
 *
 * Kingma and Ba 2015, arXiv:1412.6980, algorithm 1. Writes: the group's range of `state`, but not its step counter.
 */
export function adamStep(
  state: TrainState,
  group: Group,
  gradient: Float64Array,
  factor: number,
  step: number,
  { learningRate, beta1, beta2, adamEps }: Pick<Hyper, "learningRate" | "beta1" | "beta2" | "adamEps">,
): void {
  const { parameters, firstMoments, secondMoments } = state;
  const firstCorrection = 1 - beta1 ** step;
  const secondCorrection = 1 - beta2 ** step;
  for (let i = group.start; i < group.end; i++) {
    const g = factor * gradient[i];
    firstMoments[i] = beta1 * firstMoments[i] + (1 - beta1) * g;
    secondMoments[i] = beta2 * secondMoments[i] + (1 - beta2) * g * g;
    const mean = firstMoments[i] / firstCorrection;
    const spread = Math.sqrt(secondMoments[i] / secondCorrection);
    parameters[i] -= (learningRate * mean) / (spread + adamEps);
  }
}
