import type { Arm } from "../arm.ts";

/*
 * What the labels are worth without routing: one module. Cloud et al. 2024 (arXiv:2410.04332), section 4.3 and appendix F.
 */

export const naive: Arm = {
  name: "naive",
  about: "true reward where labelled, the proxy's elsewhere; one module",
  role: "rival",
  look: { color: "#0072B2", shape: "square" },
  reward: "labelled",
  keep: "all",
  modules: "single",
  routing: "off",
  labels: "given",
  gate: "scenario",
};

export const filter: Arm = {
  ...naive,
  name: "filter",
  about: "true reward, labelled episodes only; one module",
  look: { color: "#56B4E9", shape: "triangle-up" },
  keep: "labelled",
};
