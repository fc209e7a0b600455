import type { Arm } from "../arm.ts";
import { naive } from "./naive.ts";

/*
 * Bounds from above: they see the true reward of episodes that were not inspected.
 */

export const oracle: Arm = {
  ...naive,
  name: "oracle",
  about: "true reward on everything; one module",
  role: "oracle",
  look: { color: "#009E73", shape: "diamond" },
  reward: "true",
};

export const oracleMatched: Arm = {
  ...oracle,
  name: "oracle-matched",
  about: "true reward on as many episodes as were labelled, drawn from all; one module",
  look: { color: "#999933", shape: "triangle-left" },
  keep: "matched",
};
