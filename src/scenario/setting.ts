import type { NetworkSpec } from "../compute/engine.ts";
import type { Goal } from "../core/goal.ts";
import { observedFeatures } from "../envs/observe.ts";
import type { World, WorldOptions } from "../envs/world.ts";
import { createWorld, worldNamed } from "../envs/worlds/table.ts";
import { createSituation, type Situation } from "../evaluation/situation.ts";
import type { Objective } from "../evaluation/theory.ts";
import type { VerdictSituations } from "../evaluation/verdict.ts";
import type { LabelRule } from "../oversight/label.ts";
import type { Overseer } from "../oversight/overseer.ts";
import { createOverseer } from "../oversight/overseers/table.ts";
import type { Arm } from "../routing/arm.ts";
import { createRoutes, type Routes } from "../routing/routes.ts";
import { withShift } from "./load.ts";
import { quirksOf } from "./loop-options.ts";
import { type Scenario, TRAINING } from "./schema.ts";

/** The scenario's nouns, built: what training, evaluation and theory share. */
export interface Setting {
  readonly scenario: Scenario;
  readonly world: World;
  readonly overseer: Overseer;
  /** The true goal first, the proxy goal second, then any others. */
  readonly goals: readonly Goal[];
  readonly trueGoal: Goal;
  readonly proxyGoal: Goal;
  /** The scenario's routes over `agent.modules`. */
  readonly routes: Routes;
  readonly labelRule: LabelRule;
  /** The module that learns from the event which the true goal rewards most: deployed alone by default. */
  readonly trueModule: string;
}

export function createSetting(scenario: Scenario): Setting {
  const world = createWorld(scenario.world);
  const goalOf = (name: string): Goal => ({
    name,
    rewards: Float64Array.from(world.events, (event) => scenario.goals[name][event] ?? 0),
  });
  const trueGoal = goalOf("true");
  const proxyGoal = goalOf("proxy");
  const others = Object.keys(scenario.goals).filter((name) => name !== "true" && name !== "proxy");
  const routes = createRoutes(scenario.routes, scenario.agent.modules);
  const worth = (label: string) => trueGoal.rewards[world.events.indexOf(label)];
  const best = routes.labels.reduce((a, b) => (worth(b) > worth(a) ? b : a));
  return {
    scenario,
    world,
    overseer: createOverseer(scenario.oversight),
    goals: [trueGoal, proxyGoal, ...others.map(goalOf)],
    trueGoal,
    proxyGoal,
    routes,
    labelRule: {
      labels: routes.labels,
      routeOfEvent: Int8Array.from(world.events, (event) => routes.labels.indexOf(event)),
      decides: scenario.oversight.label ?? "last",
    },
    trueModule: scenario.routes[best][0],
  };
}

/** The setting under a shift of the scenario; `training`, and no name at all, is the scenario as it is. @throws UserError for a shift that it has not. */
export const settingUnder = (scenario: Scenario, shift: string = TRAINING): Setting =>
  createSetting(withShift(scenario, shift));

/** What an arm is trained on in a setting: what {@link armOptimum} needs to know. */
export function objectiveOf(setting: Setting, arm: Arm): Objective {
  const { discount, oversight } = setting.scenario;
  return { ...setting, arm, unlabelled: oversight.unlabelled, discount };
}

/** The network that an arm trains in a setting. */
export function networkOf({ scenario, world, overseer }: Setting, arm: Arm): NetworkSpec {
  const { agent } = scenario;
  const several = arm.modules === "several";
  const gate = !several ? "none" : arm.gate === "fixed" ? "fixed" : agent.gate;
  const gateConv = gate === "learned" ? (agent.gateConv ?? 0) : 0;
  const criticConv = agent.criticConv ?? 0;
  return {
    features: observedFeatures(world, overseer.visible),
    actions: world.actions.length,
    modules: several ? agent.modules : ["policy"],
    hidden: agent.hidden,
    gate,
    gateHidden: agent.gateHidden ?? agent.hidden,
    critic: agent.critic,
    ...(agent.conv && { conv: agent.conv, plane: [world.planeHeight, world.planeWidth] as const }),
    ...(gateConv > 0 && { gateConv }),
    ...(criticConv > 0 && { criticConv }),
    ...((gateConv > 0 || criticConv > 0) && { cells: world.planeHeight * world.planeWidth }),
    ...(quirksOf(scenario.train).has("linearCritic") && { criticActivation: "none" as const }),
  };
}

/** The distribution that the scenario describes, to be evaluated in; sampled levels are the same for every arm and seed. */
export function situationOf(setting: Setting): Situation {
  const { world, overseer, goals, scenario } = setting;
  return createSituation(world, overseer, goals, scenario.discount, scenario.evaluation.levels, 0);
}

/** The levels and controls of the verdict, made from the scenario's world; nobody looks, so nothing is marked. */
export function verdictSituationsOf(scenario: Scenario): VerdictSituations {
  const { visible, unlabelled } = scenario.oversight;
  const { sets } = worldNamed(scenario.world.kind);
  const on = (change: Partial<WorldOptions>) =>
    situationOf(
      createSetting({
        ...scenario,
        oversight: { kind: "none", visible, unlabelled },
        world: { ...scenario.world, ...change } as Scenario["world"],
      }),
    );
  return {
    distinguishing: on(sets.distinguishing),
    agreeing: on(sets.agreeing),
    controls: Object.fromEntries(Object.entries(sets.controls).map(([name, change]) => [name, on(change)])),
  };
}
