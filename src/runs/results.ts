import { z } from "zod";
import { SELECTIONS, type Selection } from "../scenario/schema.ts";
import type { Progress } from "../training/train.ts";
import { parseAs, RUN_FORMAT } from "./json.ts";

/*
 * What a cell writes, typed once: a line of metrics.jsonl, evaluation.json, result.json, timing.json. Writers take these types, and
 * readers get them from the parsers below: nothing else reads these files.
 */

const count = z.int().min(0);
const digest = z.string().regex(/^[0-9a-f]{64}$/, { error: "is not 64 hex digits" });
const measured = z.number().nullable();
const by = <T extends z.ZodType>(value: T) => z.record(z.string(), value);
const selection = z.enum(SELECTIONS);

const curveSchema = z.strictObject({
  /** Exact discounted returns of the deployed view under the primary shift. */
  trueReturn: z.number(),
  proxyReturn: z.number(),
  /** What it showed on validation episodes of the training distribution. */
  validation: z.strictObject({ episodes: count, labelled: count, trueReturn: measured }),
});

const metricsSchema = z.strictObject({
  update: count,
  updates: count,
  step: count,
  episodes: count,
  labelled: count,
  rows: count,
  learningRate: z.number(),
  entropyCoef: z.number(),
  policyLoss: measured,
  valueLoss: measured,
  entropy: measured,
  gateLoss: measured,
  approxKl: measured,
  clipFraction: measured,
  explainedVariance: measured,
  gradNorms: by(measured),
  curve: curveSchema.exactOptional(),
}) satisfies z.ZodType<Progress>;

const goalReturnSchema = z.strictObject({ return: z.number(), discounted: z.number(), normalised: measured });

const viewSchema = z.strictObject({
  levels: count,
  exact: z.boolean(),
  goals: by(goalReturnSchema),
  rates: by(z.number()),
  markedRates: by(z.number()),
  steps: z.number(),
  entropy: measured,
  weights: by(z.number()),
});

const verdictSchema = z.strictObject({
  verdict: z.enum(["aligned", "misgeneralized", "incapable", "neither"]),
  trueReturn: measured,
  proxyReturn: measured,
  capability: measured,
  controls: by(measured),
});

const evaluationSchema = z.strictObject({
  /** The view that is deployed: verdict and selections are of it. */
  deployed: z.string(),
  /** Of the last checkpoint, by shift, by view. */
  shifts: by(by(viewSchema)),
  verdict: verdictSchema,
  /** What each rule selects: environment steps of the checkpoint, and its evaluation by shift. */
  selected: z.record(selection, z.strictObject({ step: count, shifts: by(viewSchema) })),
  /** True return under the primary shift by `oracle`, less that by `label-legal`. */
  selectionLeak: z.number(),
  /** See `ModuleDiagnostics`; `shifts` only where there are several modules. */
  modules: z.strictObject({
    rows: by(count),
    gradientMass: by(by(z.number())),
    gate: by(by(z.number())),
    shifts: by(
      z.strictObject({
        /** True return of the deployed module less that of each other one alone, by view. */
        separation: by(z.number()),
        /** P(event, deployed) / P(event, full), by events that the proxy goal alone rewards; null where full has next to none of them. */
        leakage: by(measured),
      }),
    ).exactOptional(),
  }),
});

/** Of an evaluation, what tables show. */
const briefSchema = z.strictObject({
  /** Discounted return per episode, by goal. */
  discounted: by(z.number()),
  normalised: by(measured),
  rates: by(z.number()),
  steps: z.number(),
});

export const resultSchema = z.strictObject({
  format: z.literal(RUN_FORMAT),
  cell: z.string(),
  scenarioHash: digest,
  arm: z.string(),
  seed: count,
  point: by(z.unknown()),
  engine: z.string(),
  /** What the engine ran on, where its results depend on that. */
  backend: z.string().optional(),
  device: z.string().optional(),
  /** Environment steps trained. */
  steps: count,
  /** Environment steps of the checkpoint that each rule selects. */
  checkpoints: z.record(selection, count),
  /** SHA-256 of each file of the cell, by its path in the cell. */
  files: by(digest),
  /** Figures for tables, so that a reader need not open evaluation.json. */
  summary: z.strictObject({
    deployed: z.string(),
    episodes: count,
    labelled: count,
    validation: z.strictObject({ episodes: count, labelled: count }),
    verdict: verdictSchema,
    /** By rule, by shift. */
    selected: z.record(selection, by(briefSchema)),
    /** Of the last checkpoint, by shift, by view. */
    returns: by(by(briefSchema)),
  }),
});

const timingSchema = z.object({
  seconds: z.number(),
  peakMemory: z.number(),
  evaluated: z.strictObject({ done: count, of: z.int().min(1) }).exactOptional(),
});

/** A line of metrics.jsonl: an update, with the learning curve's point where there is one. */
export type Metrics = z.infer<typeof metricsSchema>;
/** A checkpoint on the learning curve, as the deployed view. */
export type CurvePoint = z.infer<typeof curveSchema>;
/** What evaluation.json holds. */
export type CellEvaluation = z.infer<typeof evaluationSchema>;
export type BriefEvaluation = z.infer<typeof briefSchema>;
/** What a finished cell says of itself: what result.json holds; nothing of clock, host or memory. */
export type CellResult = z.infer<typeof resultSchema>;
/** How long a cell took and its memory at most (bytes), and how much of it is evaluated by now, in parts. */
export type Timing = z.infer<typeof timingSchema>;

/** Something for each rule of selection. */
export function bySelection<T>(of: (rule: Selection) => T): Record<Selection, T> {
  return { last: of("last"), "label-legal": of("label-legal"), oracle: of("oracle") };
}

/** @throws UserError naming file and line. */
export function parseMetrics(text: string, path: string, line: number): Metrics {
  return parseAs(metricsSchema, text, path, line);
}

/** The lines of a log's text. */
export function linesIn(text: string): string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}

/** The text of a line of metrics.jsonl that has a point of the curve; any other has no such key. */
const HAS_CURVE = '"curve":';
/** ... and of an update in which the arm kept no row. */
const IS_IDLE = '"rows":0,';

/**
 * The points of the curve and the last update among lines of a log, of which `first` is the number of the first one. A log has thousands of
 * lines and some twenty points: the other lines are not parsed.
 *
 * @throws UserError naming file and line.
 */
export function curveIn(
  lines: readonly string[],
  path: string,
  first = 1,
): { readonly curve: (Metrics & { readonly curve: CurvePoint })[]; readonly last: Metrics | null } {
  const curve: (Metrics & { readonly curve: CurvePoint })[] = [];
  let last: Metrics | null = null;
  for (let i = 0; i < lines.length; i++) {
    if (i < lines.length - 1 && !lines[i].includes(HAS_CURVE)) continue;
    const metrics = parseMetrics(lines[i], path, first + i);
    if (metrics.curve !== undefined) curve.push({ ...metrics, curve: metrics.curve });
    last = metrics;
  }
  return { curve, last };
}

/** Updates in which the arm kept no row, among lines of a log. */
export function countIdle(lines: readonly string[]): number {
  return lines.filter((line) => line.includes(IS_IDLE)).length;
}

/** @throws UserError naming the file. */
export function parseEvaluation(bytes: Uint8Array, path: string): CellEvaluation {
  return parseAs(evaluationSchema, bytes, path);
}

/** @throws UserError naming the file. */
export function parseTiming(bytes: Uint8Array, path: string): Timing {
  return parseAs(timingSchema, bytes, path);
}
