import type { CellOutcome } from "../runs/outcome.ts";
import type { CellPlan } from "../runs/plan.ts";
import type { Metrics } from "../runs/results.ts";
import type { Candidate } from "../training/selection.ts";
import type { Evaluated } from "./cell.ts";
import type { CellEvent } from "./launcher.ts";

/** `elsewhere`: another process trains it. */
export type CellState = "waiting" | "running" | "elsewhere" | "done" | "failed";

/** A learning curve: environment steps and the discounted true return there, steps ascending. */
export type Curve = readonly (readonly [step: number, trueReturn: number])[];

/** One cell as a display needs it. */
export interface CellView {
  readonly plan: CellPlan;
  readonly state: CellState;
  /** It waits, as control.json asks. */
  readonly isPaused: boolean;
  /** Fraction of its updates that are done, [0, 1]. */
  readonly fraction: number;
  /** Fraction of its updates that were done when this command took it up. */
  readonly begun: number;
  /** How much of it is evaluated; null before its training is over. Of one that is done, nothing is said. */
  readonly evaluated: Evaluated | null;
  readonly step: number;
  /** Environment steps that were taken since this command took it up. */
  readonly taken: number;
  /** Latest discounted true return of the deployed view under the primary shift; null before the first. */
  readonly trueReturn: number | null;
  /** The points of its learning curve, each a checkpoint, steps ascending. */
  readonly candidates: readonly Candidate[];
  /** Of its latest update; null before the first. */
  readonly metrics: Metrics | null;
  readonly seconds: number | null;
  /** Bytes that its process had at most so far; null where that is not known. */
  readonly peakMemory: number | null;
  readonly message: string | null;
  /** Where it failed: "at update 12 of 366". */
  readonly where: string | null;
}

/** A run as a display needs it: a value that {@link advance} makes anew from each event. */
export interface RunView {
  readonly cells: ReadonlyMap<string, CellView>;
  /** What cells that are done came to, by id, as far as that is known. */
  readonly outcomes: ReadonlyMap<string, CellOutcome>;
  /** Cells that had a result before this command began. */
  readonly before: number;
  /** Environment steps taken by this command. */
  readonly steps: number;
  /** What cells are trained on; null where none has said so. */
  readonly device: string | null;
}

/** What a cell's log says of its past. */
export type Past = Pick<CellView, "candidates" | "metrics">;

/** A run before its first event. By id: the returns of cells that are finished, and what logs say of earlier attempts. */
export function beginRun(
  plans: readonly CellPlan[],
  finished: ReadonlyMap<string, number | null>,
  past: ReadonlyMap<string, Past> = new Map(),
): RunView {
  const cells = new Map(
    plans.map((plan): [string, CellView] => {
      const done = finished.has(plan.id);
      return [
        plan.id,
        {
          plan,
          state: done ? "done" : "waiting",
          isPaused: false,
          fraction: done ? 1 : 0,
          begun: done ? 1 : 0,
          evaluated: null,
          step: 0,
          taken: 0,
          trueReturn: finished.get(plan.id) ?? null,
          candidates: [],
          metrics: null,
          ...past.get(plan.id),
          seconds: null,
          peakMemory: null,
          message: null,
          where: null,
        },
      ];
    }),
  );
  return { cells, outcomes: new Map(), before: finished.size, steps: 0, device: null };
}

