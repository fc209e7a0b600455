import type { Hyper, TrainState } from "../engine.ts";
import type { Group } from "./network.ts";

/** L2 norm of `gradient` over a group. */
export function normOf(gradient: Float64Array, group: Group): number {
  let sum = 0;
  for (let i = group.start; i < group.end; i++) sum += gradient[i] * gradient[i];
  return Math.sqrt(sum);
}

/**
 * The factor each group's gradient is multiplied with: min(1, bound / norm), so that a clipped gradient keeps its
 * direction.
 *
 * `clip: "module"` takes each group's own norm; `clip: "policy"` takes one norm over all groups but the critic, whose
 * scale of loss has nothing to do with the policy's. A bound of 0 is off.
 *
 * Shapes: `norms` and the result are in the order of `groups`.
 */
export function clipFactors(
  groups: readonly Group[],
  norms: Float64Array,
  { maxGradNorm, clip }: Pick<Hyper, "maxGradNorm" | "clip">,
): Float64Array {
  let policySquared = 0;
  groups.forEach((group, g) => {
    if (group.name !== "critic") policySquared += norms[g] * norms[g];
  });
  const policyNorm = Math.sqrt(policySquared);
  return norms.map((norm, g) => {
    const bounded = clip === "policy" && groups[g].name !== "critic" ? policyNorm : norm;
    return maxGradNorm > 0 && bounded > maxGradNorm ? maxGradNorm / bounded : 1;
  });
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
