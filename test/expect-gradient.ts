const STEP = 1e-5;
const RELATIVE_ERROR = 1e-6;

/**
 * Fail unless `gradient` is the gradient of `f` at `x`, by central differences with step 1e-5.
 *
 *     |found - expected| < 1e-6 max(|found|, |expected|, 1e-2 max_j |expected_j|, 1e-4)
 *
 * The last two terms are there because a difference of f carries an error of about 1e-16 |f| / 1e-5 however small the
 * derivative is. `x` is away from kinks; `f` gets a copy of it.
 *
 * @throws Error naming the first wrong coordinate as d/dx[i].
 */
export function expectGradient(f: (x: Float64Array) => number, gradient: Float64Array, x: Float64Array): void {
  compare(
    gradient,
    x.map((_, i) => difference(f(moved(x, i, STEP)), f(moved(x, i, -STEP)))),
  );
}

/** {@link expectGradient} for a function that answers later. */
export async function expectGradientAsync(
  f: (x: Float64Array) => Promise<number>,
  gradient: Float64Array,
  x: Float64Array,
): Promise<void> {
  const numeric = new Float64Array(x.length);
  for (let i = 0; i < x.length; i++) {
    numeric[i] = difference(await f(moved(x, i, STEP)), await f(moved(x, i, -STEP)));
  }
  compare(gradient, numeric);
}

function moved(x: Float64Array, i: number, by: number): Float64Array {
  const copy = x.slice();
  copy[i] += by;
  return copy;
}

function difference(above: number, below: number): number {
  return (above - below) / (2 * STEP);
}

function compare(gradient: Float64Array, numeric: Float64Array): void {
  if (gradient.length !== numeric.length) {
    throw new Error(`the gradient has ${gradient.length} coordinates, x has ${numeric.length}`);
  }
  const largest = numeric.reduce((max, g) => Math.max(max, Math.abs(g)), 0);
  numeric.forEach((expected, i) => {
    const found = gradient[i];
    const scale = Math.max(Math.abs(found), Math.abs(expected), 1e-2 * largest, 1e-4);
    // Negated, so that NaN fails.
    if (!(Math.abs(found - expected) < RELATIVE_ERROR * scale)) {
      throw new Error(`d/dx[${i}] is ${found}, central differences give ${expected}`);
    }
  });
}
