// Train one seed of gradient routing, then ask each module alone what it wants where nobody looks.
import {
  armNamed,
  createEngine,
  createSetting,
  evaluate,
  loadScenario,
  networkMind,
  parseView,
  readText,
  separation,
  situationOf,
  train,
  withShift,
} from "halfwatch";

// Small and quick: 50,000 steps, in which every episode is inspected. The recipe of docs/ppo.md is 3,000,000 at 10 %.
const quick = ["steps=50000", "worlds=16", "rollout=64", "epochs=4", "learningRate=0.003"].map((set) => `train.${set}`);
const [path = "scenarios/diamond-ghost.yaml", ...options] = process.argv.slice(2);
const set = [...quick, "oversight.coverage=1", ...options];
const { scenario } = loadScenario({ path, readText, set });
const setting = createSetting(scenario);
const unseen = situationOf(createSetting(withShift(scenario, "unseen")));

const engine = await createEngine("auto", 1);
const { model, labelled, episodes } = await train({
  setting,
  arm: armNamed("route"),
  seed: 0,
  engine,
  onUpdate: ({ update, updates, entropy, gateLoss }) => {
    if (update % 12 !== 0) return;
    // An update without rows has neither.
    console.log(`update ${update} of ${updates}: entropy ${entropy?.toFixed(3)}, gate loss ${gateLoss?.toFixed(3)}`);
  },
});
console.log(`${labelled} of ${episodes} episodes were inspected`);

const { modules } = scenario.agent;
const wants = async (view: string) => {
  const mind = networkMind(model, parseView(view, modules), setting);
  const { goals, rates } = await evaluate(unseen, mind);
  console.log(`${view}: true return ${goals.true.discounted.toFixed(3)}, Ghost ${rates.ghost.toFixed(3)}`);
  return goals.true.discounted;
};
await wants("full");
console.log(`separation: ${separation(await wants("only:diamond"), await wants("only:ghost")).toFixed(3)}`);
model.dispose();
await engine.dispose();
