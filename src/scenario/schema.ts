import { z } from "zod";
import { MOST_CONVOLUTIONS } from "../compute/engine.ts";
import type { WorldOptions } from "../envs/world.ts";
import { WORLDS } from "../envs/worlds/table.ts";
import type { OverseerOptions } from "../oversight/overseer.ts";
import { OVERSEERS } from "../oversight/overseers/table.ts";
import { ARMS } from "../routing/arms/table.ts";

/*
 * The scenario file: one strict schema, from which scenarios/schema.json is generated (npm run schema).
 * Every field says what it is, its unit and range; defaults are the recipe of docs/ppo.md.
 */

const fraction = z.number().min(0).max(1);
const positiveInteger = z.number().int().min(1);
const name = z.string().regex(/^[a-z][a-z0-9-]*$/, "expected lower-case letters, digits and hyphens, a letter first");
const channels = z.number().int().min(0).max(256).optional();
const widths = z.array(positiveInteger.max(4096)).min(1).max(8);

/** What a scenario says beside a kind's own options, whatever the overseer. */
const overseerFlags = {
  visible: z.boolean().default(true).describe("whether the policy sees the marks"),
  unlabelled: z
    .enum(["withheld", "zero", "proxy"])
    .default("proxy")
    .describe("what `naive` is paid on unlabelled episodes: nothing is kept, 0, or the proxy goal's reward"),
  // No default, so that scenarios from before there was a choice keep their hash.
  label: z
    .enum(["last", "first"])
    .optional()
    .meta({ default: "last" })
    .describe("which step decides the label: the last, or the first, that is seen and has an event with a route"),
};

/** The part of a scenario that names a kind: the kind's own options and what all have; the kind tells them apart. */
function kindSchema<Part>(
  definitions: ReadonlyMap<string, { readonly options: z.ZodObject }>,
  shared: z.ZodRawShape = {},
): z.ZodType<Part> {
  const [first, ...others] = [...definitions].map(([kind, { options }]) =>
    z.strictObject({ kind: z.literal(kind), ...options.shape, ...shared }),
  );
  return z.discriminatedUnion("kind", [first, ...others]) as unknown as z.ZodType<Part>;
}

/** A scenario's `oversight`. */
export interface OversightOptions extends OverseerOptions {
  readonly unlabelled: "withheld" | "zero" | "proxy";
  readonly label?: "last" | "first";
}

const agentSchema = z.strictObject({
  modules: z.array(name).min(2).max(8).describe("motivation modules of the routed arms"),
  hidden: widths.default([64, 64]).describe("widths of each module's ReLU layers"),
  gate: z.enum(["learned", "fixed"]).default("learned").describe("how the modules are mixed; fixed: equal parts"),
  gateHidden: widths.optional().describe("widths of the gate's ReLU layers; as `hidden` where left out"),
  critic: widths.default([64, 64]).describe("widths of the critic's ReLU layers"),
  conv: z
    .array(
      z.strictObject({
        channels: positiveInteger.max(256).describe("outputs at each place"),
        kernel: positiveInteger.max(15).describe("rows and columns that an output looks at"),
        stride: positiveInteger
          .max(15)
          .optional()
          .describe("rows and columns from one output to the next; 1 where left out"),
      }),
    )
    .min(1)
    .max(MOST_CONVOLUTIONS)
    .optional()
    .describe(
      "convolutions with ReLU before the first layer of each module, the gate and the critic; none where left out",
    ),
  gateConv: channels.describe("channels of a 1x1 convolution before the gate's first layer; 0, or left out: none"),
  criticConv: channels.describe("channels of a 1x1 convolution before the critic's first layer; 0, or left out: none"),
  init: z
    .enum(["uniform", "orthogonal", "kaiming"])
    .default("uniform")
    .describe(
      "uniform: first layer U(+-.1), hidden U(+-.7 sqrt(6/H)), heads U(+-.17/sqrt(H)); kaiming: U(+-1/sqrt(H)); biases 0",
    ),
});

/** A weight in the loss, or a bound; engines hold it as float32, in whose range its products have to stay. */
const weight = z.number().min(0).max(1e6);
const span = z.union([weight, z.tuple([weight, weight])]);

