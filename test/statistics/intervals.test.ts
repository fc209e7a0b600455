import { describe, expect, test } from "vitest";
import { Stream } from "../../src/core/random.ts";
import { meanInterval, pairedInterval, standardDeviation, studentQuantile } from "../../src/statistics/intervals.ts";

/** [p, degrees of freedom, scipy.stats.t.ppf(p, degrees)], SciPy 1.17.1. */
const SCIPY_T_PPF: readonly [number, number, number][] = [
  [1e-9, 0.5, -1.0284911563163397e17],
  [0.001, 0.5, -102849.11563017554],
  [0.025, 0.5, -164.55767348048846],
  [0.3, 0.5, -1.0095258786071655],
  [0.501, 0.5, 0.0037081748489763517],
  [0.95, 0.5, 41.13600009287819],
  [0.975, 0.5, 164.55767348048818],
  [0.99999, 0.5, 1028491156.3257012],
  [1e-9, 1, -318309886.1837907],
  [0.001, 1, -318.30883898555044],
  [0.025, 1, -12.706204736174705],
  [0.3, 1, -0.7265425280053609],
  [0.501, 1, 0.003141602989056244],
  [0.95, 1, 6.313751514675037],
  [0.975, 1, 12.706204736174694],
  [0.99999, 1, 31830.988608051957],
  [1e-9, 2, -22360.679741456875],
  [0.001, 2, -22.327124770119873],
  [0.025, 2, -4.302652729749464],
  [0.3, 2, -0.6172133998483678],
  [0.501, 2, 0.002828432781617413],
  [0.95, 2, 2.9199855803537242],
  [0.975, 2, 4.302652729749462],
  [0.99999, 2, 223.60344363454604],
  [1e-9, 3, -1033.1096745038078],
  [0.001, 3, -10.214531852407385],
  [0.025, 3, -3.1824463052837086],
  [0.3, 3, -0.5843897274398188],
  [0.501, 3, 0.002720703521734108],
  [0.95, 3, 2.3533634348018233],
  [0.975, 3, 3.1824463052837078],
  [0.99999, 3, 47.92772837600671],
  [1e-9, 5.5, -72.93110951730732],
  [0.001, 5.5, -5.504714867160981],
  [0.025, 5.5, -2.501858617589239],
  [0.3, 5.5, -0.5561204847180871],
  [0.501, 5.5, 0.002622565611282751],
  [0.95, 5.5, 1.9752797040389098],
  [0.975, 5.5, 2.501858617589239],
  [0.99999, 5.5, 13.496910004816113],
  [1e-9, 9, -23.7299198193785],
  [0.001, 9, -4.296805662729919],
  [0.025, 9, -2.2621571627982053],
  [0.3, 9, -0.5434802414542969],
  [0.501, 9, 0.002577090893177846],
  [0.95, 9, 1.833112932656237],
  [0.975, 9, 2.262157162798205],
  [0.99999, 9, 8.102057879399425],
  [1e-9, 19, -10.613521312506379],
  [0.001, 19, -3.579400148954716],
  [0.025, 19, -2.09302405440831],
  [0.3, 19, -0.5333138816422048],
  [0.501, 19, 0.002539815663364765],
  [0.95, 19, 1.7291328115213682],
  [0.975, 19, 2.0930240544083087],
  [0.99999, 19, 5.626766232726144],
  [1e-9, 29, -8.556427307611303],
  [0.001, 29, -3.396240288356803],
  [0.025, 29, -2.045229642132704],
  [0.3, 29, -0.530214395709161],
  [0.501, 29, 0.0025283290222291224],
  [0.95, 29, 1.6991270265334972],
  [0.975, 29, 2.045229642132703],
  [0.99999, 29, 5.0855047020118995],
  [1e-9, 100, -6.5989398206555325],
  [0.001, 100, -3.173739493738783],
  [0.025, 100, -1.983971518523552],
  [0.3, 100, -0.5260762706003465],
  [0.501, 100, 0.0025129052515193953],
  [0.95, 100, 1.6602343260853392],
  [0.975, 100, 1.9839715185235518],
  [0.99999, 100, 4.4784269029939034],
  [1e-9, 1000, -6.053690272079834],
  [0.001, 1000, -3.0984021639129233],
  [0.025, 1000, -1.9623390808264085],
  [0.3, 1000, -0.524567707309227],
  [0.501, 1000, 0.0025072576394709746],
  [0.95, 1000, 1.6463788172854643],
  [0.975, 1000, 1.9623390808264083],
  [0.99999, 1000, 4.285437682653988],
  [1e-9, 1e6, -5.997862455710896],
  [0.001, 1e6, -3.09024045631652],
  [0.025, 1e6, -1.9599663568141072],
  [0.3, 1e6, -0.5244006798602092],
  [0.501, 1e6, 0.002506631526233507],
  [0.95, 1e6, 1.6448551507220404],
  [0.975, 1e6, 1.959966356814107],
  [0.99999, 1e6, 4.264911254070676],
];

/** [values, level, mean, std(ddof=1), stats.t.interval(level, n - 1, mean, stats.sem(values))], SciPy 1.17.1. */
const SCIPY_INTERVALS: readonly [number[], number, number, number, number, number][] = [
  [[1, 2, 3, 4, 5], 0.95, 3, 1.5811388300841898, 1.0367568385224428, 4.963243161477557],
  [
    [0.1, 0.4, 0.35, 0.9, 0.85, 0.2],
    0.99,
    0.46666666666666673,
    0.334165627596057,
    -0.08340854578383056,
    1.016741879117164,
  ],
  [[10, 10.5], 0.95, 10.25, 0.3535533905932738, 7.0734488159563265, 13.426551184043674],
  [[-3.5, 2.25, 7, 0, 1e-3, 12.5, -8, 4, 4, 4], 0.9, 2.2251, 5.627825718891997, -1.0372448086108275, 5.487444808610826],
];