/** The run after an event. */
export function advance(run: RunView, event: CellEvent): RunView {
  const before = run.cells.get(event.plan.id);
  if (before === undefined) return run;
  let after = before;
  let { steps, device } = run;
  switch (event.kind) {
    case "started":
      after = {
        ...before,
        state: "running",
        ...{ fraction: 0, begun: 0, evaluated: null, step: 0, message: null, where: null },
      };
      break;
    case "resumed": {
      const { update, updates, step } = event;
      after = { ...before, fraction: update / updates, begun: update / updates, step };
      break;
    }
    case "evaluating": {
      const { done, of } = event;
      after = { ...before, fraction: 1, evaluated: { done, of } };
      break;
    }
    case "held":
      after = { ...before, state: "elsewhere" };
      break;
    case "paused":
    case "unpaused":
      after = { ...before, isPaused: event.kind === "paused" };
      break;
    case "remark":
      break;
    case "stopped":
      after = { ...before, state: "waiting", isPaused: false, evaluated: null };
      break;
    case "found":
      after = { ...before, state: "done", isPaused: false, fraction: 1, begun: 1 };
      break;
    case "progress": {
      const { update, updates, step, curve } = event.metrics;
      device = event.process?.device ?? device;
      steps += step - before.step;
      // A cell that began anew or went back to where it was saved makes the later points of its curve again.
      const isAgain = before.candidates.some((each) => each.step >= step);
      const kept = isAgain ? before.candidates.filter((each) => each.step < step) : before.candidates;
      after = {
        ...before,
        fraction: update / updates,
        step,
        taken: before.taken + step - before.step,
        metrics: event.metrics,
        peakMemory: event.process?.peakMemory ?? before.peakMemory,
        candidates: curve === undefined ? kept : [...kept, candidateOf(step, curve)],
        trueReturn: curve?.trueReturn ?? before.trueReturn,
      };
      break;
    }
    case "finished":
      after = {
        ...before,
        ...{ state: "done", isPaused: false, fraction: 1, seconds: event.seconds, peakMemory: event.peakMemory },
      };
      break;
    case "failed":
      after = {
        ...before,
        state: "failed",
        isPaused: false,
        where: event.where,
        message: event.hint === undefined ? event.message : `${event.message}\n  ${event.hint}`,
      };
      break;
  }
  return { ...run, cells: new Map(run.cells).set(event.plan.id, after), steps, device };
}

/** A point of the curve as the rules of selection see it. */
export function candidateOf(step: number, { trueReturn, validation }: NonNullable<Metrics["curve"]>): Candidate {
  return { step, trueReturn, validation };
}

export const curveOf = ({ candidates }: CellView): Curve =>
  candidates.map(({ step, trueReturn }) => [step, trueReturn]);

export function countCells({ cells }: RunView): Record<CellState, number> {
  const counts = { waiting: 0, running: 0, elsewhere: 0, done: 0, failed: 0 };
  for (const { state } of cells.values()) counts[state]++;
  return counts;
}

/** Whether a cell is trained now; none is while the run is paused, nor when it is complete or nobody trains it. */
export const isAtWork = ({ cells }: RunView): boolean =>
  [...cells.values()].some(({ state, isPaused }) => state === "elsewhere" || (state === "running" && !isPaused));

/** A clock that goes while the run is at work. */
export interface WorkClock {
  /** Seconds of work until `now`. */
  readonly seconds: number;
  /** Seconds since the command began. */
  readonly now: number;
  /** Seconds that cells took together, side by side or not, for training and for being evaluated. */
  readonly training: number;
  readonly evaluating: number;
}

export const STOPPED_CLOCK: WorkClock = { seconds: 0, now: 0, training: 0, evaluating: 0 };

/** The clock after some time in which the run was as it is given. */
export function goOn(clock: WorkClock, run: RunView, now: number): WorkClock {
  const passed = isAtWork(run) ? now - clock.now : 0;
  const running = [...run.cells.values()].filter(({ state, isPaused }) => state === "running" && !isPaused);
  const evaluating = running.filter(({ evaluated }) => evaluated !== null).length;
  return {
    seconds: clock.seconds + passed,
    now,
    training: clock.training + passed * (running.length - evaluating),
    evaluating: clock.evaluating + passed * evaluating,
  };
}

/**
 * Seconds left: what cells still have to be trained and evaluated, at the pace of those that were so far, as many side by side as so far.
 * Null before there is anything to go by. How long an evaluation takes is known once one has begun.
 */
export function secondsLeft(run: RunView, { seconds, training, evaluating }: WorkClock): number | null {
  let [trained, toTrain, evaluated, toEvaluate] = [0, 0, 0, 0];
  for (const { fraction, begun, state, evaluated: parts } of run.cells.values()) {
    // One that was done before this command took no time of it, and of one that failed nothing is left.
    if (begun === 1 && parts === null) continue;
    const part = state === "done" ? 1 : parts === null ? 0 : parts.done / parts.of;
    trained += fraction - begun;
    evaluated += part;
    if (state === "failed") continue;
    toTrain += 1 - fraction;
    toEvaluate += 1 - part;
  }
  if (trained + evaluated <= 0.01 || training + evaluating === 0) return null;
  const left = perUnit(training, trained) * toTrain + perUnit(evaluating, evaluated) * toEvaluate;
  return (left * seconds) / (training + evaluating);
}

/** Seconds for a whole one, where `done` took so many; 0 where none was begun. */
const perUnit = (seconds: number, done: number): number => (done > 0 ? seconds / done : 0);