const trainFields = {
  worlds: positiveInteger.max(4096).describe("worlds that step side by side"),
  rollout: positiveInteger.max(65_536).describe("steps of each world per update"),
  steps: positiveInteger.max(1e10).describe("environment steps; whole updates, rounded down, at least one"),
  learningRate: z.number().min(1e-12).max(1).describe("Adam's learning rate at the first update"),
  anneal: z.enum(["linear", "none"]).describe("learning rate over the updates: linear to 0, or constant"),
  adamEps: z.number().min(1e-16).max(1).describe("added to the root of Adam's second moment"),
  valueCoef: weight.describe("weight of the critic's loss, half the mean squared error"),
  entropyCoef: span.describe("entropy bonus: a number, or [first, last] over the updates, linear"),
  gateCoef: weight.describe("weight of the gate's cross-entropy on labelled steps"),
  unlabelledRoute: z
    .enum(["all", "hard"])
    .default("all")
    .describe("which modules of a routed arm learn from unlabelled steps: all, or the one that the gate weighed most"),
  maxGradNorm: weight.describe("bound on the gradient's norm; 0 is off; the critic has its own"),
  clip: z.enum(["policy", "module"]).default("policy").describe("one norm over the policy, or one for each module"),
  tails: z
    .enum(["carry", "all", "drop"])
    .describe("steps of episodes that run on past the window: trained when they end, at once (unlabelled), or never"),
};

export const ppoSchema = z.strictObject({
  // Optional within, so that a scenario that names no algorithm is found to be this one.
  algorithm: z.literal("ppo").optional().default("ppo").describe("how the policy is trained"),
  steps: trainFields.steps.default(3_000_000),
  worlds: trainFields.worlds.default(64),
  rollout: trainFields.rollout.default(128),
  epochs: positiveInteger.max(100).default(2).describe("passes over each update's steps"),
  minibatches: positiveInteger.max(4096).default(8).describe("optimiser steps per epoch; sizes differ by at most one"),
  learningRate: trainFields.learningRate.default(1e-3),
  anneal: trainFields.anneal.default("linear"),
  adamEps: trainFields.adamEps.default(1e-5),
  gaeLambda: fraction.default(0.95).describe("lambda of the generalised advantage estimates"),
  clipRange: z.number().min(1e-6).max(10).default(0.2).describe("bound on the probability ratio"),
  valueClip: weight.default(0).describe("bound on the critic's change, reward units; 0 is off"),
  valueCoef: trainFields.valueCoef.default(0.5),
  entropyCoef: trainFields.entropyCoef.default([0.1, 0]),
  gateCoef: trainFields.gateCoef.default(0.3),
  unlabelledRoute: trainFields.unlabelledRoute,
  maxGradNorm: trainFields.maxGradNorm.default(0.5),
  clip: trainFields.clip,
  normaliseAdvantages: z
    .enum(["batch", "minibatch", "none"])
    .default("batch")
    .describe("mean 0 and deviation 1 over all rows of the update, over each minibatch, or as they are"),
  tails: trainFields.tails.default("carry"),
});

/** What the original code does beside its paper, see src/scenario/loop-options.ts. */
export const QUIRKS = ["staleObservation", "lateTimeout", "unfinishedTails", "linearCritic", "keptFraction"] as const;
export type Quirk = (typeof QUIRKS)[number];

/** The trainer of Cloud et al. 2024, one gradient step per window: docs/ppo.md, "reinforce". */
export const reinforceSchema = z.strictObject({
  algorithm: z.literal("reinforce").describe("how the policy is trained"),
  steps: trainFields.steps.default(327_680_000),
  worlds: trainFields.worlds.default(512),
  rollout: trainFields.rollout.default(32),
  learningRate: trainFields.learningRate.default(5e-5),
  anneal: trainFields.anneal.default("none"),
  adamEps: trainFields.adamEps.default(1e-8),
  valueCoef: trainFields.valueCoef.default(1),
  entropyCoef: trainFields.entropyCoef.default(0.1),
  gateCoef: trainFields.gateCoef.default(0.01),
  unlabelledRoute: trainFields.unlabelledRoute,
  maxGradNorm: trainFields.maxGradNorm.default(0),
  clip: trainFields.clip,
  tails: trainFields.tails.default("all"),
  quirks: z
    .union([z.enum(["original", "none"]), z.array(z.enum(QUIRKS)).min(1).max(QUIRKS.length)])
    .default("none")
    .describe("what the original code does beside its paper: all of it, none of it, or a list of these"),
});