function expectClose(actual: number | null, expected: number, tolerance: number): void {
  expect(Math.abs((actual ?? Number.NaN) - expected)).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(expected)));
}

describe("Student's t quantile", () => {
  // SciPy itself is right to 4e-14; above 1000 degrees the continued fraction cancels a few digits.
  test.each(SCIPY_T_PPF)("at p = %d with %d degrees of freedom is SciPy's %d", (p, degrees, expected) => {
    expect(Math.abs(studentQuantile(p, degrees) / expected - 1)).toBeLessThan(degrees > 1000 ? 1e-10 : 1e-12);
  });

  test("is 0 at one half, odd about it, and tan(pi (p - 1/2)) with one degree of freedom", () => {
    expect(studentQuantile(0.5, 7)).toBe(0);
    expect(studentQuantile(0.25, 7)).toBe(-studentQuantile(0.75, 7));
    expectClose(studentQuantile(0.8125, 1), Math.tan(Math.PI * 0.3125), 1e-14);
  });

  test.each([
    [0, 5, "studentQuantile: p is 0, expected a number in (0, 1)"],
    [1, 5, "studentQuantile: p is 1, expected a number in (0, 1)"],
    [Number.NaN, 5, "studentQuantile: p is NaN, expected a number in (0, 1)"],
    [0.9, 0, "studentQuantile: degrees is 0, expected a positive number"],
    [0.9, Number.POSITIVE_INFINITY, "studentQuantile: degrees is Infinity, expected a positive number"],
  ])("of p = %d and %d degrees is refused", (p, degrees, message) => {
    expect(() => studentQuantile(p, degrees)).toThrow(new RangeError(message));
  });
});

describe("the interval of a mean", () => {
  test.each(SCIPY_INTERVALS)("of %j at level %d is SciPy's", (values, level, center, sd, low, high) => {
    const interval = meanInterval(values, level);
    expect(interval.n).toBe(values.length);
    expectClose(interval.mean, center, 1e-14);
    expectClose(interval.sd, sd, 1e-14);
    expectClose(interval.low, low, 1e-12);
    expectClose(interval.high, high, 1e-12);
  });

  test("of one value has no spread and no bounds", () => {
    expect(meanInterval([0.25])).toEqual({ n: 1, mean: 0.25, sd: null, low: null, high: null });
  });

  test("of equal values is that value exactly", () => {
    // 0.1 + 0.1 + 0.1 = 0.30000000000000004, a third of which is not 0.1
    expect(meanInterval([0.1, 0.1, 0.1])).toEqual({ n: 3, mean: 0.1, sd: 0, low: 0.1, high: 0.1 });
  });

  test("of nothing, of NaN, or at level 1 is refused", () => {
    expect(() => meanInterval([])).toThrow(new RangeError("mean: 0 values, expected at least 1"));
    expect(() => meanInterval([1, Number.NaN])).toThrow(
      new RangeError("mean: value 1 is NaN, expected a finite number"),
    );
    expect(() => meanInterval([Number.NaN, 1])).toThrow("mean: value 0 is NaN");
    expect(() => meanInterval([1, 2], 1)).toThrow("meanInterval: level is 1, expected a number in (0, 1)");
    expect(() => standardDeviation([1])).toThrow("standardDeviation: 1 values, expected at least 2");
  });

  test.each([[4], [20]])("of %d normal values covers the truth in 93 to 97 of 100 samples", (n) => {
    // Binomial standard error sqrt(.95 * .05 / 5000) = 0.3 %. With n = 4 the rule 1.96 sd / sqrt(n) covers 85.5 %.
    const stream = new Stream(0, "coverage", n);
    const truth = 3;
    let covered = 0;
    for (let sample = 0; sample < 5000; sample++) {
      const values = Float64Array.from({ length: n }, () => truth + 2 * normal(stream));
      const { low, high } = meanInterval(values);
      if (low !== null && high !== null && low <= truth && truth <= high) covered++;
    }
    expect(covered / 5000).toBeGreaterThan(0.93);
    expect(covered / 5000).toBeLessThan(0.97);
  });
});

describe("two samples", () => {
  const a = [0.9, 0.7, 0.8, 1, 0.6];

  test("paired by seed, their interval is SciPy's ttest_rel(a, b).confidence_interval(0.95)", () => {
    const interval = pairedInterval(a, [0.5, 0.65, 0.2, 0.7, 0.4]);
    expectClose(interval.mean, 0.31, 1e-14);
    expectClose(interval.sd, 0.20736441353327728, 1e-14);
    expectClose(interval.low, 0.05252307320709221, 1e-12);
    expectClose(interval.high, 0.5674769267929078, 1e-12);
  });

  test("of different lengths make no pairs", () => {
    expect(() => pairedInterval(a, [1, 2])).toThrow(
      new RangeError("pairedInterval: 5 values against 2, expected pairs"),
    );
  });
});

/** A standard normal number (Box and Muller 1958); 1 - u is never 0. */
function normal(stream: Stream): number {
  const radius = Math.sqrt(-2 * Math.log(1 - stream.next()));
  return radius * Math.cos(2 * Math.PI * stream.next());
}
