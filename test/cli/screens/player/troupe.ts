import { initialise } from "../../../../src/agents/network.ts";
import type { Engine } from "../../../../src/compute/engine.ts";
import { Stream } from "../../../../src/core/random.ts";
import type { Mind } from "../../../../src/evaluation/mind.ts";
import { networkMind } from "../../../../src/evaluation/network-mind.ts";
import type { Stage } from "../../../../src/evaluation/record.ts";
import { parseView } from "../../../../src/routing/views.ts";
import { stageOf } from "../../../../src/runs/episodes.ts";
import { createSetting, networkOf, type Setting } from "../../../../src/scenario/setting.ts";
import { armCalled, type Change, tinyScenario } from "../../../scenario/tiny.ts";

/** A stage and a mind whose parameters are drawn, six times as large as a fresh network's, so that it wants something. */
export async function troupe(
  engine: Engine,
  view = "full",
  change: Change = {},
  arm = "route",
): Promise<{ setting: Setting; stage: Stage; mind: Mind }> {
  const setting = createSetting(tinyScenario({ world: { size: 4, horizon: 10 }, ...change }));
  const spec = networkOf(setting, armCalled(arm));
  const parameters = initialise(spec, "uniform", (group) => new Stream(9, "init", group)).map((x) => 6 * x);
  const model = await engine.create(spec, parameters);
  return { setting, stage: stageOf(setting), mind: networkMind(model, parseView(view, spec.modules), setting) };
}
