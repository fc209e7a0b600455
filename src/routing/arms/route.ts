import type { Arm } from "../arm.ts";

/*
 * Gradient routing: Cloud et al. 2024 (arXiv:2410.04332), section 4.3; docs/routing.md.
 */

export const route: Arm = {
  name: "route",
  about: "proxy reward on everything; labels decide which module may learn (gradient routing)",
  role: "method",
  look: { color: "#D55E00", shape: "circle" },
  reward: "proxy",
  keep: "all",
  modules: "several",
  routing: "labels",
  labels: "given",
  gate: "scenario",
};

export const routeNoGate: Arm = {
  ...route,
  name: "route-no-gate",
  about: "as route, modules mixed in equal parts",
  role: "variant",
  look: { color: "#000000", shape: "triangle-right" },
  gate: "fixed",
};
