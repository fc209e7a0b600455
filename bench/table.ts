import { thousands } from "../cli/numbers.ts";
import { alignColumns } from "../cli/output.ts";

/*
 * The arithmetic of the benchmark's table: what a program measured, ratios within a round, and their spread over the rounds. Nothing
 * here runs a program or looks at a clock.
 */

/** One measurement of a program: all its processes together, start-up left out. */
export interface Measurement {
  /** Environment steps per second. */
  readonly stepsPerSecond: number;
  /** Rows that the optimiser saw per second; a row counts once per epoch. */
  readonly samplesPerSecond: number;
  /** Peak resident memory, summed over processes. */
  readonly peakMemoryMiB: number;
  /** Compiling and first updates, before the clock starts; null where it is not measured. */
  readonly startSeconds: number | null;
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** @throws RangeError for no values. */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) throw new RangeError("spreadOf: found no values, expected one at least");
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const median = (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2;
  return { median, min: sorted[0], max: sorted[sorted.length - 1] };
}

/** What each program measured, by its name, in one round. */
export type Round = ReadonlyMap<string, Measurement>;

/**
 * How fast `program` is in units of the fastest of `rivals`, in environment steps: a ratio per round, within the round, so that what slows
 * the whole machine cancels; then the ratios' spread. The fastest rival is chosen anew in each round. Null where no round has both.
 */
export function ratioToBest(rounds: readonly Round[], program: string, rivals: readonly string[]): Spread | null {
  const ratios = rounds.flatMap((round) => {
    const own = round.get(program);
    const others = rivals.flatMap((rival) => round.get(rival)?.stepsPerSecond ?? []);
    return own === undefined || others.length === 0 ? [] : [own.stepsPerSecond / Math.max(...others)];
  });
  return ratios.length === 0 ? null : spreadOf(ratios);
}

/** What a rival prints at its end (bench/rivals/processes.py). */
export interface RivalLine extends Measurement {
  /** For each seed: environment steps and exact true return. */
  readonly curves: readonly (readonly (readonly [steps: number, trueReturn: number])[])[];
}

/** The line among whatever else a rival wrote. @throws Error when there is none, or a number is missing. */
export function parseRival(stdout: string): RivalLine {
  const text = stdout.split("\n").findLast((line) => line.startsWith("{"));
  if (text === undefined) throw new Error(`a rival printed no line of JSON: ${JSON.stringify(stdout.slice(-200))}`);
  const line = JSON.parse(text) as Record<string, unknown>;
  const number = (key: string): number => {
    const value = line[key];
    if (typeof value !== "number" || !(value > 0))
      throw new Error(`a rival's ${key} is ${value}, expected more than 0`);
    return value;
  };
  return {
    stepsPerSecond: number("stepsPerSecond"),
    samplesPerSecond: number("samplesPerSecond"),
    peakMemoryMiB: number("peakMemoryMiB"),
    startSeconds: number("startSeconds"),
    curves: line.curves as RivalLine["curves"],
  };
}

/** What `halfwatch bench --json` prints, of one arm. @throws Error when a number is missing. */
export function parseOurs(stdout: string): Measurement {
  const { results, peakMemoryMiB } = JSON.parse(stdout) as {
    results: readonly { stepsPerSecond: number; samplesPerSecond: number }[];
    peakMemoryMiB: number;
  };
  const [{ stepsPerSecond, samplesPerSecond }] = results;
  if (!(stepsPerSecond > 0 && samplesPerSecond > 0)) {
    throw new Error(`halfwatch bench measured ${stepsPerSecond} steps/s and ${samplesPerSecond} samples/s`);
  }
  return { stepsPerSecond, samplesPerSecond, peakMemoryMiB, startSeconds: null };
}

/** Processes that ran side by side, as one. */
export function together(parts: readonly Measurement[]): Measurement {
  const sum = (of: (part: Measurement) => number) => parts.reduce((total, part) => total + of(part), 0);
  return {
    stepsPerSecond: sum((part) => part.stepsPerSecond),
    samplesPerSecond: sum((part) => part.samplesPerSecond),
    peakMemoryMiB: sum((part) => part.peakMemoryMiB),
    startSeconds: null,
  };
}

/**
 * Environment steps after which a curve first reaches `threshold`, linear between its points, from (0, `atStart`); null where it never
 * does.
 */
export function stepsTo(
  curve: readonly (readonly [steps: number, value: number])[],
  threshold: number,
  atStart: number,
): number | null {
  let [x, y] = [0, atStart];
  for (const [steps, value] of curve) {
    if (value >= threshold) return y >= value ? steps : x + ((threshold - y) / (value - y)) * (steps - x);
    [x, y] = [steps, value];
  }
  return null;
}

/** One configuration that all programs run. */
export interface Row {
  readonly arm: "naive" | "route";
  readonly modules: number;
  readonly size: number;
  readonly width: number;
  readonly seeds: number;
}

/** All rounds of a row. */
export interface RowResult {
  readonly row: Row;
  readonly rounds: readonly Round[];
}

/** The lines of the table, a block for each row: medians over the rounds, and the ratio to the best rival with its extremes. */
export function renderTable(results: readonly RowResult[], rivals: readonly string[]): string[] {
  const head = [
    "arm",
    "K",
    "map",
    "width",
    "seeds",
    "program",
    "steps/s",
    "samples/s",
    "x best rival",
    "MiB",
    "start s",
  ];
  const lines = results.flatMap(({ row, rounds }) => {
    const programs = [...new Set(rounds.flatMap((round) => [...round.keys()]))];
    return programs.map((program) => {
      const own = rounds.flatMap((round) => round.get(program) ?? []);
      const median = (of: (m: Measurement) => number) => spreadOf(own.map(of)).median;
      const starts = own.flatMap(({ startSeconds }) => startSeconds ?? []);
      const { arm, modules, size, width, seeds } = row;
      return [
        ...[arm, modules, `${size}x${size}`, width, seeds, program].map(String),
        thousands(median((m) => m.stepsPerSecond)),
        thousands(median((m) => m.samplesPerSecond)),
        ratioText(ratioToBest(rounds, program, rivals)),
        median((m) => m.peakMemoryMiB).toFixed(0),
        starts.length === 0 ? "-" : spreadOf(starts).median.toFixed(1),
      ];
    });
  });
  return alignColumns([head, ...lines]);
}

/** `1.32 [1.25, 1.40]`: the median and the extremes. */
function ratioText(spread: Spread | null): string {
  if (spread === null) return "-";
  return `${spread.median.toFixed(2)} [${spread.min.toFixed(2)}, ${spread.max.toFixed(2)}]`;
}
