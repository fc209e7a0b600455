import { type NetworkSpec, tensorsOf } from "../compute/engine.ts";
import { ln } from "../core/numerics.ts";
import type { Stream } from "../core/random.ts";

/** How a network starts, see {@link initialise}. */
export type Init = "uniform" | "orthogonal" | "kaiming";

/**
 * First parameters of a network, in the order of `tensorsOf`; biases are 0.
 *
 *     uniform:     first layer U(+-0.1); hidden U(+-0.7 sqrt(6 / fanIn)); heads U(+-0.17 / sqrt(fanIn)); convolutions U(+-1 / sqrt(fanIn))
 *     orthogonal:  rows or columns orthonormal, times sqrt(2) (first, hidden), 0.01 (policy output), 1 (critic and gate heads, convolutions)
 *     kaiming:     U(+-1 / sqrt(fanIn)) everywhere
 *
 * `uniform` is the measured recipe: U(+-0.6) in the first layer scatters seeds by 0.2 in return. `orthogonal` is detail 2 of Huang et
 * al. 2022 ("The 37 implementation details of PPO"), after Saxe et al. 2014. `kaiming` is PyTorch's default for weights, He et al. 2015 with
 * a negative slope of sqrt(5), which Cloud et al. 2024 start from.
 *
 * `stream(group)` opens the random stream of a group (a module's name, gate, output, critic), so that a module's first parameters
 * do not depend on which other modules there are.
 */
export function initialise(spec: NetworkSpec, init: Init, stream: (group: string) => Stream): Float64Array {
  const parts: Float64Array[] = [];
  const streams = new Map<string, Stream>();
  for (const { name, group, shape, fanIn, role } of tensorsOf(spec)) {
    const size = shape.reduce((product, n) => product * n, 1);
    if (shape.length === 1) {
      parts.push(new Float64Array(size));
      continue;
    }
    const rng = streams.get(group) ?? stream(group);
    streams.set(group, rng);
    if (init !== "orthogonal") {
      const kaiming = 1 / Math.sqrt(fanIn);
      const uniform = { conv: kaiming, first: 0.1, hidden: 0.7 * Math.sqrt(6 / fanIn), head: 0.17 / Math.sqrt(fanIn) };
      const bound = init === "kaiming" ? kaiming : uniform[role];
      parts.push(Float64Array.from({ length: size }, () => (2 * rng.next() - 1) * bound));
    } else {
      const gain = role === "first" || role === "hidden" ? Math.SQRT2 : name.startsWith("output") ? 0.01 : 1;
      // A kernel as a matrix from all that an output looks at to the channels.
      parts.push(orthogonal(fanIn, shape[shape.length - 1], rng).map((x) => x * gain));
    }
  }
  const parameters = new Float64Array(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    parameters.set(part, at);
    at += part.length;
  }
  return parameters;
}

/** A random [rows, columns] matrix whose shorter side's vectors are orthonormal: Gram-Schmidt, twice, over normal vectors. */
function orthogonal(rows: number, columns: number, rng: Stream): Float64Array {
  const count = Math.min(rows, columns);
  const length = Math.max(rows, columns);
  const vectors: Float64Array[] = [];
  while (vectors.length < count) {
    const vector = Float64Array.from({ length }, () => normal(rng));
    for (let pass = 0; pass < 2; pass++) {
      for (const other of vectors) {
        const dot = vector.reduce((sum, x, i) => sum + x * other[i], 0);
        for (let i = 0; i < length; i++) vector[i] -= dot * other[i];
      }
    }
    const norm = Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0));
    if (norm > 1e-6) vectors.push(vector.map((x) => x / norm));
  }
  const matrix = new Float64Array(rows * columns);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) matrix[r * columns + c] = rows <= columns ? vectors[r][c] : vectors[c][r];
  }
  return matrix;
}

/** A standard normal number by the polar method (Marsaglia and Bray 1964), which needs no sine: the same on every machine. */
function normal(rng: Stream): number {
  for (;;) {
    const x = 2 * rng.next() - 1;
    const square = x * x + (2 * rng.next() - 1) ** 2;
    if (square > 0 && square < 1) return x * Math.sqrt((-2 * ln(square)) / square);
  }
}
