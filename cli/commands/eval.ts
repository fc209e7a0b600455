import type { EngineChoice } from "../../src/compute/choice.ts";
import { UserError } from "../../src/core/errors.ts";
import { suggest } from "../../src/core/suggest.ts";
import { type Evaluation, evaluate } from "../../src/evaluation/evaluate.ts";
import type { Mind } from "../../src/evaluation/mind.ts";
import { blindMind, optimalForGoal, randomMind } from "../../src/evaluation/scripted-minds.ts";
import type { Situation } from "../../src/evaluation/situation.ts";
import { STEPWISE_WINDOW, stepwiseReturns } from "../../src/evaluation/stepwise.ts";
import { armOptimum } from "../../src/evaluation/theory.ts";
import { type Verdict, verdictOf } from "../../src/evaluation/verdict.ts";
import { grouped, pointText } from "../../src/report/format.ts";
import type { Arm } from "../../src/routing/arm.ts";
import { ARMS } from "../../src/routing/arms/table.ts";
import { quirksOf } from "../../src/scenario/loop-options.ts";
import { type Scenario, TRAINING } from "../../src/scenario/schema.ts";
import {
  createSetting,
  objectiveOf,
  type Setting,
  settingUnder,
  situationOf,
  verdictSituationsOf,
} from "../../src/scenario/setting.ts";
import "../engine/float32.ts";
import type { Point } from "../../src/scenario/sweep.ts";
import { isFile, isRun, noRun } from "../arguments/run-directories.ts";
import { readScenario, readScenarioText, type ScenarioOptions } from "../arguments/scenario-files.ts";
import { print, printJson } from "../output.ts";
import { type Actor, createActors } from "../policy/actors.ts";
import { isCheckpointPath } from "../policy/checkpoint.ts";
import { parsePoint, refuseChoice, resultsBeside, runOf } from "../policy/choice.ts";
import { alignColumns } from "../text/columns.ts";
import { short } from "../text/numbers.ts";
import { verdictDocument, verdictTable } from "../text/verdict-table.ts";

export interface EvalOptions extends ScenarioOptions {
  readonly policy?: string;
  readonly arm?: string;
  readonly seed?: number;
  readonly point?: readonly string[];
  readonly view?: string;
  readonly shift?: string;
  readonly greedy?: boolean;
  readonly metric?: "stepwise";
  readonly engine: EngineChoice;
  readonly json?: boolean;
}

/** Evaluate a policy of a run, or a scripted one of a scenario. */
export async function run([given]: readonly string[], options: EvalOptions): Promise<void> {
  if (isRun(given) || isCheckpointPath(given)) await evaluateTrained(given, options);
  else if (options.policy === undefined && !/\.ya?ml$/.test(given) && !isFile(given)) throw noRun(given);
  else await evaluateScripted(given, options);
}

async function evaluateTrained(given: string, options: EvalOptions): Promise<void> {
  const { policy: scripted, arm, seed, point, set } = options;
  if (scripted !== undefined) {
    throw new UserError(`--policy ${scripted}: ${given} has its own`, "--policy goes with a scenario file");
  }
  const actors = createActors();
  try {
    const { shift, view, greedy, engine } = options;
    const chosen = { arm, seed, point: point && parsePoint(point, "--point") };
    const actor = await actors.openPolicy({ path: given, ...chosen, set, shift, view, greedy, engine });
    const { checkpoint, scenario, mind } = actor;
    const situation = situationOf(actor.setting);
    const isPlaced = Object.keys(actor.point).length > 0;
    const who = { checkpoint, arm: actor.arm, seed: actor.seed, ...(isPlaced && { point: actor.point }) };
    const verdict = await verdictOf(verdictSituationsOf(scenario), () => mind);
    // What other seeds pursue was judged as they are deployed, at the end of their training.
    const isAsTrained = actor.view === actor.deployed && !greedy && set === undefined;
    const run = runOf(checkpoint);
    const others = run !== undefined && isAsTrained ? otherSeedsOf(run, actor) : [];
    await report(who, actor.view, scenario, options, mind, situation, verdict, others);
  } finally {
    await actors.dispose();
  }
}

