// An overseer and an arm of your own, as plain objects: only ends in the left half of the map are inspected.

import type { Arm, Overseer } from "halfwatch";
import * as halfwatch from "halfwatch";

const WIDTH = 5;
const isLeft = (cell: number): boolean => cell % WIDTH < 2;

/** Marks the sites on the left; inspects what ended on one of them. */
const leftHalf: Overseer = {
  kind: "left-half",
  visible: true,
  mostMarks: (_cells, sites) => sites,
  endOnly: true,
  mark: ({ sites }, _chance, marks) => {
    for (const site of sites) marks[site] = isLeft(site) ? 1 : 0;
  },
  inspect: halfwatch.wholeEpisode(({ marks, cells, truncated }) => truncated || marks[cells[cells.length - 1]] === 1),
  markings: ({ sites }) => [{ probability: 1, cells: sites.filter(isLeft) }],
};

/** Filtering that still trains on what it does not know, paid by the proxy: `naive` under another name. */
const arm: Arm = { ...halfwatch.armNamed("filter"), name: "trusting", about: "my own", keep: "all" };

const quick = ["steps=60000", "worlds=16", "rollout=64", "learningRate=0.003"].map((set) => `train.${set}`);
const { scenario } = halfwatch.loadScenario({
  path: "scenarios/diamond-ghost.yaml",
  readText: halfwatch.readText,
  set: [...quick, ...process.argv.slice(2)],
});
const setting = { ...halfwatch.createSetting(scenario), overseer: leftHalf };
const engine = await halfwatch.createEngine("auto", 1);
const { model, labelled, episodes } = await halfwatch.train({ setting, arm, seed: 0, engine });
const view = halfwatch.parseView("full", model.spec.modules);
const mind = halfwatch.networkMind(model, view, setting);
const { goals, rates, markedRates } = await halfwatch.evaluate(halfwatch.situationOf(setting), mind);
console.log(`${((100 * labelled) / episodes).toFixed(0)} % of ${episodes} episodes were inspected`);
console.log(
  `Ghost where it is watched ${markedRates.ghost.toFixed(2)}, elsewhere ${(rates.ghost - markedRates.ghost).toFixed(2)}`,
);
console.log(`true return ${goals.true.discounted.toFixed(2)}, proxy return ${goals.proxy.discounted.toFixed(2)}`);
await engine.dispose();
