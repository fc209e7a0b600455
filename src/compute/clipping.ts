import type { Hyper } from "./engine.ts";
import type { Group } from "./layout.ts";

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
