import { grouped } from "../../../src/report/format.ts";
import type { ReturnBounds } from "../../../src/report/summary.ts";
import type { CellEvent } from "../../../src/runner/launcher.ts";
import {
  type CellView,
  type Curve,
  goOn,
  type RunView,
  STOPPED_CLOCK,
  type WorkClock,
} from "../../../src/runner/progress.ts";
import { listSeeds } from "../../../src/scenario/load.ts";
import type { Scenario } from "../../../src/scenario/schema.ts";
import { createSetting } from "../../../src/scenario/setting.ts";
import { expandSweep, nameInFull, placing, type SweepPoint } from "../../../src/scenario/sweep.ts";
import { updatesIn } from "../../../src/training/train.ts";
import { cellName, findingOn, remarkOn } from "../../run/event-lines.ts";
import { short } from "../../text/numbers.ts";
import type { LiveEpisode } from "./live-episode.ts";

/** A point of the sweep: what its cells have in common. */
interface Point {
  /** Of every swept key. */
  readonly values: Readonly<Record<string, unknown>>;
  /** Environment steps of a cell. */
  readonly steps: number;
  /** Cells of its maps. */
  readonly map: { readonly height: number; readonly width: number };
  /** Null until they have been computed. */
  readonly bounds: ReturnBounds | null;
}

/** A run after so many seconds of work. */
interface Sample {
  readonly elapsed: number;
  readonly run: RunView;
}

/** What a cell's policy is playing. */
export interface Live {
  readonly cell: string;
  /** Null while the cell has saved no policy. */
  readonly episode: LiveEpisode | null;
  /** Steps that were shown. */
  readonly at: number;
}

/** What trains the cells. */
interface EngineChosen {
  readonly name: string;
  /** `2 cells x 1 thread`; empty where another process decided it. */
  readonly spread: string;
  /** Why it is this one, in a few words; empty where another process chose it. */
  readonly why: string;
}

/** A line of the log, after so many seconds of work; null for what was over when the command first looked. */
interface LogLine {
  readonly elapsed: number | null;
  readonly text: string;
  readonly isBad: boolean;
  /** The cell of which it tells a checkpoint: the next news of that cell take its place. */
  readonly saved?: string;
}

export interface Dashboard {
  /** `halfwatch run: quickstart-5f2c81aa`. */
  readonly title: string;
  /** `run` trains and stops; `watch` only looks and leaves. */
  readonly role: "run" | "watch";
  readonly engine: EngineChosen;
  readonly shift: string;
  readonly arms: readonly string[];
  readonly seeds: readonly number[];
  readonly points: readonly Point[];
  /** Index of its point, by cell. */
  readonly places: ReadonlyMap<string, number>;
  readonly run: RunView;
  readonly clock: WorkClock;
  /** The last seconds of work, oldest first: speeds are measured over them. */
  readonly samples: readonly Sample[];
  /** The latest events, oldest first. */
  readonly log: readonly LogLine[];
  /** Indices of what is selected. */
  readonly arm: number;
  readonly seed: number;
  readonly point: number;
  /** Whether the selected cell fills the screen. */
  readonly isZoomed: boolean;
  /** Whether the selected cell's policy plays beside the curves, where there is room; and what it plays. */
  readonly isLive: boolean;
  readonly live: Live | null;
  /** Why the player could not be opened on a cell. */
  readonly refusal: { readonly cell: string; readonly text: string } | null;
  /** It was asked to stop, and cells are being saved. */
  readonly isStopping: boolean;
}

/** `elapsed`: seconds since the command began. */
export type Action =
  | { readonly kind: "seen"; readonly run: RunView; readonly elapsed: number }
  /** `isFinding`: it was over when the command first looked. */
  | {
      readonly kind: "told";
      readonly run: RunView;
      readonly event: CellEvent;
      readonly elapsed: number;
      readonly isFinding?: boolean;
    }
  | { readonly kind: "bounds"; readonly point: number; readonly bounds: ReturnBounds }
  | { readonly kind: "live"; readonly cell: string; readonly episode: LiveEpisode | null }
  | { readonly kind: "live-step" }
  | { readonly kind: "toggle-live" }
  | { readonly kind: "move"; readonly arms: number; readonly seeds: number }
  /** A click on a cell: it is selected, and opened where it was. */
  | { readonly kind: "click"; readonly arm: number; readonly seed: number }
  | { readonly kind: "page"; readonly points: number }
  | { readonly kind: "zoom" }
  | { readonly kind: "back" }
  /** Open the player on the selected cell, which is done outside; and why that cannot be. */
  | { readonly kind: "replay" }
  | { readonly kind: "refused"; readonly cell: string; readonly text: string }
  | { readonly kind: "pause" }
  | { readonly kind: "stop" };

