import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { UserError } from "../../src/core/errors.ts";
import {
  hashScenario,
  type LoadedScenario,
  listSeeds,
  loadScenario,
  loadStoredScenario,
  parseSeeds,
  withShift,
} from "../../src/scenario/load.ts";
import { scenarioJsonSchema } from "../../src/scenario/messages.ts";
import { expandSweep } from "../../src/scenario/sweep.ts";

// Line numbers below count from this text's first line.
const BASE = `name: apples
world: { kind: diamond-ghost }
goals:
  true: { diamond: 1, ghost: -1 }
  proxy: { diamond: 1, ghost: 1 }
routes: { diamond: [fruit], ghost: [fear] }
oversight: { kind: terminal, coverage: 0.1 }
agent: { modules: [fruit, fear] }
arms: [naive, route]
shift:
  unseen: { oversight.coverage: 0 }
  near: { world.levels: ghost-closer }
`;

type Files = Readonly<Record<string, string>>;

function load(files: string | Files, set: readonly string[] = [], sweep?: "keep" | "ignore"): LoadedScenario {
  const all = new Map(Object.entries(typeof files === "string" ? { "apples.yaml": files } : files));
  const readText = (path: string): string => {
    const text = all.get(path);
    if (text === undefined) throw new UserError(`cannot read ${path}: no such file`);
    return text;
  };
  const path = typeof files === "string" ? "apples.yaml" : Object.keys(files)[0];
  return loadScenario({ path, readText, set, ...(sweep ? { sweep } : {}) });
}

function messageOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return error.hint === undefined ? error.message : `${error.message}\n  ${error.hint}`;
  }
  throw new Error("expected a UserError, nothing was thrown");
}

/** What is said about the base text with some of it replaced. */
function complaint(replaced: string, by: string, set: readonly string[] = []): string {
  expect(BASE).toContain(replaced);
  return messageOf(() => load(BASE.replace(replaced, by), set));
}

describe("a right file", () => {
  test("is filled with the defaults", () => {
    const { scenario, path } = load(BASE);
    expect(path).toBe("apples.yaml");
    expect(scenario.oversight).toEqual({
      kind: "terminal",
      coverage: 0.1,
      spurious: 0,
      visible: true,
      unlabelled: "proxy",
    });
    expect(scenario.train.steps).toBe(3_000_000);
    expect(scenario.goals).toEqual({ true: { diamond: 1, ghost: -1 }, proxy: { diamond: 1, ghost: 1 } });
  });

  test("may begin with a byte order mark and end its lines with CR LF", () => {
    expect(load(`\ufeff${BASE.replaceAll("\n", "\r\n")}`).scenario).toEqual(load(BASE).scenario);
  });

  test("may use anchors and aliases", () => {
    const text = BASE.replace("[fruit, fear]", "[fruit, fear], hidden: &w [8, 9], critic: *w");
    expect(load(text).scenario.agent.critic).toEqual([8, 9]);
  });

  test("loads to the same scenario when its own result is written out and read again", () => {
    const { scenario, hash } = load(BASE);
    const again = load(JSON.stringify(scenario));
    expect(again.scenario).toEqual(scenario);
    expect(again.hash).toBe(hash);
  });
});

