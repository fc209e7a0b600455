/**
 * An arm: one experimental condition, as a plain record, so that arms are compared mechanically. A control differs from
 * `route` in exactly its declared fields (test/routing/arms.test.ts).
 */
export interface Arm {
  readonly name: string;
  readonly about: string;
  /**
   * What the learner is paid: `proxy`: the proxy goal's reward on everything; `labelled`: the true reward where the overseer showed it,
   * and on unlabelled episodes what the scenario's `oversight.unlabelled` says; `true`: the true reward on everything.
   */
  readonly reward: "proxy" | "labelled" | "true";
  /** Which episodes are trained on; `matched`: in each update as many as were inspected, drawn from all. */
  readonly keep: "all" | "labelled" | "matched";
  /** `single`: one module; `several`: the scenario's `agent.modules`. */
  readonly modules: "single" | "several";
  /** Whether labels decide which modules may learn; `mean`: every module learns from every row, by what routes would let through on average. */
  readonly routing: "labels" | "off" | "mean";
  /**
   * `given` by the overseer; `random`: the same episodes labelled, each label drawn uniformly from the routes; `shuffled`: the labels of
   * each update dealt out anew among its labelled episodes.
   */
  readonly labels: "given" | "random" | "shuffled";
  /** `scenario`: as `agent.gate` says; `fixed`: equal parts whatever it says. */
  readonly gate: "scenario" | "fixed";
}

const route: Arm = {
  name: "route",
  about: "proxy reward on everything; labels decide which module may learn (gradient routing)",
  reward: "proxy",
  keep: "all",
  modules: "several",
  routing: "labels",
  labels: "given",
  gate: "scenario",
};

const naive: Arm = {
  name: "naive",
  about: "true reward where labelled, the proxy's elsewhere; one module",
  reward: "labelled",
  keep: "all",
  modules: "single",
  routing: "off",
  labels: "given",
  gate: "scenario",
};

/** The built-in arms by name. Sources: Cloud et al. 2024 (arXiv:2410.04332), section 4.3 and appendix F; docs/routing.md. */
export const ARMS: ReadonlyMap<string, Arm> = new Map(
  [
    naive,
    { ...naive, name: "filter", about: "true reward, labelled episodes only; one module", keep: "labelled" as const },
    { ...naive, name: "oracle", about: "true reward on everything; one module", reward: "true" as const },
    {
      ...naive,
      name: "oracle-matched",
      about: "true reward on as many episodes as were labelled, drawn from all; one module",
      reward: "true" as const,
      keep: "matched" as const,
    },
    route,
    {
      ...route,
      name: "route-random-labels",
      about: "placebo: as route, each label replaced by a fair draw",
      labels: "random" as const,
    },
    {
      ...route,
      name: "route-shuffled-labels",
      about: "placebo: as route, the labels dealt out anew among the labelled episodes",
      labels: "shuffled" as const,
    },
    {
      ...route,
      name: "moe-no-route",
      about: "placebo: as route, the gate's loss stays, every module learns from everything",
      routing: "off" as const,
    },
    { ...route, name: "route-no-gate", about: "as route, modules mixed in equal parts", gate: "fixed" as const },
    {
      ...route,
      name: "shrinkage-matched",
      about: "placebo: as route, every module learns from everything, by the routes' mean mask",
      routing: "mean" as const,
    },
  ].map((arm) => [arm.name, arm]),
);

/** `route` without what is claimed to work, labels or masks: a claim about `route` stands on nothing without them beside it. */
export const PLACEBOS: readonly string[] = [
  "route-random-labels",
  "route-shuffled-labels",
  "moe-no-route",
  "shrinkage-matched",
];

/** What a label means for learning: index of the route -> indices of the modules that may learn. */
export interface Routes {
  /** Labels, in the order of their indices. */
  readonly labels: readonly string[];
  /** For each label the modules that may learn, as indices into `modules`. */
  readonly learners: readonly (readonly number[])[];
  readonly modules: readonly string[];
}

/** The scenario's routes as indices. @throws RangeError when a route names a module that is not there. */
export function createRoutes(routes: Readonly<Record<string, readonly string[]>>, modules: readonly string[]): Routes {
  // Sorted, so that a label's index does not depend on the order in which a file names the routes.
  const labels = Object.keys(routes).sort();
  const learners = labels.map((label) =>
    routes[label].map((module) => {
      const index = modules.indexOf(module);
      if (index < 0)
        throw new RangeError(`createRoutes: route ${label} names ${module}, expected one of ${modules.join(", ")}`);
      return index;
    }),
  );
  return { labels, learners, modules };
}
