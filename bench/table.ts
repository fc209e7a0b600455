import { alignColumns } from "../cli/text/columns.ts";
import { grouped } from "../src/report/format.ts";

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
  /** Compiling and first updates, before the clock starts; null where it is not measured, or was compiled before. */
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
  /** Mazes seen through convolutions, with one hidden layer behind them; or an open map. */
  readonly maze: boolean;
}

export const nameOf = ({ arm, modules, width, seeds, ...map }: Row): string =>
  `${arm} K=${modules} ${mapOf(map)} width ${width} seeds ${seeds}`;

const mapOf = ({ size, maze }: Pick<Row, "size" | "maze">): string => `${size}x${size}${maze ? " maze" : ""}`;

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
      const { arm, modules, width, seeds } = row;
      return [
        ...[arm, modules, mapOf(row), width, seeds, program].map(String),
        grouped(median((m) => m.stepsPerSecond)),
        grouped(median((m) => m.samplesPerSecond)),
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

/** Ratios that belong to no row, by their names, one for each round: see {@link GOALS}. */
export type OwnFigures = ReadonlyMap<string, readonly number[]>;

/** A ratio, or a size in MB, that the project set itself. */
interface Goal {
  readonly name: string;
  readonly atLeast: number;
  /** Null where there is nothing further to aim at. */
  readonly aim: number | null;
  /** Null where it was not measured. */
  readonly measured: (results: readonly RowResult[], own: OwnFigures) => Spread | null;
  readonly unit: "x" | "MB";
}

/** Seconds of a faithful routed update that count as 1x. */
const FAITHFUL_SECONDS = 0.68;
/** How many times as fast as that an update of so many seconds is. */
export const faithfulRatio = (secondsPerUpdate: number): number => FAITHFUL_SECONDS / secondsPerUpdate;

const against =
  (rivals: readonly string[], program: string, wanted: Partial<Row>): Goal["measured"] =>
  (results) => {
    const result = results.find(({ row }) => isLike(row, wanted));
    return result === undefined ? null : ratioToBest(result.rounds, program, rivals);
  };

const ofOwn =
  (name: string): Goal["measured"] =>
  (_results, own) => {
    const ratios = own.get(name) ?? [];
    return ratios.length === 0 ? null : spreadOf(ratios);
  };

const memoryOf =
  (program: string, wanted: Partial<Row>): Goal["measured"] =>
  (results) => {
    const rounds = results.find(({ row }) => isLike(row, wanted))?.rounds ?? [];
    const peaks = rounds.flatMap((round) => round.get(program)?.peakMemoryMiB ?? []);
    return peaks.length === 0 ? null : spreadOf(peaks.map((mebibytes) => (mebibytes * 2 ** 20) / 1e6));
  };

const isLike = (row: Row, wanted: Partial<Row>): boolean =>
  Object.entries(wanted).every(([key, value]) => row[key as keyof Row] === value);

const BOTH = ["pytorch", "jax"];
const ROUTED = { modules: 2, size: 5, width: 64, seeds: 1, maze: false };
const MAZE = { modules: 1, width: 64, seeds: 1, maze: true };

const goal = (
  name: string,
  atLeast: number,
  aim: number | null,
  measured: Goal["measured"],
  unit: Goal["unit"] = "x",
) => ({ name, atLeast, aim, measured, unit }) satisfies Goal;

const GOALS: readonly Goal[] = [
  goal("wasm, width 64, one routed cell", 2, 4, against(BOTH, "wasm", ROUTED)),
  goal("wasm, width 64, eight routed cells", 2, 4, against(BOTH, "wasm", { ...ROUTED, seeds: 8 })),
  goal("wasm, width 128", 1.2, 2, against(BOTH, "wasm", { ...ROUTED, width: 128 })),
  goal("wasm, width 256", 0.7, 1, against(BOTH, "wasm", { ...ROUTED, width: 256 })),
  goal("auto, width 64, one routed cell", 2, 4, against(BOTH, "auto", ROUTED)),
  goal("auto, width 64, eight routed cells", 2, 4, against(BOTH, "auto", { ...ROUTED, seeds: 8 })),
  goal("auto, width 128", 1.2, 2, against(BOTH, "auto", { ...ROUTED, width: 128 })),
  goal("auto, width 256", 0.7, 1, against(BOTH, "auto", { ...ROUTED, width: 256 })),
  goal("native, width 64", 4, 8, against(BOTH, "native", ROUTED)),
  goal("native, width 256", 1.5, 3, against(BOTH, "native", { ...ROUTED, width: 256 })),
  goal("wasm, faithful routed update", 1.3, 2, ofOwn("faithful wasm")),
  goal("auto, faithful routed update", 1.3, 2, ofOwn("faithful auto")),
  goal("native, faithful routed update", 4, 8, ofOwn("faithful native")),
  goal("wasm, one cell on 2 threads against 1", 1.7, null, ofOwn("threads wasm")),
  goal("auto, one cell on 2 threads against 1", 1.7, null, ofOwn("threads auto")),
  goal("native, one cell on 2 threads against 1", 1.7, null, ofOwn("threads native")),
  goal("wasm, two cells side by side against one", 1.9, null, ofOwn("cells wasm")),
  goal("auto, two cells side by side against one", 1.9, null, ofOwn("cells auto")),
  goal("native, two cells side by side against one", 1.9, null, ofOwn("cells native")),
  goal("wasm against PyTorch, mazes, one module", 0.6, 1, against(["pytorch"], "wasm", MAZE)),
  goal("wasm against PyTorch, mazes, K=2", 0.6, 1, against(["pytorch"], "wasm", { ...MAZE, modules: 2 })),
  goal("wasm, peak memory of a cell", 300, 150, memoryOf("wasm", ROUTED), "MB"),
  goal("auto, peak memory of a cell", 300, 150, memoryOf("auto", ROUTED), "MB"),
  goal("native, peak memory of a cell", 300, 150, memoryOf("native", ROUTED), "MB"),
];

/** The lines of the table of goals. Against the best rival unless a goal says otherwise; of memory as little as possible. */
export function renderGoals(results: readonly RowResult[], own: OwnFigures): string[] {
  const lines = GOALS.map(({ name, atLeast, aim, measured, unit }) => {
    const found = measured(results, own);
    const text = (x: number) => (unit === "x" ? `${x}x` : `${x} MB`);
    const spread = (x: number) => (unit === "x" ? x.toFixed(2) : x.toFixed(0));
    return [
      name,
      unit === "x" ? text(atLeast) : `at most ${text(atLeast)}`,
      aim === null ? "-" : text(aim),
      found === null
        ? "not measured"
        : `${text(Number(spread(found.median)))} [${spread(found.min)}, ${spread(found.max)}]`,
    ];
  });
  return alignColumns([["goal", "at least", "aim", "measured"], ...lines]);
}

/**
 * Seconds that are left: the estimates of what is to be measured, corrected by how the estimates of what was measured have turned out.
 */
export function secondsLeft(done: readonly { estimate: number; seconds: number }[], left: readonly number[]): number {
  const sum = (values: readonly number[]) => values.reduce((total, x) => total + x, 0);
  const estimated = sum(done.map(({ estimate }) => estimate));
  const factor = estimated > 0 ? sum(done.map(({ seconds }) => seconds)) / estimated : 1;
  return factor * sum(left);
}

/** Roughly what a measurement takes on two idle cores, in seconds; most of JAX's is compilation, the first time. */
export function estimateOf(program: string, { width, seeds, maze }: Row, isFirst: boolean): number {
  const large = (width / 64) ** 0.3 * (maze ? 2 : 1);
  if (program === "pytorch") return 10 * large;
  return program === "jax" ? (isFirst && seeds === 1 ? 20 : 8) * large : 3 * large;
}
