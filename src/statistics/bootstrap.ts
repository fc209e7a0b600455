import { below, type Rng } from "../core/random.ts";
import { mean } from "./intervals.ts";

/** An estimate with its percentile interval. */
export interface BootstrapInterval {
  readonly estimate: number;
  /** Bounds of the interval; null where no stratum has two values, so that nothing can be resampled. */
  readonly low: number | null;
  readonly high: number | null;
}

export interface BootstrapOptions {
  /** Where resamples are drawn from; the same data and a fresh stream of the same path give the same interval. */
  readonly rng: Rng;
  /** Default 10,000. */
  readonly resamples?: number;
  /** Default 0.95. */
  readonly level?: number;
}

const RESAMPLES = 10_000;

/**
 * Interquartile mean: the mean of what is left when floor(n / 4) values are cut off at each end. It bears outliers as a median does,
 * and uses half of the values, which a median does not.
 *
 * For fewer than four values nothing is cut off. Equal to `scipy.stats.trim_mean(values, 0.25)`.
 *
 * @throws RangeError when there is no value, or one is not finite.
 * @see Agarwal et al. 2021, arXiv:2108.13264, section 4.3.
 */
export function interquartileMean(values: ArrayLike<number>): number {
  return trimmedMean(checked(values, "interquartileMean").sort());
}

/**
 * Interquartile mean over all strata together, with a stratified bootstrap: each stratum (a point of the sweep, a task) is resampled
 * within itself, seeds with replacement, as rliable does; the interval runs between percentiles of the resampled means.
 *
 * On normal values the 95 % interval covers 93 to 95 % with 20 seeds in a stratum and 91 % with 5 (test/statistics/bootstrap.test.ts):
 * where seeds are few, read the t interval beside it.
 *
 * @throws RangeError when a stratum is empty, or a value not finite.
 * @see Agarwal et al. 2021, arXiv:2108.13264; Efron 1979, Annals of Statistics 7, 1-26.
 */
export function interquartileMeanInterval(
  strata: readonly ArrayLike<number>[],
  options: BootstrapOptions,
): BootstrapInterval {
  const values = strata.map((stratum) => checked(stratum, "interquartileMeanInterval"));
  if (values.length === 0) throw new RangeError("interquartileMeanInterval: 0 strata, expected at least 1");
  // Sorted once: a resample is then a count of each value, and its trimmed mean a walk along them.
  const ranked = values.flatMap((stratum, s) => [...stratum].map((value) => ({ value, s })));
  ranked.sort((a, b) => a.value - b.value);
  const sorted = Float64Array.from(ranked, ({ value }) => value);
  const places = values.map((_, s) => ranked.flatMap((entry, place) => (entry.s === s ? [place] : [])));
  const counts = new Int32Array(sorted.length);
  return percentileInterval(trimmedMean(sorted), Math.max(...values.map(({ length }) => length)), options, (rng) => {
    counts.fill(0);
    for (const own of places) for (let i = 0; i < own.length; i++) counts[own[below(rng, own.length)]]++;
    return countedTrimmedMean(sorted, counts);
  });
}

/**
 * Mean of a[i] - b[i] over seeds that both arms have, pairs resampled with replacement: what the seeds share cancels.
 *
 * @throws RangeError when the samples differ in length, are empty, or hold what is not finite.
 * @see Efron and Tibshirani 1993, An Introduction to the Bootstrap, section 8.
 */
export function pairedBootstrap(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  options: BootstrapOptions,
): BootstrapInterval {
  if (a.length !== b.length) {
    throw new RangeError(`pairedBootstrap: ${a.length} values against ${b.length}, expected pairs`);
  }
  const [from, to] = [checked(b, "pairedBootstrap"), checked(a, "pairedBootstrap")];
  const differences = to.map((value, i) => value - from[i]);
  const n = differences.length;
  const center = mean(differences);
  return percentileInterval(center, n, options, (rng) => {
    let sum = 0; // about the centre: equal differences add up to nothing
    for (let i = 0; i < n; i++) sum += differences[below(rng, n)] - center;
    return center + sum / n;
  });
}

/**
 * Probability of improvement: how often a run of x beats a run of y, ties counting half; the mean over strata of the Mann-Whitney
 * statistic divided by its largest value.
 *
 *     P(X > Y) = mean over strata of  1/(n m) * sum over i, j of [x[i] > y[j]] + [x[i] = y[j]] / 2
 *
 * Its interval resamples x and y apart from each other, within each stratum. Half is no difference.
 *
 * @throws RangeError when the strata differ in number, one is empty, or a value is not finite.
 * @see Agarwal et al. 2021, arXiv:2108.13264, section 4.3; Mann and Whitney 1947, Annals of Mathematical Statistics 18, 50-60.
 */
