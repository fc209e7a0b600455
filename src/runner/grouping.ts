import { canonicalJson } from "../core/hash.ts";
import { armNamed } from "../routing/arms/table.ts";
import type { CellPlan } from "../runs/plan.ts";
import { createSetting, networkOf, type Setting } from "../scenario/setting.ts";

/**
 * Cells that train alike, at most `most` together, in the order of each group's first: their networks have the same shape (whatever their
 * modules are called), and their training takes the same steps in the same minibatches. Only cells of one group can be replicas of one
 * program that all keep busy; which cells share a group changes no result beyond rounding.
 */
export function groupCells(plans: readonly CellPlan[], most: number): CellPlan[][] {
  const settings = new Map<string, Setting>();
  const open = new Map<string, CellPlan[]>();
  const groups: CellPlan[][] = [];
  for (const plan of plans) {
    const text = canonicalJson({ ...plan.scenario, arms: [], seeds: [] });
    const setting = settings.get(text) ?? createSetting(plan.scenario);
    settings.set(text, setting);
    const spec = networkOf(setting, armNamed(plan.arm));
    const { horizon } = setting.world;
    const key = canonicalJson({ ...spec, modules: spec.modules.length, train: plan.scenario.train, horizon });
    let group = open.get(key);
    if (group === undefined || group.length === most) {
      group = [];
      open.set(key, group);
      groups.push(group);
    }
    group.push(plan);
  }
  return groups;
}