describe("every error has its line and column", () => {
  test("a number out of range, with the field's description as the hint", () => {
    expect(complaint("coverage: 0.1", "coverage: 1.5")).toBe(
      "apples.yaml:7:40: oversight.coverage is 1.5, expected a number in [0, 1]\n" +
        "  coverage: probability of inspection; 1 inspects everything",
    );
  });

  test("an unknown key, with what was probably meant", () => {
    expect(complaint("coverage: 0.1", "covrage: 0.1")).toBe(
      "apples.yaml:7:1: oversight.coverage is missing, expected a number in [0, 1]\n" +
        "  coverage: probability of inspection; 1 inspects everything\n" +
        "apples.yaml:7:30: unknown key oversight.covrage; did you mean oversight.coverage?",
    );
    expect(complaint("name: apples", "name: apples\ncoverage: 1")).toBe(
      "apples.yaml:2:1: unknown key coverage; did you mean oversight.coverage?",
    );
    expect(complaint("name: apples", "name: apples\nextend: x.yaml")).toBe(
      "apples.yaml:2:1: unknown key extend; did you mean extends?",
    );
    expect(complaint("coverage: 0.1", "coverage: 0.1, qqq: 1")).toBe(
      "apples.yaml:7:45: unknown key oversight.qqq\n  allowed: kind, coverage, spurious, timeouts, visible, unlabelled, label",
    );
  });

  test("a key of another algorithm says which algorithm has it; no algorithm is ppo", () => {
    const complaintOf = (...set: string[]) => complaint("coverage: 0.1", "coverage: 0.2", set);
    expect(complaintOf("train.quirks=none")).toBe(
      '--set train.quirks=none: unknown key train.quirks\n  algorithm "ppo" has no quirks; it belongs to algorithm reinforce',
    );
    expect(complaintOf("train={ algorithm: reinforce, epochs: 2 }")).toContain(
      'unknown key train.epochs\n  algorithm "reinforce" has no epochs; it belongs to algorithm ppo',
    );
    expect(complaintOf("train.algorithm=pppo")).toContain(
      'train.algorithm is "pppo", expected one of ppo, reinforce; did you mean ppo?',
    );
    expect(complaintOf("train=5")).toContain("train is 5, expected a map with algorithm ppo, reinforce");
    expect(complaintOf("train={ algorithm: reinforce, quirks: [stale] }")).toContain(
      'train.quirks[0] is "stale", expected one of staleObservation, lateTimeout, unfinishedTails, linearCritic, ' +
        "keptFraction; did you mean staleObservation?",
    );
  });

  test("a key of another kind says which kind has it", () => {
    expect(complaint("coverage: 0.1", "coverage: 0.1, spurious: 0.1", ["oversight.kind=episode"])).toBe(
      'apples.yaml:7:45: unknown key oversight.spurious\n  kind "episode" has no spurious; it belongs to kind terminal',
    );
  });

  test("a missing part", () => {
    expect(complaint("agent: { modules: [fruit, fear] }\n", "")).toBe(
      "apples.yaml:1:1: agent is missing, expected a map",
    );
  });

  test("a wrong type, also inside a list", () => {
    expect(complaint("[naive, route]", "[naive, roote]")).toBe(
      'apples.yaml:9:15: arms[1] is "roote", expected one of naive, filter, oracle, oracle-matched, route, ' +
        "route-random-labels, route-shuffled-labels, moe-no-route, route-no-gate, shrinkage-matched; did you mean route?\n  arms: what is compared; see `halfwatch list arms`",
    );
    expect(complaint("[fruit, fear] }", "[fruit, fear], hidden: [64, wide] }")).toBe(
      'apples.yaml:8:47: agent.hidden[1] is "wide", expected an integer in [1, 4096]\n' +
        "  hidden: widths of each module's ReLU layers",
    );
    expect(complaint("arms: [naive, route]", "arms: [naive, route]\nseeds: many")).toBe(
      'apples.yaml:10:8: seeds is "many", expected an integer in [1, 10000] or a list of 1 to 10000 integers in ' +
        "[0, 2147483648]\n  seeds: how many (0, 1, ...), or which",
    );
  });

  test("something else altogether", () => {
    expect(complaint("[naive, route]", "{}")).toBe(
      "apples.yaml:9:7: arms is {}, expected a list of 1 or more of naive, filter, oracle, oracle-matched, route, " +
        "route-random-labels, route-shuffled-labels, moe-no-route, route-no-gate, shrinkage-matched\n  arms: what is compared; see `halfwatch list arms`",
    );
    expect(complaint("[fruit, fear] }", "fruit }")).toMatch(/is "fruit", expected a list of 2 to 8 texts\n/);
    expect(complaint("{ kind: diamond-ghost }", "5")).toBe(
      "apples.yaml:2:8: world is 5, expected a map with kind diamond-ghost",
    );
    expect(complaint("arms:", "train: { entropyCoef: [1] }\narms:")).toMatch(
      /is \[1\], expected a number in \[0, 1000000\] or a list of 2: a number in \[0, 1000000\], a number in \[0, 1000000\]\n/,
    );
  });

  test.each([
    ["train.adamEps=1e-46", "in [1e-16, 1]"],
    ["train.adamEps=0", "in [1e-16, 1]"],
    ["train.learningRate=1e-300", "in [1e-12, 1]"],
    ["train.clipRange=1e-46", "in [0.000001, 10]"],
    ["train.maxGradNorm=1e39", "in [0, 1000000]"],
    ["train.valueClip=1e300", "in [0, 1000000]"],
    ["train.valueCoef=1e38", "in [0, 1000000]"],
    ["train.gateCoef=1e300", "in [0, 1000000]"],
    ["goals.true.diamond=1e39", "in [-1000000, 1000000]"],
    ["goals.proxy.ghost=-1e308", "in [-1000000, 1000000]"],
  ])("%s is beyond what an engine can hold", (option, allowed) => {
    const [key, value] = option.split("=");
    expect(messageOf(() => load(BASE, [option])).split("\n")[0]).toBe(
      `--set ${option}: ${key} is ${Number(value)}, expected a number ${allowed}`,
    );
  });

  test("NaN and infinities", () => {
    expect(complaint("coverage: 0.1", "coverage: .nan")).toMatch(
      /^apples.yaml:7:40: oversight.coverage is NaN, expected/,
    );
    expect(complaint("ghost: -1", "ghost: -.inf")).toBe(
      "apples.yaml:4:30: goals.true.ghost is -Infinity, expected a number in [-1000000, 1000000]",
    );
    expect(complaint("ghost: -1", "ghost: 1e999")).toMatch(/goals.true.ghost is Infinity, expected a number/);
  });

  test("a number that YAML 1.2 reads as text", () => {
    expect(complaint("arms:", "train: { steps: 3_000_000 }\narms:")).toBe(
      'apples.yaml:9:17: train.steps is "3_000_000", expected an integer in [1, 10000000000]\n' +
        "  YAML 1.2 reads 3_000_000 as text; write 3000000",
    );
    expect(complaint("coverage: 0.1", 'coverage: "0.1"')).toMatch(/\n {2}0.1 is quoted; write it without quotes$/);
    expect(complaint("coverage: 0.1", "coverage: 0.1, visible: yes")).toMatch(
      /\n {2}YAML 1.2 reads yes as text; write true$/,
    );
  });

  test("an unknown kind", () => {
    expect(complaint("kind: terminal", "kind: termnal")).toBe(
      'apples.yaml:7:20: oversight.kind is "termnal", expected one of full, none, episode, terminal; did you mean terminal?',
    );
  });

  test("a name that is none", () => {
    expect(complaint("name: apples", "name: Apples")).toBe(
      'apples.yaml:1:7: name is "Apples", expected lower-case letters, digits and hyphens, a letter first\n' +
        "  name: names the run directory",
    );
    expect(complaint("  proxy:", "  Other Goal: {}\n  proxy:")).toBe(
      'apples.yaml:5:3: goals has the key "Other Goal", expected lower-case letters, digits and hyphens, a letter first',
    );
  });

  test("all errors come in one go, in the order of the file", () => {
    const text = BASE.replace("coverage: 0.1", "coverage: 2")
      .replace("ghost: -1", "gost: -1")
      .replace("[naive, route]", "[naive, naive]")
      .replace("near:", "near: { world.level: all }\n  far:");
    expect(
      messageOf(() => load(text))
        .split("\n")
        .filter((line) => !line.startsWith("  ")),
    ).toEqual([
      "apples.yaml:4:23: goals.true names the unknown event gost; did you mean ghost?",
      "apples.yaml:7:40: oversight.coverage is 2, expected a number in [0, 1]",
      'apples.yaml:9:15: arms names arm "naive" twice',
      "apples.yaml:12:11: shift near: unknown key world.level; did you mean world.levels?",
    ]);
  });

  test("control characters of the file do not reach the terminal", () => {
    expect(complaint("name: apples", '"na\\e[31mme\\n": 1\nname: apples')).toMatch(
      /^apples.yaml:1:1: unknown key na\\u001b\[31mme\\u000a/,
    );
  });
});

describe("names that another part defines", () => {
  test("both goals are needed", () => {
    expect(complaint("  proxy: { diamond: 1, ghost: 1 }\n", "")).toBe(
      "apples.yaml:3:1: goals has no goal proxy, expected true and proxy\n" +
        "  true: the goal that is meant; proxy: the one that anyone can see",
    );
  });

  test.each([
    ["oracle", "an arm"],
    ["random", "a policy"],
  ])("a goal may not be called %s", (name, what) => {
    expect(complaint("  proxy:", `  ${name}: { diamond: 1 }\n  proxy:`)).toBe(
      `apples.yaml:5:3: goals.${name} has the name of ${what}, expected another name\n` +
        "  eval --policy tells goals and arms apart by their names",
    );
  });

  test("routes lead from events to modules, each once", () => {
    expect(complaint("diamond: [fruit]", "diamnod: [fruit]")).toBe(
      "apples.yaml:6:11: routes has the label of an unknown event diamnod; did you mean diamond?\n  there are: diamond, ghost",
    );
    expect(complaint("ghost: [fear]", "ghost: [feer]")).toBe(
      "apples.yaml:6:37: routes.ghost names the unknown module feer; did you mean fear?\n  there are: fruit, fear",
    );
    expect(complaint("ghost: [fear]", "ghost: [fear, fear]")).toBe(
      'apples.yaml:6:43: routes.ghost names module "fear" twice',
    );
    expect(complaint("{ diamond: [fruit], ghost: [fear] }", "{}")).toMatch(
      /^apples.yaml:6:9: routes is {}, expected at least one label/,
    );
  });

  test("modules are unique, and so are seeds", () => {
    expect(complaint("[fruit, fear] }", "[fruit, fear, fruit] }")).toBe(
      'apples.yaml:8:33: agent.modules names module "fruit" twice',
    );
    expect(complaint("arms:", "seeds: [1, 2, 1]\narms:")).toBe("apples.yaml:9:15: seeds names seed 1 twice");
  });

  test("primary.shift is one of the shifts, also where it is the default", () => {
    expect(complaint("arms:", "primary: { shift: unsen }\narms:")).toBe(
      "apples.yaml:9:19: primary.shift names the unknown shift unsen; did you mean unseen?\n  there are: unseen, near",
    );
    expect(complaint("  unseen: { oversight.coverage: 0 }\n", "")).toBe(
      "apples.yaml:10:1: primary.shift names the unknown shift unseen\n  there are: near",
    );
  });

  test("training is the scenario's own distribution: primary.shift may name it, no shift may", () => {
    expect(load(BASE, ["primary.shift=training"]).scenario.primary.shift).toBe("training");
    expect(complaint("  near:", "  training:")).toBe(
      "apples.yaml:12:3: shift.training has the name of the scenario's own distribution",
    );
  });
});

describe("shift and sweep", () => {
  test("key paths are those of the schema, values are checked at their place", () => {
    expect(complaint("{ oversight.coverage: 0 }", "{ oversight.coverge: 0 }")).toBe(
      "apples.yaml:11:13: shift unseen: unknown key oversight.coverge; did you mean oversight.coverage?",
    );
    expect(complaint("world.levels: ghost-closer", "world.levels: goast-closer")).toBe(
      'apples.yaml:12:25: shift near: world.levels is "goast-closer", expected one of all, ghost-closer, diamond-closer, ' +
        "ties; did you mean ghost-closer?\n  levels: which layouts are drawn, by the distances from the start to the two objects; all where there is one object only",
    );
    expect(complaint("shift:", "sweep: { train.stepz: [1] }\nshift:")).toBe(
      "apples.yaml:10:10: sweep: unknown key train.stepz; did you mean train.steps?",
    );
    expect(complaint("shift:", "sweep: { oversight.coverage: [0.1, 1.5, 0.1] }\nshift:")).toBe(
      "apples.yaml:10:36: sweep: oversight.coverage is 1.5, expected a number in [0, 1]\n" +
        "  coverage: probability of inspection; 1 inspects everything\n" +
        "apples.yaml:10:41: sweep: oversight.coverage has 0.1 twice\n" +
        "  first at apples.yaml:10:31",
    );
  });

  test("what cannot change after training is not shifted, what names the experiment is not swept", () => {
    expect(complaint("world.levels: ghost-closer", "train.steps: 5")).toBe(
      "apples.yaml:12:11: shift near: train.steps cannot be shifted\n" +
        "  a test distribution may change: world, oversight, goals, discount, evaluation",
    );
    expect(complaint("shift:", "sweep: { seeds: [1, 2] }\nshift:")).toBe(
      "apples.yaml:10:10: sweep: seeds cannot be swept",
    );
  });

  test("an option that is refused hides neither the others nor what is wrong with the file", () => {
    expect(complaint("coverage: 0.1", "coverage: 7", ["train.stepz=1", "discount=0.5", "nonsense"])).toBe(
      "apples.yaml:7:40: oversight.coverage is 7, expected a number in [0, 1]\n" +
        "  coverage: probability of inspection; 1 inspects everything\n" +
        "--set train.stepz=1: unknown key train.stepz; did you mean train.steps?\n" +
        "--set nonsense: expected key.path=value\n" +
        "  for example --set oversight.coverage=0.3",
    );
  });

  test("a world without a level is refused, also in a shift and at a point of the sweep", () => {
    expect(complaint("kind: diamond-ghost }", "kind: diamond-ghost, gap: 30 }")).toMatch(
      /^apples.yaml:2:8: world diamond-ghost found no level in 100000 tries with size 5, levels all, gap 30, walls/,
    );
    expect(complaint("world.levels: ghost-closer", "world.gap: 9")).toMatch(
      /^apples.yaml:12:11: shift near: world diamond-ghost found no level in 100000 tries with size 5, levels all, gap 9/,
    );
    expect(complaint("shift:", "sweep: { world.gap: [1, 12] }\nshift:")).toMatch(
      /^apples.yaml:10:\d+: sweep: world diamond-ghost found no level in 100000 tries with size 5, levels all, gap 12/,
    );
  });

  test("a shift keeps the observation's size: 3 planes of 49 cells and marks are not 3 of 25 and marks", () => {
    expect(complaint("world.levels: ghost-closer", "world.size: 7")).toBe(
      "apples.yaml:12:11: shift near: the observation has 196 features, in training it has 100\n" +
        "  a policy can only be tested on observations of the size it was trained on",
    );
    expect(complaint("world.levels: ghost-closer", "oversight.visible: false")).toMatch(
      /the observation has 75 features, in training it has 100/,
    );
  });

  test("a combination of swept values that is wrong is found, and so is a shift that a swept value breaks", () => {
    const sweep = "sweep:\n  oversight: [{ kind: none }, { kind: terminal, coverage: 0.2 }]\nshift:";
    expect(complaint("shift:", sweep)).toBe(
      "apples.yaml:13:13: shift unseen: unknown key oversight.coverage\n" +
        '  kind "none" has no coverage; it belongs to kind episode, terminal',
    );
  });

  test("expandSweep crosses the values, the last key fastest", () => {
    const { scenario } = load(`${BASE}sweep: { oversight.coverage: [0.2, 0.3], train.entropyCoef: [0.1, [0.1, 0]] }\n`);
    const points = expandSweep(scenario);
    expect(points.map(({ point }) => point)).toEqual([
      { "oversight.coverage": 0.2, "train.entropyCoef": 0.1 },
      { "oversight.coverage": 0.2, "train.entropyCoef": [0.1, 0] },
      { "oversight.coverage": 0.3, "train.entropyCoef": 0.1 },
      { "oversight.coverage": 0.3, "train.entropyCoef": [0.1, 0] },
    ]);
    expect(points[2].scenario.oversight).toMatchObject({ coverage: 0.3 });
    expect(points[1].scenario.train.entropyCoef).toEqual([0.1, 0]);
    expect(points[1].scenario.sweep).toEqual({});
    expect(points[1].scenario.shift).toEqual(scenario.shift);
  });

  test("expandSweep of a scenario that sweeps nothing is the scenario itself", () => {
    const { scenario } = load(BASE);
    expect(expandSweep(scenario)).toMatchObject([{ point: {}, scenario }]);
  });

  test("withShift changes what the shift names and nothing else", () => {
    const { scenario } = load(BASE);
    expect(withShift(scenario, "near")).toEqual({ ...scenario, world: { ...scenario.world, levels: "ghost-closer" } });
    expect(scenario.world.levels).toBe("all");
    expect(messageOf(() => withShift(scenario, "unsen"))).toBe(
      "unknown shift unsen; did you mean unseen?\n  scenario apples has: near, unseen",
    );
    expect(messageOf(() => withShift(scenario, "constructor"))).toMatch(/^unknown shift constructor\n/);
  });
});

describe("--set", () => {
  test("is applied before the check, the last one wins", () => {
    const { scenario } = load(BASE, ["oversight.coverage=7", "oversight.coverage=.3", "world.walls.density=0.2"]);
    expect(scenario.oversight).toMatchObject({ coverage: 0.3 });
    expect(scenario.world.walls).toEqual({ density: 0.2, ghostMayBlock: false });
    expect(load(BASE, ["goals.true.ghost=-2"]).scenario.goals.true.ghost).toBe(-2);
    expect(load(BASE, ["oversight={kind: none}", "shift={unseen: {}}"]).scenario.oversight.kind).toBe("none");
  });

  test.each([
    ["oversight.covrage=.3", "unknown key oversight.covrage; did you mean oversight.coverage?"],
    ["oversight.coverage=7", "oversight.coverage is 7, expected a number in [0, 1]"],
    ["shift.unseen.oversight.coverage=7", "shift unseen: oversight.coverage is 7, expected a number in [0, 1]"],
    ["oversight.coverage", "expected key.path=value"],
    ["=3", "expected key.path=value"],
    ["a..b=3", "expected key.path=value"],
    ["extends=other.yaml", "extends cannot be set"],
    ["__proto__.polluted=1", "unknown key __proto__.polluted"],
    ["goals.__proto__.diamond=1", "key __proto__ is not allowed"],
    ["world.size.wide=1", "unknown key world.size.wide"],
    ["oversight=[", "YAML syntax:"],
    ["oversight.coverage=!!float 1", "tag !!float is not allowed"],
  ])("a wrong one is named: %s", (option, message) => {
    const lines = messageOf(() => load(BASE, [option])).split("\n");
    expect(lines[0].startsWith(`--set ${option}: ${message}`)).toBe(true);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });

  test.each([
    ["world.walls={kind: maze, loops: 2}", "world.walls.loops is 2, expected a number in [0, 1]"],
    ["world.walls={density: 7}", "world.walls.density is 7, expected a number in [0, 0.4]"],
    ["world.walls={kind: mazes}", 'world.walls.kind is "mazes", expected one of blocks, maze; did you mean maze?'],
    ["world.walls={kind: maze, density: 0.2}", "unknown key world.walls.density"],
    ["world.observe=centered", 'world.observe is "centered", expected one of absolute, centred or a map'],
    ["world.observe={radius: 0}", "world.observe.radius is 0, expected an integer in [1, 14]"],
    ["agent.conv=[]", "agent.conv is [], expected a list of 1 to 3 maps"],
    ["agent.conv=[{channels: 4}]", "agent.conv[0].kernel is missing, expected an integer in [1, 15]"],
    ["agent.conv=[{channels: 4, kernel: 7}]", "agent.conv[0].kernel is 7, expected at most 5"],
    [
      "agent.conv=[{channels: 4, kernel: 3, stride: 2}, {channels: 4, kernel: 3}]",
      "agent.conv[1].kernel is 3, expected at most 2",
    ],
  ])("of mazes and convolutions: %s", (option, message) => {
    expect(messageOf(() => load(BASE, [option])).split("\n")[0]).toBe(`--set ${option}: ${message}`);
  });

  test("convolutions stand alone: no 1x1 ones and no linear critic beside them", () => {
    const conv = "agent.conv=[{channels: 4, kernel: 3}]";
    expect(load(BASE, [conv]).scenario.agent.conv).toEqual([{ channels: 4, kernel: 3 }]);
    expect(messageOf(() => load(BASE, [conv, "agent.gateConv=4"]))).toContain(
      "agent.gateConv stands beside agent.conv",
    );
    const linear = ["train={algorithm: reinforce, quirks: original}", conv];
    expect(messageOf(() => load(BASE, linear))).toContain("train.quirks has linearCritic beside agent.conv");
  });

  test("a walled world seen from the agent has the planes of an open one; a shift that changes what is seen is refused", () => {
    const shifted = (change: string) => BASE.replace("world.levels: ghost-closer", change);
    expect(load(shifted("world.walls: { kind: maze }"), ["world.observe=centred"]).scenario.shift).toBeDefined();
    // 3 planes and marks of 9 x 9 places either way.
    expect(
      messageOf(() => load(shifted("world.observe: absolute, world.size: 9"), ["world.observe=centred"])),
    ).toContain(
      "shift near: the observation shows planes agent, ghost, diamond of 9 x 9, in training it shows planes ghost, diamond, floor of 9 x 9",
    );
  });

  const SWEPT = `${BASE}sweep: { oversight.coverage: [0.2, 0.4], train.entropyCoef: [0.1, 0.2] }\n`;

  test("on a swept key it replaces its values", () => {
    expect(load(SWEPT, ["oversight.coverage=.3"]).scenario.sweep).toHaveProperty(["oversight.coverage"], [0.3]);
    expect(load(SWEPT, ["oversight.coverage=[.3,.5]"]).scenario.sweep).toHaveProperty(
      ["oversight.coverage"],
      [0.3, 0.5],
    );
    // A list that the key itself takes is one value.
    expect(load(SWEPT, ["train.entropyCoef=[.1,0]"]).scenario.sweep).toHaveProperty(["train.entropyCoef"], [[0.1, 0]]);
    expect(messageOf(() => load(SWEPT, ["oversight.coverage=7"]))).toMatch(
      /^--set oversight.coverage=7: sweep: oversight.coverage is 7, expected a number in \[0, 1\]/,
    );
  });

  test("where the sweep is ignored it sets the value", () => {
    const { scenario } = load(SWEPT, ["oversight.coverage=.3"], "ignore");
    expect(scenario.oversight).toMatchObject({ coverage: 0.3 });
    expect(scenario.sweep).toEqual({});
  });
});

describe("extends", () => {
  test("another algorithm replaces its base's train, the same one is merged into it", () => {
    const trainOf = (over: string) => {
      const files = {
        "top.yaml": `extends: base.yaml\ntrain: { ${over} }\n`,
        "base.yaml": BASE.replace(/^train:.*$/m, ""),
      };
      files["base.yaml"] += "train: { algorithm: ppo, epochs: 7, worlds: 9 }\n";
      const readText = (path: string) => files[path as keyof typeof files];
      return loadScenario({ path: "top.yaml", readText }).scenario.train;
    };
    expect(trainOf("algorithm: ppo, worlds: 3")).toMatchObject({ algorithm: "ppo", epochs: 7, worlds: 3 });
    const reinforce = trainOf("algorithm: reinforce");
    expect(reinforce).toMatchObject({ algorithm: "reinforce", worlds: 512 });
    expect(reinforce).not.toHaveProperty("epochs");
  });

  test("maps are merged, lists replace, a map of another kind replaces, and paths are relative to the file", () => {
    const { scenario } = load({
      "deep/er/top.yaml": "extends: ../middle.yaml\noversight: { kind: full }\nagent: { hidden: [8] }\n",
      "deep/middle.yaml": "extends: ../apples.yaml\nname: middle\narms: [oracle]\ntrain: { steps: 10 }\n",
      "apples.yaml": BASE.replace("{ oversight.coverage: 0 }", "{}").replace(
        "[fruit, fear] }",
        "[fruit, fear], hidden: [1, 2] }",
      ),
    });
    expect(scenario.name).toBe("middle");
    expect(scenario.arms).toEqual(["oracle"]);
    expect(scenario.train).toMatchObject({ steps: 10, worlds: 64 });
    expect(scenario.agent).toMatchObject({ modules: ["fruit", "fear"], hidden: [8] });
    expect(scenario.oversight).toEqual({ kind: "full", visible: true, unlabelled: "proxy" });
  });

  test("an error in a base names the base's line", () => {
    const files = {
      "top.yaml": "extends: base.yaml\nname: top\n",
      "base.yaml": BASE.replace("coverage: 0.1", "coverage: 3"),
    };
    expect(messageOf(() => load(files))).toMatch(/^base.yaml:7:40: oversight.coverage is 3/);
    const broken = { ...files, "base.yaml": "name: [" };
    expect(messageOf(() => load(broken))).toMatch(/^base.yaml:1:8: YAML syntax: /);
  });

  test("a base that is missing or no path is the fault of the line that names it", () => {
    expect(messageOf(() => load("name: a\nextends: nope.yaml\n"))).toBe(
      "apples.yaml:2:10: extends nope.yaml: cannot read nope.yaml: no such file",
    );
    expect(messageOf(() => load("extends: [a, b]\n"))).toMatch(
      /^apples.yaml:1:10: extends is \["a","b"\], expected the path/,
    );
  });

  test("circles and chains of more than 8 bases are refused with the chain", () => {
    expect(messageOf(() => load({ "a.yaml": "extends: b.yaml\n", "b.yaml": "extends: ./a.yaml\n" }))).toBe(
      "b.yaml:1:10: extends goes in a circle: a.yaml -> b.yaml -> a.yaml",
    );
    const chain = (bases: number): Files => {
      const files: Record<string, string> = {};
      for (let i = 0; i < bases; i++) files[`${i}.yaml`] = `extends: ${i + 1}.yaml\n`;
      files[`${bases}.yaml`] = BASE;
      return files;
    };
    expect(load(chain(8)).scenario.name).toBe("apples");
    expect(messageOf(() => load(chain(9)))).toBe(
      "8.yaml:1:10: extends is more than 8 files deep: 0.yaml -> 1.yaml -> 2.yaml -> 3.yaml -> 4.yaml -> 5.yaml -> 6.yaml -> 7.yaml -> 8.yaml -> 9.yaml",
    );
  });
});

describe("files that are no scenario", () => {
  const bomb = [`a0: &a0 [${"x,".repeat(20)}]`];
  for (let i = 1; i < 7; i++) bomb.push(`a${i}: &a${i} [${`*a${i - 1},`.repeat(20)}]`);

  test.each([
    ["", "apples.yaml:1:1: the file is empty, expected a scenario"],
    ["# nothing\n", "apples.yaml:1:1: the file is empty, expected a scenario"],
    ["- a\n- b\n", "apples.yaml:1:1: found a list, expected a map of keys to values"],
    ["hello\n", 'apples.yaml:1:1: found "hello", expected a map of keys to values'],
    ["name: a\nname: b\n", "apples.yaml:2:1: duplicate key name\n  each key may stand once in a map"],
    ["goals:\n  true: 1\n  'true': 2\n", "apples.yaml:3:3: duplicate key true\n  each key may stand once in a map"],
    ["world:\n\tkind: a\n", "apples.yaml:2:1: tabs are not allowed as indentation\n  indent with spaces"],
    ["name: a\n---\nname: b\n", "apples.yaml:2:1: a second document begins here, expected one document in a file"],
    ["name: !!js/function 'x'\n", "apples.yaml:1:21: tag !!js/function is not allowed\n  write the plain value"],
    ["name: !local x\n", "apples.yaml:1:14: tag !local is not allowed\n  write the plain value"],
    ["%YAML 1.1\n---\nname: a\n", "apples.yaml:1:1: YAML version 1.1, expected 1.2"],
    ["name: *nowhere\n", "apples.yaml:1:7: unknown anchor *nowhere"],
    ["name: &self [*self]\n", "apples.yaml:1:14: alias *self contains itself"],
    ["? [a, b]\n: 1\n", "apples.yaml:1:3: a key must be plain text"],
    ["goals:\n  __proto__: { a: 1 }\n", "apples.yaml:2:3: key __proto__ is not allowed"],
    ["constructor: 1\n", "apples.yaml:1:1: key constructor is not allowed"],
    ["name: \u0000\u0001\n", "apples.yaml:1:7: found the character U+0000, expected UTF-8 text"],
    ["name: caf\ufffd\n", "apples.yaml:1:10: found the character U+FFFD, expected UTF-8 text"],
    [`name: ${"[".repeat(70)}${"]".repeat(70)}\n`, "apples.yaml:1:71: nested more than 64 levels deep"],
    ["a".repeat(10_000_000), "apples.yaml: 10.0 MB, expected a scenario of at most 1 MB"],
    [bomb.join("\n"), "apples.yaml:4:9: holds more than 50000 values, aliases included"],
  ])("%#", (text, message) => {
    expect(messageOf(() => load(text))).toBe(message);
  });

  test("all that is wrong with a text is said in one go", () => {
    expect(messageOf(() => load("name: !a x\nname: 2\nworld: *w\n__proto__: 1\n")).split("\n")).toEqual([
      "apples.yaml:1:10: tag !a is not allowed",
      "  write the plain value",
      "apples.yaml:2:1: duplicate key name",
      "  each key may stand once in a map",
      "apples.yaml:3:8: unknown anchor *w",
      "apples.yaml:4:1: key __proto__ is not allowed",
    ]);
  });

  test("of 20,000 errors a hundred are said and the others counted, in no time", () => {
    const before = process.cpuUsage().user;
    const keys = Array.from({ length: 20_000 }, (_, key) => `key${key}: 1\n`);
    const lines = messageOf(() => load(BASE + keys.join(""))).split("\n");
    expect(lines.filter((line) => line.startsWith("apples.yaml:"))).toHaveLength(100);
    expect(lines.at(-1)).toBe("and 19900 more errors");
    expect(process.cpuUsage().user - before).toBeLessThan(8e6);
  });

  test("an alias bomb costs no time", () => {
    const before = process.cpuUsage().user;
    expect(() => load(bomb.join("\n"))).toThrow(UserError);
    expect(process.cpuUsage().user - before).toBeLessThan(2e6);
  });
});

describe("hash", () => {
  const hashOf = (text: string, set: readonly string[] = []) => load(text, set).hash;

  test("is SHA-256 in hex, of the scenario alone", () => {
    expect(hashOf(BASE)).toMatch(/^[0-9a-f]{64}$/);
    expect(hashOf(BASE)).toBe(hashScenario(load({ "elsewhere/b.yaml": BASE }).scenario));
  });

  test.each(["seeds=3", "arms=[oracle]", "about=other words", "sweep.oversight.coverage=[0.1, 0.2]", "world.size=5"])(
    "stays with --set %s",
    (option) => {
      expect(hashOf(BASE, [option])).toBe(hashOf(BASE));
    },
  );

  test.each(["name=pears", "world.size=6", "oversight.coverage=.2", "train.steps=5", "shift.near.world.levels=ties"])(
    "changes with --set %s",
    (option) => {
      expect(hashOf(BASE, [option])).not.toBe(hashOf(BASE));
    },
  );
});

describe("seeds", () => {
  test.each([
    ["3", [0, 1, 2]],
    ["0..3", [0, 1, 2, 3]],
    ["7..7", [7]],
    ["0,3,7", [0, 3, 7]],
    ["0..2,9", [0, 1, 2, 9]],
  ])("%s", (text, seeds) => {
    expect(parseSeeds(text)).toEqual(seeds);
  });

  test.each(["0", "", "-1", "1.5", "3..1", "a", "1,,2", "1,1", "0..3,2", "10001", "0..10000", "1e3", "99999999999,1"])(
    "%j is refused by name",
    (text) => {
      expect(messageOf(() => parseSeeds(text))).toBe(
        `--seeds ${text}: expected how many (20), a range (0..19) or a list (0,3,7)\n` +
          "  seeds are integers in [0, 2147483648], at most 10000 of them, none twice",
      );
    },
  );

  test("of a scenario: how many, or which", () => {
    expect(listSeeds(3)).toEqual([0, 1, 2]);
    expect(listSeeds([5, 2])).toEqual([5, 2]);
  });
});

describe("scenarios/", () => {
  const folder = new URL("../../scenarios/", import.meta.url);
  const files = readdirSync(folder).filter((file) => file.endsWith(".yaml"));
  const readText = (path: string): string => readFileSync(new URL(path, folder), "utf8");

  test.each(files)("%s is valid, says what it is about, points at the schema and stands in the readme", (file) => {
    const { scenario } = loadScenario({ path: file, readText });
    expect(scenario.about).not.toBe("");
    expect(readText(file).split("\n")[0]).toBe("# yaml-language-server: $schema=./schema.json");
    expect(readText("README.md")).toContain(`](${file})`);
  });

  test("schema.json is up to date (npm run schema)", () => {
    expect(readText("schema.json")).toBe(`${JSON.stringify(scenarioJsonSchema(), null, 2)}\n`);
  });

  test("schema.json knows extends, and asks a file that extends for nothing", () => {
    const schema = JSON.parse(readText("schema.json"));
    expect(schema.$defs.change.properties.extends.type).toBe("string");
    expect(JSON.stringify(schema.$defs.change)).not.toContain('"required"');
    expect(schema.$defs.scenario.required).toContain("world");
    expect(schema.$defs.scenario.properties.extends).toBeUndefined();
  });
});

describe("a scenario that a file of ours holds", () => {
  const { scenario } = load(BASE);
  const stored = JSON.parse(JSON.stringify(scenario));

  test("is the one that was written, and changes as a file does", () => {
    expect(loadStoredScenario(stored, "a.safetensors")).toEqual({ ...load(BASE), path: "a.safetensors" });
    const set = ["oversight.coverage=0.3", "shift.near.world.levels=ties"];
    expect(loadStoredScenario(stored, "a.safetensors", { set }).scenario).toEqual(load(BASE, set).scenario);
    const swept = { ...stored, sweep: { "oversight.coverage": [0.1, 1] } };
    expect(loadStoredScenario(swept, "a.safetensors", { sweep: "ignore" }).scenario.sweep).toEqual({});
    expect(loadStoredScenario(swept, "a.safetensors").scenario.sweep).toEqual(swept.sweep);
  });

  test("is checked by the same rules, each problem with the file's name", () => {
    const wrong = { ...stored, color: 1, seeds: -1 };
    const said = messageOf(() => loadStoredScenario(wrong, "runs/a.safetensors"));
    expect(said.split("\n").filter((line) => !line.startsWith(" "))).toEqual([
      "runs/a.safetensors: seeds is -1, expected an integer in [1, 10000] or a list of 1 to 10000 integers in [0, 2147483648]",
      "runs/a.safetensors: unknown key color",
    ]);
    expect(messageOf(() => loadStoredScenario({ ...stored, extends: "b.yaml" }, "a"))).toContain("unknown key extends");
    expect(messageOf(() => loadStoredScenario([], "a\n"))).toBe(
      "a\\u000a: found a list, expected a map of keys to values",
    );
  });

  test("may be nested however deep: it is refused, and no stack is spent", () => {
    const deep = JSON.parse(`${"[".repeat(100_000)}${"]".repeat(100_000)}`);
    expect(messageOf(() => loadStoredScenario({ ...stored, about: deep }, "a"))).toBe(
      "a: nested more than 64 levels deep",
    );
    expect(messageOf(() => loadStoredScenario({ ...stored, toString: 1 }, "a"))).toContain("unknown key toString");
    expect(messageOf(() => loadStoredScenario(JSON.parse('{"__proto__": {"name": "b"}}'), "a"))).toContain("__proto__");
  });
});
