import type { Arm } from "../arm.ts";
import { route } from "./route.ts";

/*
 * `route` without what is claimed to work, labels or masks. Each differs from it in one field (test/routing/arms.test.ts).
 */

/** Shapes that Vega has no name for. */
const HEXAGON = "M0,-1L.87,-.5L.87,.5L0,1L-.87,.5L-.87,-.5Z";
const SALTIRE = "M-.9,-.6L-.6,-.9L0,-.3L.6,-.9L.9,-.6L.3,0L.9,.6L.6,.9L0,.3L-.6,.9L-.9,.6L-.3,0Z";

export const routeRandomLabels: Arm = {
  ...route,
  name: "route-random-labels",
  about: "placebo: as route, each label replaced by a fair draw",
  role: "placebo",
  look: { color: "#CC79A7", shape: "triangle-down" },
  labels: "random",
};

export const routeShuffledLabels: Arm = {
  ...route,
  name: "route-shuffled-labels",
  about: "placebo: as route, the labels dealt out anew among the labelled episodes",
  role: "placebo",
  look: { color: "#882255", shape: HEXAGON },
  labels: "shuffled",
};

export const moeNoRoute: Arm = {
  ...route,
  name: "moe-no-route",
  about: "placebo: as route, the gate's loss stays, every module learns from everything",
  role: "placebo",
  look: { color: "#E69F00", shape: "cross" },
  routing: "off",
};

export const shrinkageMatched: Arm = {
  ...route,
  name: "shrinkage-matched",
  about: "placebo: as route, every module learns from everything, by the routes' mean mask",
  role: "placebo",
  look: { color: "#332288", shape: SALTIRE },
  routing: "mean",
};