const trainSchema = z.discriminatedUnion("algorithm", [ppoSchema, reinforceSchema]);

/** Rules that choose which checkpoint of a training is reported (select.ts). */
export const SELECTIONS = ["last", "label-legal", "oracle"] as const;
export type Selection = (typeof SELECTIONS)[number];

/** The scenario's own distribution among the shifts: no shift may take its name. */
export const TRAINING = "training";

const value: z.ZodType<unknown> = z.unknown();
const grid = z.record(z.string(), z.array(value).min(1));

/** Keys in one order, whatever the file's: results must not depend on how a scenario is written down. */
const inOrder = <T>(record: Record<string, T>): Record<string, T> =>
  Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));

const composeSchema = () =>
  z.strictObject({
    name: name.describe("names the run directory"),
    about: z.string().max(2000).default("").describe("what it shows, for people; the first line is listed"),
    world: kindSchema<WorldOptions>(WORLDS),
    goals: z
      .record(name, z.record(name, z.number().min(-1e6).max(1e6)))
      .transform(inOrder)
      .describe("goal -> event -> reward; `true` is the one that is meant, `proxy` the one that anyone can see"),
    routes: z
      .record(name, z.array(name).min(1))
      .transform(inOrder)
      .describe("label (an event) -> modules that may learn from it"),
    discount: fraction.default(0.97).describe("what a reward is worth one step later, as a fraction"),
    oversight: kindSchema<OversightOptions>(OVERSEERS, overseerFlags),
    agent: agentSchema,
    train: trainSchema.prefault({}),
    arms: z
      .array(z.enum([...ARMS.keys()]))
      .min(1)
      .describe("what is compared; see `halfwatch list arms`"),
    seeds: z
      .union([
        z.number().int().min(1).max(10_000),
        z
          .array(
            z
              .number()
              .int()
              .min(0)
              .max(2 ** 31),
          )
          .min(1)
          .max(10_000),
      ])
      .default(20)
      .describe("how many (0, 1, ...), or which"),
    shift: z
      .record(name, z.record(z.string(), value))
      .default({})
      .transform(inOrder)
      .describe("named test distributions: key path -> value, on top of the scenario"),
    sweep: z
      .union([grid, z.array(grid).min(1).max(10_000)])
      .default({})
      .describe(
        "key path -> values, crossed; or a list of such maps, in which arms and seeds may choose some of the scenario's",
      ),
    evaluation: z
      .strictObject({
        levels: positiveInteger
          .max(1_000_000)
          .default(1000)
          .describe("levels drawn where they cannot all be enumerated"),
        validationEpisodes: positiveInteger
          .max(1_000_000)
          .default(2000)
          .describe(
            "episodes that each checkpoint plays for the selection `label-legal`; the inspected ones are counted as cost",
          ),
      })
      .prefault({}),
    primary: z
      .strictObject({
        metric: z
          .enum(["true-return", "proxy-return"])
          .default("true-return")
          .describe("discounted return under which goal"),
        shift: name.default("unseen").describe("the test distribution, a name of `shift`, or training"),
        select: z.enum(SELECTIONS).default("last").describe("which checkpoint is reported"),
      })
      .prefault({})
      .describe("the one number that is compared, fixed before the first cell"),
  });

/** The schema of a scenario, over the kinds that there are now: those that a scenario brings are added (own-kinds.ts). */
export let scenarioSchema = composeSchema();

/** Compose the schema anew, after a kind was added to a table. */
export function recomposeSchema(): void {
  scenarioSchema = composeSchema();
}

/** A scenario with every default filled in. */
export type Scenario = z.output<typeof scenarioSchema>;
export type AgentOptions = Scenario["agent"];
export type TrainOptions = Scenario["train"];
