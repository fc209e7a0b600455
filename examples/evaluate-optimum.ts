// Two perfect policies where the Ghost is closer: one wants the true goal, the other what the arm `naive` is paid.
import * as halfwatch from "halfwatch";

const [path = "scenarios/diamond-ghost.yaml", ...set] = process.argv.slice(2);
const { scenario } = halfwatch.loadScenario({ path, readText: halfwatch.readText, set });
const training = halfwatch.createSetting(scenario);
const test = halfwatch.situationOf(halfwatch.createSetting(halfwatch.withShift(scenario, "ghost-closer")));

const naive = halfwatch.armOptimum(halfwatch.objectiveOf(training, halfwatch.armNamed("naive")), test);
for (const mind of [halfwatch.optimalForGoal(test, "true"), ...("mind" in naive ? [naive.mind] : [])]) {
  const { goals, rates } = await halfwatch.evaluate(test, mind);
  const [wanted, shown] = [goals.true.discounted.toFixed(3), goals.proxy.discounted.toFixed(3)];
  console.log(`${mind.name}: true return ${wanted}, proxy return ${shown}, Ghost ${rates.ghost.toFixed(3)}`);
}