/** Seconds over which speeds are measured. */
const WINDOW = 10;
const LOG_LINES = 200;

export function beginDashboard(
  scenario: Scenario,
  run: RunView,
  { title, role, engine }: Pick<Dashboard, "title" | "role" | "engine">,
  points: readonly SweepPoint[] = expandSweep(scenario),
): Dashboard {
  const placeOf = placing(scenario, points);
  return {
    ...{
      title,
      role,
      engine,
      run,
      shift: scenario.primary.shift,
      arms: scenario.arms,
      seeds: listSeeds(scenario.seeds),
    },
    points: nameInFull(points).map(({ point, scenario: at }) => {
      const { train } = at;
      const { height, width } = createSetting(at).world;
      const steps = updatesIn(train) * train.worlds * train.rollout;
      return { values: point, steps, map: { height, width }, bounds: null };
    }),
    places: new Map(
      [...run.cells.values()].map(({ plan }) => [
        plan.id,
        points.findIndex(({ key }) => key === placeOf(plan.point)?.key),
      ]),
    ),
    ...{ clock: STOPPED_CLOCK, samples: [{ elapsed: 0, run }], log: [] },
    ...{ arm: 0, seed: 0, point: 0, isZoomed: false, isStopping: false, isLive: true, live: null, refusal: null },
  };
}

export function reduce(model: Dashboard, action: Action): Dashboard {
  switch (action.kind) {
    case "seen":
      return seen(model, action.run, action.elapsed);
    case "told": {
      const { run, event, isFinding } = action;
      const text = isFinding ? findingOn(run, event, { shift: model.shift }) : sentence(model, run, event);
      const now = seen(model, run, action.elapsed);
      const after = now.refusal?.cell === event.plan.id ? { ...now, refusal: null } : now;
      if (text === null) return after;
      const elapsed = isFinding ? null : after.clock.seconds;
      const { id } = event.plan;
      const entry = {
        ...{ elapsed, text, isBad: event.kind === "failed" },
        ...(event.kind === "progress" && { saved: id }),
      };
      const others = model.log.filter(({ saved }) => saved !== id);
      return { ...after, log: [...others, entry].slice(-LOG_LINES) };
    }
    case "bounds":
      return {
        ...model,
        points: model.points.map((each, p) => (p === action.point ? { ...each, bounds: action.bounds } : each)),
      };
    case "live":
      return { ...model, live: { cell: action.cell, episode: action.episode, at: 0 } };
    case "live-step": {
      const { live } = model;
      if (live === null || live.episode === null || live.at >= live.episode.actions.length) return model;
      return { ...model, live: { ...live, at: live.at + 1 } };
    }
    case "toggle-live":
      return { ...model, isLive: !model.isLive };
    case "move": {
      const arm = within(model.arm + action.arms, model.arms.length);
      const seed = within(model.seed + action.seeds, model.seeds.length);
      return arm === model.arm && seed === model.seed ? model : { ...model, arm, seed, refusal: null };
    }
    case "click": {
      const { arm, seed } = action;
      if (arm === model.arm && seed === model.seed) return { ...model, isZoomed: true };
      return { ...model, arm, seed };
    }
    case "page": {
      const point = within(model.point + action.points, model.points.length);
      return point === model.point ? model : { ...model, point };
    }
    case "zoom":
      return { ...model, isZoomed: !model.isZoomed };
    case "back":
      return model.isZoomed ? { ...model, isZoomed: false } : model;
    case "stop":
      return model.isStopping ? model : { ...model, isStopping: true };
    case "refused": {
      const { cell, text } = action;
      return { ...model, refusal: { cell, text } };
    }
    case "pause":
    case "replay":
      return model;
  }
}

