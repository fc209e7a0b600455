import { alignColumns } from "../cli/text/columns.ts";
import { short } from "../cli/text/numbers.ts";
import { spreadOf } from "./table.ts";

/*
 * The arithmetic of what a display costs in processor time. Nothing here runs a program or looks at a clock.
 */

/** What a process has used so far, or in all; `at` in milliseconds since 1970, `processor` in seconds, user and system. */
export interface UsageLine {
  readonly pid: number;
  readonly at: number;
  readonly processor: number;
  readonly isEnd: boolean;
}

/** What a run used: seconds. */
export interface Usage {
  /** From the runner's begin to its end, by the clock. */
  readonly wall: number;
  /** Processor time of the runner, which draws; and of all cells together. */
  readonly runner: number;
  readonly cells: number;
  /** The runner's share of one core while cells train, when it has begun. */
  readonly share: number;
}

/** Milliseconds after which a runner has loaded and computed what it does once. */
const BEGUN = 5000;

/**
 * The first process to write is the runner. Its share is measured from five seconds after its begin to the last line before a cell ends.
 *
 * @throws Error where a process did not come to its end, or cells trained for less than ten seconds.
 */
export function usageOf(lines: readonly UsageLine[]): Usage {
  const [first] = lines;
  const ends = new Map(lines.filter(({ isEnd }) => isEnd).map((line) => [line.pid, line]));
  for (const { pid } of lines) if (!ends.has(pid)) throw new Error(`process ${pid} did not come to its end`);
  const end = ends.get(first?.pid);
  const cells = [...ends.values()].filter(({ pid }) => pid !== first?.pid);
  if (end === undefined || cells.length === 0) throw new Error("no run was measured");
  const trained = Math.min(...cells.map(({ at }) => at));
  const steady = lines.filter(({ pid, at }) => pid === first.pid && at >= first.at + BEGUN && at < trained);
  const [from, to] = [steady[0], steady[steady.length - 1]];
  if (steady.length === 0 || to.at - from.at < BEGUN) {
    throw new Error(`cells trained for ${(trained - first.at) / 1000} s, expected ten or more`);
  }
  return {
    wall: (end.at - first.at) / 1000,
    runner: end.processor,
    cells: cells.reduce((sum, { processor }) => sum + processor, 0),
    share: (1000 * (to.processor - from.processor)) / (to.at - from.at),
  };
}

/** Of one round: the same run without a display and with it. */
export interface Pair {
  readonly plain: Usage;
  readonly shown: Usage;
}

/** What the display costs more than none, in a round. */
export interface Cost {
  /** Of the runner's additional seconds those that are the same for a short run and a long one. */
  readonly once: number;
  /** What it takes then, of one core. */
  readonly share: number;
  /** All additional seconds of the runner as a part of what all cores had to give in that time. */
  readonly part: number;
}

export function costOf({ plain, shown }: Pair, cores: number): Cost {
  const more = shown.runner - plain.runner;
  const share = shown.share - plain.share;
  return { once: more - share * shown.wall, share, part: more / (cores * shown.wall) };
}

/** Medians and spread over the rounds as lines of a table, and below it the cost in a sentence. */
export function renderCost(pairs: readonly Pair[], cores: number): string[] {
  const text = (values: readonly number[], form: (value: number) => string) => {
    const { median, min, max } = spreadOf(values);
    return `${form(median)} [${form(min)}, ${form(max)}]`;
  };
  const row = (name: string, of: (usage: Usage) => number, form: (value: number) => string) => [
    name,
    ...[
      pairs.map(({ plain }) => of(plain)),
      pairs.map(({ shown }) => of(shown)),
      pairs.map(({ plain, shown }) => of(shown) - of(plain)),
    ].map((values) => text(values, form)),
  ];
  const seconds = (value: number) => short(value, 2);
  const percent = (value: number) => short(100 * value, 2);
  const costs = pairs.map((pair) => costOf(pair, cores));
  const walls = spreadOf(pairs.map(({ shown }) => shown.wall));
  return [
    ...alignColumns([
      ["", "--plain", "with the dashboard", "more"],
      row("runner, processor s", ({ runner }) => runner, seconds),
      row("runner while cells train, % of one core", ({ share }) => share, percent),
      row("cells, processor s", ({ cells }) => cells, seconds),
      row("run, s", ({ wall }) => wall, seconds),
    ]),
    "",
    `the dashboard costs ${text(
      costs.map(({ part }) => part),
      percent,
    )} % of ${cores} cores in a run of ${walls.median.toFixed(0)} s:`,
    `${text(
      costs.map(({ once }) => once),
      seconds,
    )} processor s once, and ${text(
      costs.map(({ share }) => share),
      percent,
    )} % of one core as long as it is shown`,
  ];
}