export function probabilityOfImprovement(
  x: readonly ArrayLike<number>[],
  y: readonly ArrayLike<number>[],
  options: BootstrapOptions,
): BootstrapInterval {
  if (x.length !== y.length || x.length === 0) {
    throw new RangeError(
      `probabilityOfImprovement: ${x.length} strata against ${y.length}, expected as many, at least 1`,
    );
  }
  const xs = x.map((stratum) => checked(stratum, "probabilityOfImprovement"));
  const ys = y.map((stratum) => checked(stratum, "probabilityOfImprovement"));
  // wins[s][i * m + j]: 1 where x[i] beats y[j], 1/2 where they tie.
  const wins = xs.map((own, s) =>
    Float64Array.from({ length: own.length * ys[s].length }, (_, at) => {
      const difference = own[Math.floor(at / ys[s].length)] - ys[s][at % ys[s].length];
      return difference > 0 ? 1 : difference === 0 ? 0.5 : 0;
    }),
  );
  const estimate = wins.reduce((sum, table) => sum + table.reduce((a, b) => a + b, 0) / table.length, 0) / wins.length;
  const most = Math.max(...[...xs, ...ys].map(({ length }) => length));
  const picks = new Int32Array(most);
  return percentileInterval(estimate, most, options, (rng) => {
    let total = 0;
    for (let s = 0; s < wins.length; s++) {
      const [n, m] = [xs[s].length, ys[s].length];
      for (let j = 0; j < m; j++) picks[j] = below(rng, m);
      let sum = 0;
      for (let i = 0; i < n; i++) {
        const row = below(rng, n) * m;
        for (let j = 0; j < m; j++) sum += wins[s][row + picks[j]];
      }
      total += sum / (n * m);
    }
    return total / wins.length;
  });
}

/** The interval between percentiles of the statistic's resampled values. `most` is the size of the largest stratum. */
function percentileInterval(
  estimate: number,
  most: number,
  { rng, resamples = RESAMPLES, level = 0.95 }: BootstrapOptions,
  resample: (rng: Rng) => number,
): BootstrapInterval {
  if (!(level > 0 && level < 1)) throw new RangeError(`bootstrap: level is ${level}, expected a number in (0, 1)`);
  if (!(Number.isInteger(resamples) && resamples > 0)) {
    throw new RangeError(`bootstrap: resamples is ${resamples}, expected a positive integer`);
  }
  if (most < 2) return { estimate, low: null, high: null };
  const values = Float64Array.from({ length: resamples }, () => resample(rng)).sort();
  return { estimate, low: percentile(values, (1 - level) / 2), high: percentile(values, (1 + level) / 2) };
}

/** The quantile of sorted values, linear between them (Hyndman and Fan's type 7, NumPy's default). */
function percentile(sorted: Float64Array, p: number): number {
  const at = p * (sorted.length - 1);
  const first = Math.floor(at);
  const second = Math.min(first + 1, sorted.length - 1);
  return sorted[first] + (at - first) * (sorted[second] - sorted[first]);
}

/** Interquartile mean of sorted values; the residual's mean is added, so that equal values have exactly their value. */
function trimmedMean(sorted: Float64Array): number {
  const cut = Math.floor(sorted.length / 4);
  const kept = sorted.subarray(cut, sorted.length - cut);
  const rough = kept.reduce((sum, x) => sum + x, 0) / kept.length;
  return rough + kept.reduce((sum, x) => sum + (x - rough), 0) / kept.length;
}

/** {@link trimmedMean} of the multiset that holds sorted[i] counts[i] times, and as many values as there are in `sorted`. */
function countedTrimmedMean(sorted: Float64Array, counts: Int32Array): number {
  const n = sorted.length;
  const cut = Math.floor(n / 4);
  const middle = sorted[n >> 1];
  let passed = 0;
  let sum = 0;
  for (let i = 0; i < n && passed < n - cut; i++) {
    const from = Math.max(passed, cut);
    passed += counts[i];
    const to = Math.min(passed, n - cut);
    if (to > from) sum += (to - from) * (sorted[i] - middle); // about the middle: equal values add up to nothing
  }
  return middle + sum / (n - 2 * cut);
}

function checked(values: ArrayLike<number>, name: string): Float64Array {
  if (values.length < 1) throw new RangeError(`${name}: 0 values, expected at least 1`);
  return Float64Array.from(values, (value, i) => {
    if (!Number.isFinite(value)) throw new RangeError(`${name}: value ${i} is ${value}, expected a finite number`);
    return value;
  });
}
