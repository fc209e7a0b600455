/**
 * An arm: one experimental condition, as a plain record, so that arms are compared mechanically. A control differs from
 * `route` in exactly its declared fields (test/routing/arms.test.ts).
 */
export interface Arm {
  readonly name: string;
  /** What it does, for people, in one line. */
  readonly about: string;
  /**
   * What it is for in a comparison. `method`: what is claimed to work; `variant`: of the method; `placebo`: the method without what is
   * claimed to work, without which a claim about it stands on nothing; `rival`: another way to use the same labels; `oracle`: it sees
   * what no other arm may.
   */
  readonly role: "method" | "variant" | "placebo" | "rival" | "oracle";
  /** Its look in figures: a colour (`#rrggbb`), and a Vega shape or a path within [-1, 1]. */
  readonly look: { readonly color: string; readonly shape: string };
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

/** What an arm does, without what is said about it and how it is drawn: what its results follow from. */
export function doingOf({ reward, keep, modules, routing, labels, gate }: Arm) {
  return { reward, keep, modules, routing, labels, gate };
}