/** The verdict on another seed of the arm that is evaluated, from its result. */
interface OtherSeed {
  readonly who: string;
  readonly seed: number;
  readonly verdict: Verdict;
}

/** The other finished seeds of a cell's arm at its point. */
function otherSeedsOf(run: string, { arm, seed, point, step }: Actor): OtherSeed[] {
  const results = resultsBeside(run, { arm, point });
  const own = results.find((result) => result.seed === seed);
  // Verdicts are of last checkpoints.
  if (own?.checkpoints.last !== step) return [];
  return results.flatMap((result) =>
    result === own ? [] : [{ who: `seed ${result.seed}`, seed: result.seed, verdict: result.summary.verdict }],
  );
}

/** What the row of the policy itself is called. */
const ownName = ({ policy, seed }: Readonly<Record<string, unknown>>): string => String(policy ?? `seed ${seed}`);

async function evaluateScripted(path: string, options: EvalOptions): Promise<void> {
  refuseChoice({ path, ...options });
  if (options.policy === undefined) {
    // What is not there, or is no text, is the first thing to say.
    readScenarioText(path);
    throw new UserError(
      "eval of a scenario needs --policy",
      "for a trained policy name a run directory or a checkpoint (.safetensors)",
    );
  }
  if (options.view !== undefined && options.view !== "full") {
    throw new UserError(
      `--view ${options.view}: the scripted policy ${options.policy} has no modules`,
      "its only view is full",
    );
  }
  const { scenario } = readScenario(path, options);
  const training = createSetting(scenario);
  const { situation } = testOf(scenario, options.shift);
  const mind = scripted(options.policy, training, situation);
  const { policy: name } = options;
  const optimum = armOf(name);
  const verdict =
    optimum !== undefined && "none" in armOptimum(objectiveOf(training, optimum), situationOf(unmarked(scenario)))
      ? null // its own reward says nothing about levels without marks
      : await verdictOf(verdictSituationsOf(scenario), (test) => scripted(name, training, test));
  await report({ policy: name }, "full", scenario, options, mind, situation, verdict);
}

/** The arm that `optimal:<arm>` names. */
function armOf(policy: string): Arm | undefined {
  return policy.startsWith("optimal:") ? ARMS.get(policy.slice("optimal:".length)) : undefined;
}

/** The scenario where nobody looks: what the verdict is about. */
function unmarked(scenario: Scenario): Setting {
  const { visible, unlabelled } = scenario.oversight;
  return createSetting({ ...scenario, oversight: { kind: "none", visible, unlabelled } });
}

/** The scenario, or one of its shifts, laid out for evaluation. */
function testOf(scenario: Scenario, shift: string | undefined): { setting: Setting; situation: Situation } {
  const setting = settingUnder(scenario, shift);
  return { setting, situation: situationOf(setting) };
}

/** The scripted mind that `--policy` names. `training` is what the arms are trained on, `situation` what it is evaluated in. */
function scripted(name: string, training: Setting, situation: Situation): Mind {
  const [kind, of] = [name.split(":", 1)[0], name.slice(name.indexOf(":") + 1)];
  if (name === "random") return randomMind(situation.world);
  const goals = training.goals.map((goal) => goal.name);
  if (kind === "optimal" && goals.includes(of)) return optimalForGoal(situation, of);
  const worth = (event: number) => training.trueGoal.rewards[event];
  // What the true goal rewards most is the way's end: nobody is blind to it.
  const avoidable = training.world.events.filter((_, e) => worth(e) < Math.max(...training.trueGoal.rewards));
  if (kind === "blind" && avoidable.includes(of)) return blindMind(of, training.trueGoal, training.world);
  const arm = armOf(name);
  if (arm === undefined) {
    const optima = [...goals, ...ARMS.keys()].map((target) => `optimal:${target}`);
    const known = ["random", ...optima, ...avoidable.map((event) => `blind:${event}`)];
    const meant = suggest(name, known);
    throw new UserError(
      `--policy ${name}: unknown policy${meant === undefined ? "" : `; did you mean ${meant}?`}`,
      `expected ${known.join(", ")}`,
    );
  }
  const theory = armOptimum(objectiveOf(training, arm), situation);
  if ("none" in theory) throw new UserError(`--policy ${name}: ${arm.name} has no optimum here`, theory.none);
  return theory.mind;
}

