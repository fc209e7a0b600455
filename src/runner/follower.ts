import { UserError } from "../core/errors.ts";
import { type CellPaths, cellPaths } from "../runs/cell-paths.ts";
import { readControl } from "../runs/control.ts";
import { readFailure } from "../runs/failure.ts";
import { pathExists } from "../runs/files.ts";
import { type Claim, holdersIn } from "../runs/lock.ts";
import type { CellPlan } from "../runs/plan.ts";
import { curveIn, type Metrics } from "../runs/results.ts";
import { readTiming } from "../runs/store.ts";
import type { CellEvent } from "./launcher.ts";
import { LineFollower } from "./line-follower.ts";
import { candidateOf, type Past } from "./progress.ts";

/** What is known of a cell so far. */
interface Followed {
  readonly plan: CellPlan;
  readonly paths: CellPaths;
  readonly log: LineFollower;
  isTrained: boolean;
  isPaused: boolean;
  isDone: boolean;
  /** It was told that it failed, and nobody has taken it up since. */
  isFailed: boolean;
  /** Its log was read, and the last line that was read. */
  isRead: boolean;
  last: Metrics | null;
  /** Parts of its evaluation that were done at the last look; null before it began. */
  evaluated: number | null;
  /** Its log could not be read at the last look, which was told. */
  isUnreadable: boolean;
}

/**
 * A run that other processes train, as the events that its runner would tell: the run directory says them later and more coarsely. Every
 * look reads what is new; finished cells are not looked at again.
 *
 * `stopped` is a cell that its process gave up without a word why: it was saved, or killed together with its runner.
 */
export class RunFollower {
  private readonly run: string;
  private readonly claim: Claim;
  private readonly cells: Followed[];

  constructor(run: string, plans: readonly CellPlan[], claim: Claim) {
    this.run = run;
    this.claim = claim;
    this.cells = plans.map((plan) => {
      const paths = cellPaths(run, plan.id);
      const log = new LineFollower(paths.metrics);
      return {
        ...{ plan, paths, log, last: null, evaluated: null },
        ...{ isTrained: false, isPaused: false, isDone: false, isFailed: false, isRead: false, isUnreadable: false },
      };
    });
  }

  /** What has happened since the last look. */
  look(): CellEvent[] {
    const control = readControl(this.run);
    const open = this.cells.filter(({ isDone }) => !isDone).map(({ plan }) => plan.id);
    // Asked before the logs: what a process wrote before it gave its lock up is then read as well.
    const holders = holdersIn(this.run, open, this.claim);
    return this.cells.flatMap((cell): CellEvent[] => {
      if (cell.isDone) return [];
      const { plan, paths } = cell;
      const events: CellEvent[] = [];
      const isTrained = holders.has(plan.id);
      const isDone = pathExists(paths.result);
      const wasTrained = cell.isTrained;
      const { last } = cell;
      const news = this.readLog(cell);
      if (isTrained && !wasTrained) {
        events.push({ plan, kind: "started" });
        cell.evaluated = null;
        if (last !== null && news.every(({ kind }) => kind !== "resumed")) events.push(resumedAt(plan, last));
      }
      cell.isTrained = isTrained;
      cell.isFailed &&= !isTrained;
      events.push(...news);
      if (isDone) {
        cell.isDone = true;
        const timing = readTiming(paths);
        return [...events, timing === undefined ? { plan, kind: "found" } : { plan, kind: "finished", ...timing }];
      }
      if (!isTrained) {
        cell.isPaused = false;
        // The runner writes it a moment after the lock was given up: then it follows `stopped`.
        const failure = cell.isFailed ? undefined : readFailure(paths);
        if (failure !== undefined) {
          cell.isFailed = true;
          return [...events, { plan, kind: "failed", ...failure }];
        }
        return wasTrained ? [...events, { plan, kind: "stopped" }] : events;
      }
      const evaluated = isAtEnd(cell.last) ? readTiming(paths)?.evaluated : undefined;
      if (evaluated !== undefined && evaluated.done !== cell.evaluated) {
        cell.evaluated = evaluated.done;
        events.push({ plan, kind: "evaluating", ...evaluated });
      }
      const isPaused = isTrained && control.kind === "paused";
      if (isPaused && !cell.isPaused) events.push({ plan, kind: "paused", by: control.by });
      if (!isPaused && cell.isPaused) events.push({ plan, kind: "unpaused" });
      cell.isPaused = isPaused;
      return events;
    });
  }

  /** Whether every cell has its result. */
  isComplete(): boolean {
    return this.cells.every(({ isDone }) => isDone);
  }

  /** Cells that a process trains, as of the last look. */
  trained(): number {
    return this.cells.filter(({ isTrained, isDone }) => isTrained && !isDone).length;
  }

  private readLog(cell: Followed): CellEvent[] {
    const { plan, log } = cell;
    const events: CellEvent[] = [];
    try {
      const { curve, last, isAgain } = newsIn(log);
      const isNew = cell.isRead && !isAgain;
      cell.isRead = true;
      if (last === null) return events;
      cell.isUnreadable = false;
      // What was there at the first look, or after a log was cut back, nobody has seen happen.
      if (!isNew) events.push(resumedAt(plan, last));
      cell.last = last;
      const telling = last.curve === undefined ? [...curve, last] : curve;
      events.push(...telling.map((metrics): CellEvent => ({ plan, kind: "progress", metrics })));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      if (!cell.isUnreadable) events.push({ plan, kind: "remark", message: error.message });
      cell.isUnreadable = true;
    }
    return events;
  }
}

/** Whether a cell has made its last update. */
const isAtEnd = (last: Metrics | null): boolean => last !== null && last.update === last.updates;

const resumedAt = (plan: CellPlan, { update, updates, step }: Metrics): CellEvent => ({
  ...{ plan, kind: "resumed", update, updates, step },
});

/** By id: what cells of a run logged so far. A log that cannot be read says nothing: it is only shown. */
export function pastOf(run: string, plans: readonly CellPlan[]): Map<string, Past> {
  const past = new Map<string, Past>();
  for (const { id } of plans) {
    try {
      const { curve, last } = newsIn(new LineFollower(cellPaths(run, id).metrics));
      past.set(id, {
        candidates: curve.flatMap(({ step, curve: point }) => (point === undefined ? [] : [candidateOf(step, point)])),
        metrics: last,
      });
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
    }
  }
  return past;
}

/** What a log has that is new: the points of the curve and the last update. */
function newsIn(log: LineFollower): { curve: Metrics[]; last: Metrics | null; isAgain: boolean } {
  let curve: Metrics[] = [];
  let last: Metrics | null = null;
  let isAgain = false;
  for (let isMore = true; isMore; ) {
    const next = log.next();
    if (next.isAgain) [curve, last, isAgain] = [[], null, true];
    const found = curveIn(next.lines, log.path, next.first);
    curve.push(...found.curve);
    last = found.last ?? last;
    isMore = next.isMore;
  }
  return { curve, last, isAgain };
}