const within = (index: number, count: number): number => Math.max(0, Math.min(count - 1, index));

/** The clock is shown in seconds: within one of them only what the run does is news. */
function seen(model: Dashboard, run: RunView, now: number): Dashboard {
  const clock = goOn(model.clock, model.run, now);
  const elapsed = clock.seconds;
  const isSame = Math.floor(elapsed) === Math.floor(model.clock.seconds);
  if (isSame && run === model.run) return model;
  if (isSame) return { ...model, run, clock };
  const samples = [...model.samples, { elapsed, run }];
  // One that is older than the window is kept, so that a speed is of the whole window.
  const first = samples.findLastIndex((sample) => sample.elapsed <= elapsed - WINDOW);
  return { ...model, run, clock, samples: samples.slice(Math.max(0, first)) };
}

/** An event as a line of the log; null where it is no news. */
function sentence({ shift, role, run: before }: Dashboard, run: RunView, event: CellEvent): string | null {
  if (event.kind === "progress") {
    const { step, curve } = event.metrics;
    // `watch` is told of points of which the log spoke before.
    const isKnown = before.cells.get(event.plan.id)?.candidates.some((each) => each.step === step) ?? false;
    if (curve === undefined || isKnown) return null;
    return `${cellName(event.plan)}  step ${grouped(step)} saved  true return ${shift} ${short(curve.trueReturn)}`;
  }
  if (event.kind === "started") return `${cellName(event.plan)} begins`;
  if (event.kind === "stopped")
    return `${cellName(event.plan)} ${role === "run" ? "is saved" : "is no longer trained"}`;
  if (event.kind === "evaluating") {
    const { done, of } = event;
    return done === 0 ? `${cellName(event.plan)} is trained; its evaluation has ${grouped(of)} parts` : null;
  }
  return remarkOn(run, event, { shift });
}

/** The cells of the selected point: a row an arm, a cell a seed. */
export function matrixOf({ run, arms, seeds, places, point }: Dashboard): (CellView | undefined)[][] {
  const cellName = (arm: string, seed: number) => `${arm} ${seed}`;
  const here = [...run.cells.values()].filter(({ plan }) => places.get(plan.id) === point);
  const cells = new Map(here.map((cell) => [cellName(cell.plan.arm, cell.plan.seed), cell]));
  return arms.map((arm) => seeds.map((seed) => cells.get(cellName(arm, seed))));
}

/** The selected cell; undefined where the run has none there. */
export function selectedOf({ run, arms, arm, seeds, seed, places, point }: Dashboard): CellView | undefined {
  return [...run.cells.values()].find(
    ({ plan }) => plan.arm === arms[arm] && plan.seed === seeds[seed] && places.get(plan.id) === point,
  );
}

/** Mean over the seeds that have a point at a step; seeds of one arm share their schedule. */
export function meanCurve(curves: readonly Curve[]): Curve {
  const sums = new Map<number, { sum: number; n: number }>();
  for (const [step, value] of curves.flat()) {
    const { sum, n } = sums.get(step) ?? { sum: 0, n: 0 };
    sums.set(step, { sum: sum + value, n: n + 1 });
  }
  return [...sums].sort(([a], [b]) => a - b).map(([step, { sum, n }]) => [step, sum / n] as const);
}

/** Environment steps a second over the last seconds; of one cell, or of all. Null before there is anything to go by. */
export function speedOf({ samples, run, clock }: Dashboard, id?: string): number | null {
  const before = samples[0];
  const seconds = clock.seconds - before.elapsed;
  if (seconds < 1) return null;
  const stepsOf = (of: RunView) => (id === undefined ? of.steps : (of.cells.get(id)?.taken ?? 0));
  return Math.max(0, stepsOf(run) - stepsOf(before.run)) / seconds;
}

/** Whether a cell waits because the run is paused. */
export const isPaused = ({ run }: Dashboard): boolean =>
  [...run.cells.values()].some((cell) => cell.state === "running" && cell.isPaused);