/** The published experiment's metric under each goal, with the quirks that the scenario trains with. */
async function stepwise(scenario: Scenario, mind: Mind, situation: Situation) {
  const quirks = quirksOf(scenario.train);
  const options = {
    window: STEPWISE_WINDOW,
    stalePictures: quirks.has("staleObservation"),
    lateBy: quirks.has("lateTimeout") ? 1 : 0,
  };
  const returns = await stepwiseReturns(situation, mind, options);
  return { ...options, returns };
}

async function report(
  who: Readonly<Record<string, unknown>>,
  view: string,
  scenario: Scenario,
  { shift, greedy, metric, json }: EvalOptions,
  mind: Mind,
  situation: Situation,
  verdict: Verdict | null,
  others: readonly OtherSeed[] = [],
): Promise<void> {
  const { bounds, goals } = situation;
  const evaluation: Evaluation = await evaluate(situation, mind);
  const stepped = metric === "stepwise" ? await stepwise(scenario, mind, situation) : undefined;
  const { levels, exact, rates, markedRates, steps, entropy, weights } = evaluation;
  if (json) {
    printJson({
      scenario: scenario.name,
      ...who,
      shift: shift ?? TRAINING,
      view,
      greedy: greedy ?? false,
      levels,
      exact,
      ...evaluation.goals,
      rates,
      markedRates,
      steps,
      entropy,
      weights,
      verdict: verdict && verdictDocument(verdict),
      ...(others.length > 0 && {
        otherSeeds: others.map(({ seed, verdict: own }) => ({ seed, ...verdictDocument(own) })),
      }),
      ...(stepped && { stepwise: stepped }),
    });
    return;
  }
  print(
    [
      scenario.name,
      ...Object.values(who).map((value) => (typeof value === "object" ? pointText(value as Point) : value)),
      `view ${view}`,
      `shift ${shift ?? TRAINING}`,
      `${grouped(levels)} levels${exact ? ", exact" : " drawn, exact on each"}`,
    ].join(" · "),
  );
  const rows = goals.map(({ name }, g) => {
    const { return: undiscounted, discounted, normalised } = evaluation.goals[name];
    return [
      name,
      short(undiscounted),
      short(discounted),
      normalised === null ? "–" : short(normalised),
      short(bounds.optimum[g]),
      short(bounds.random[g]),
    ];
  });
  const lines = alignColumns([["goal", "return", "discounted", "normalised", "optimum", "random"], ...rows]);
  print(["", ...lines.map((line) => `  ${line}`), ""].join("\n"));
  const seen = Object.keys(markedRates).map(
    (event) => `${event} ${short(rates[event])} (${short(markedRates[event])} on a marked cell)`,
  );
  print([...seen, `timeout ${short(rates.timeout)}`, `${steps.toFixed(3)} steps`].join(", "));
  const shares = Object.entries(weights).map(([module, weight]) => `${module} ${short(weight)}`);
  if (shares.length > 1) print(`mean weight of the modules: ${shares.join(", ")}`);
  if (entropy !== null) print(`mean entropy ${short(entropy)} nats`);
  if (verdict !== null) {
    print(
      `verdict: ${verdict.verdict}. No marks are shown; true and proxy return where the goals part, then the controls:`,
    );
    const rows = [{ who: ownName(who), verdict }, ...others];
    print(
      verdictTable(rows)
        .map((line) => `  ${line}`.trimEnd())
        .join("\n"),
    );
  }
  if (stepped) {
    const { window, stalePictures, lateBy, returns } = stepped;
    const quirks = [...(stalePictures ? ["stale observations"] : []), ...(lateBy > 0 ? ["late timeouts"] : [])];
    const values = Object.entries(returns).map(([goal, value]) => `${goal} ${short(value)}`);
    const how = quirks.length > 0 ? `, ${quirks.join(" and ")} as in the original code` : "";
    print(`stepwise return (windows of ${window} steps${how}): ${values.join(", ")}`);
  }
}
