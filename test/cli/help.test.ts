import { spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { ARMS } from "../../src/routing/arms/table.ts";
import { halfwatch, MAIN } from "./halfwatch.ts";
import { halfwatchHere } from "./here.ts";

describe("--help", () => {
  const help = async (...command: string[]): Promise<string> => {
    const { code, stdout, stderr } = await halfwatchHere([...command, "--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    return stdout;
  };

  test("of the program", async () => {
    expect(await help()).toMatchInlineSnapshot(`
      "Usage: halfwatch <command> [options]

      What does your agent want when nobody is looking? Train agents that you can only half watch.

      Options:
        -V, --version                               print the version
        -h, --help                                  print this help

      Commands:
        run [options] <SCENARIO>                    Train every cell (arm, seed, point of the sweep) that
                                                    has no result yet, evaluate it, print the table.
        watch [options] <RUN>                       Follow a run that another process trains; pause it, or
                                                    leave it, without harm.
        eval [options] <RUN|CHECKPOINT|SCENARIO>    Evaluate a checkpoint or a scripted policy under the
                                                    true and the proxy goal, exactly where possible.
        solve [options] <SCENARIO>                  Exact values of one level under every goal, and the
                                                    best first actions.
        levels [options] <SCENARIO>                 Levels drawn from the scenario, as maps, with the
                                                    fewest steps to each event.
        play [options] <SCENARIO>                   Walk through levels as an agent would, and be scored
                                                    against the exact optimum of each goal.
        replay [options] <RUN|CHECKPOINT|EPISODES>  See episodes step by step: map, what each module would
                                                    do, gate, value, label; compare minds.
        demo [options]                              A tour, in about a minute, of what goal
                                                    misgeneralization looks like: three levels, recorded
                                                    agents.
        report [options] <RUN>                      Statistics, figures (SVG, PNG, Vega-Lite), tables
                                                    (CSV, Markdown) and one HTML page about a run.
        verify [options] <RUN>                      Check every file of a run, name the cells that are
                                                    missing, and train some again to compare all bytes.
        list [options] [topic]                      What there is to choose from, a line each.
        validate [options] <FILE>                   Check a scenario file, every error with its line and
                                                    column; and estimate how long it will train here.
        doctor [options]                            What this machine can run, what is missing, and the
                                                    command that adds it.
        bench [options]                             How fast training is here, phase by phase.
        help [command]                              print the help of a command

      Example:
        halfwatch run scenarios/quickstart.yaml

      From a clone: npx halfwatch <command>
      Exit code: 0 done, 1 a bug or work that failed, 2 wrong input, 130 interrupted. With --json an error is a document, too:
        { "error": "input" | "interrupted" | "bug", "errors": [{ file, line, column, message, hint }] }
        of validate: { "valid": false, "errors": [...] }; null where there is no place or no hint
      "
    `);
  });
  test("of run", async () => {
    expect(await help("run")).toMatchInlineSnapshot(`
      "Usage: halfwatch run [options] <SCENARIO>

      Train every cell (arm, seed, point of the sweep) that has no result yet, evaluate it, print the
      table.

      Arguments:
        SCENARIO                scenario file (YAML); see \`halfwatch list scenarios\`

      Options:
        --set <key.path=value>  change the scenario before it is checked; may be repeated
        --allow-code            load the TypeScript or JavaScript that the scenario or the run brings; it
                                can do whatever you can
        --arms <a,b>            only these arms of the scenario
        --seeds <seeds>         how many (20), a range (0..19) or a list (0,3,7); default: the scenario's
        --out <folder>          where run directories are (default: "runs")
        --jobs <number>         cells that train side by side; default: as fits the cores
        --threads <number>      threads of the engine; default: as many as fit the cores
        --engine <name>         auto (wasm, by compiled kernels where there are a compiler and koffi: the
                                same bytes everywhere), wasm, wasm-fma or native (faster, a machine's own
                                bytes), tfjs (GPU; tfjs:node-gpu, tfjs:webgpu, tfjs:node, tfjs:cpu),
                                reference (float64, slow, to be read) (default: "auto")
        --replicas <number>     engine tfjs: cells that train as one program; default: 64
        --plain                 lines instead of a dashboard, also on a terminal
        --json                  one JSON document on stdout, also about what is wrong
        -h, --help              print this help

      Example:
        halfwatch run scenarios/quickstart.yaml --seeds 0..4 --arms naive,route
      "
    `);
  });
  test("of eval", async () => {
    expect(await help("eval")).toMatchInlineSnapshot(`
      "Usage: halfwatch eval [options] <RUN|CHECKPOINT|SCENARIO>

      Evaluate a checkpoint or a scripted policy under the true and the proxy goal, exactly where
      possible.

      Arguments:
        RUN|CHECKPOINT|SCENARIO  a run directory, a checkpoint, or a scenario file together with --policy

      Options:
        --policy <name>          random, optimal:<goal>, optimal:<arm> or blind:<event>; needs a scenario
        --arm <name>             which arm of a run; default: route if it is there
        --seed <number>          which seed of the arm; default: the first
        --point <key=value>      which point of a sweep; default: the first; may be repeated
        --view <view>            full, only:<module>, ablate:<module> or steer:<module>=<scale>
        --shift <name>           a test distribution of the scenario; default: the training distribution
        --set <key.path=value>   change the scenario before it is checked; may be repeated
        --allow-code             load the TypeScript or JavaScript that the scenario or the run brings; it
                                 can do whatever you can
        --greedy                 always take the likeliest action
        --metric <name>          stepwise: also the published experiment's own metric, with the scenario's
                                 train.quirks
        --engine <name>          auto (wasm, by compiled kernels where there are a compiler and koffi: the
                                 same bytes everywhere), wasm, wasm-fma or native (faster, a machine's own
                                 bytes), tfjs (GPU; tfjs:node-gpu, tfjs:webgpu, tfjs:node, tfjs:cpu),
                                 reference (float64, slow, to be read) (default: "auto")
        --json                   one JSON document on stdout, also about what is wrong
        -h, --help               print this help

      Example:
        halfwatch eval scenarios/diamond-ghost.yaml --policy optimal:proxy --shift unseen --json
      "
    `);
  });
  test("of solve", async () => {
    expect(await help("solve")).toMatchInlineSnapshot(`
      "Usage: halfwatch solve [options] <SCENARIO>

      Exact values of one level under every goal, and the best first actions.

      Arguments:
        SCENARIO                scenario file (YAML); see \`halfwatch list scenarios\`

      Options:
        --map <file>            a map in the world's letters; the world is built to fit it
        --level <number>        the level of that number in \`halfwatch levels\`
        --seed <number>         seed of the levels that are drawn (default: 0)
        --set <key.path=value>  change the scenario before it is checked; may be repeated
        --allow-code            load the TypeScript or JavaScript that the scenario or the run brings; it
                                can do whatever you can
        --json                  one JSON document on stdout, also about what is wrong
        -h, --help              print this help

      Example:
        halfwatch solve scenarios/diamond-ghost.yaml --level 3
      "
    `);
  });
  test("of levels", async () => {
    expect(await help("levels")).toMatchInlineSnapshot(`
      "Usage: halfwatch levels [options] <SCENARIO>

      Levels drawn from the scenario, as maps, with the fewest steps to each event.

      Arguments:
        SCENARIO                scenario file (YAML); see \`halfwatch list scenarios\`

      Options:
        -n, --number <count>    how many (default: 5)
        --shift <name>          draw from a test distribution of the scenario
        --seed <number>         seed of the levels that are drawn (default: 0)
        --set <key.path=value>  change the scenario before it is checked; may be repeated
        --allow-code            load the TypeScript or JavaScript that the scenario or the run brings; it
                                can do whatever you can
        --plain                 print levels also on a terminal, where they are browsed otherwise
        --json                  one JSON document on stdout, also about what is wrong
        -h, --help              print this help

      Example:
        halfwatch levels scenarios/diamond-ghost.yaml -n 3 --shift ghost-closer
      "
    `);
  });

  test("of play", async () => {
    expect(await help("play")).toMatchInlineSnapshot(`
      "Usage: halfwatch play [options] <SCENARIO>

      Walk through levels as an agent would, and be scored against the exact optimum of each goal.

      Arguments:
        SCENARIO                scenario file (YAML); see \`halfwatch list scenarios\`

      Options:
        --level <number>        the first level, by its number in \`halfwatch levels\` (default: 0)
        --seed <number>         seed of the levels that are drawn (default: 0)
        --shift <name>          play in a test distribution of the scenario; default: as in training
        --set <key.path=value>  change the scenario before it is checked; may be repeated
        --allow-code            load the TypeScript or JavaScript that the scenario or the run brings; it
                                can do whatever you can
        --plain                 read moves from standard input, a letter a move, a level a line
        --json                  as --plain, with the games and scores as one JSON document on stdout
        -h, --help              print this help

      Example:
        halfwatch play scenarios/diamond-ghost.yaml --shift ghost-closer
      "
    `);
  });

  test("of replay", async () => {
    expect(await help("replay")).toMatchInlineSnapshot(`
      "Usage: halfwatch replay [options] <RUN|CHECKPOINT|EPISODES>

      See episodes step by step: map, what each module would do, gate, value, label; compare minds.

      Arguments:
        RUN|CHECKPOINT|EPISODES  a run directory, a checkpoint, or an episode file (.jsonl)

      Options:
        --episode <number>       which; default: the first one that the filter accepts
        --at <step>              begin after so many steps (default: 0)
        --arm <name>             which arm of a run; default: route if it is there
        --seed <number>          which seed of the arm; default: the first
        --point <key=value>      which point of a sweep; default: the first; may be repeated
        --view <view>            full, only:<module>, ablate:<module> or steer:<module>=<scale>; default:
                                 as deployed
        --shift <name>           play in a test distribution of the scenario; default: as in training
        --compare <minds>        one or two others on the same level: a view, arm:<name>, seed:<n>,
                                 step:<n>, point:<key=value>, oracle, optimal:<goal>
        --filter <terms>         list only these episodes, for example 'outcome:ghost marked:no return<0'
        --episodes <number>      how many episodes of a policy are played (default: 1024)
        --record <file>          write the episodes into a file instead of showing them
        --set <key.path=value>   change the scenario before it is checked; may be repeated
        --allow-code             load the TypeScript or JavaScript that the scenario or the run brings; it
                                 can do whatever you can
        --plain                  lines instead of a dashboard, also on a terminal
        --json                   one JSON document on stdout, also about what is wrong
        -h, --help               print this help

      Example:
        halfwatch replay runs/quickstart-5f2c81aa --shift ghost-closer --view full --compare ablate:ghost
      "
    `);
  });
  test("of report", async () => {
    expect(await help("report")).toMatchInlineSnapshot(`
      "Usage: halfwatch report [options] <RUN>

      Statistics, figures (SVG, PNG, Vega-Lite), tables (CSV, Markdown) and one HTML page about a run.

      Arguments:
        RUN             a run directory

      Options:
        --shift <name>  the test distribution that figures show; default: the primary one
        --out <folder>  where to write; default: report/ in the run directory
        --allow-code    load the TypeScript or JavaScript that the scenario or the run brings; it can do
                        whatever you can
        --json          one JSON document on stdout, also about what is wrong
        -h, --help      print this help

      Example:
        halfwatch report runs/diamond-ghost-5f2c81aa
      "
    `);
  });
  test("of verify", async () => {
    expect(await help("verify")).toMatchInlineSnapshot(`
      "Usage: halfwatch verify [options] <RUN>

      Check every file of a run, name the cells that are missing, and train some again to compare all
      bytes.

      Arguments:
        RUN               a run directory

      Options:
        --rerun <number>  how many finished cells to train again, spread over the arms (default: 0)
        --allow-code      load the TypeScript or JavaScript that the scenario or the run brings; it can do
                          whatever you can
        --json            one JSON document on stdout, also about what is wrong
        -h, --help        print this help

      Example:
        halfwatch verify runs/quickstart-5f2c81aa --rerun 2
      "
    `);
  });
  test("of list", async () => {
    expect(await help("list")).toMatchInlineSnapshot(`
      "Usage: halfwatch list [options] [topic]

      What there is to choose from, a line each.

      Arguments:
        topic       worlds, overseers, arms or scenarios; default: all of them

      Options:
        --json      one JSON document on stdout, also about what is wrong
        -h, --help  print this help

      Example:
        halfwatch list scenarios
      "
    `);
  });
  test("of validate", async () => {
    expect(await help("validate")).toMatchInlineSnapshot(`
      "Usage: halfwatch validate [options] <FILE>

      Check a scenario file, every error with its line and column; and estimate how long it will train
      here.

      Arguments:
        FILE                    scenario file (YAML)

      Options:
        --set <key.path=value>  change the scenario before it is checked; may be repeated
        --allow-code            load the TypeScript or JavaScript that the scenario or the run brings; it
                                can do whatever you can
        --json                  one JSON document on stdout, also about what is wrong
        -h, --help              print this help

      Example:
        halfwatch validate scenarios/quickstart.yaml --set oversight.coverage=0.3
      "
    `);
  });
  test("of doctor", async () => {
    expect(await help("doctor")).toMatchInlineSnapshot(`
      "Usage: halfwatch doctor [options]

      What this machine can run, what is missing, and the command that adds it.

      Options:
        --json      one JSON document on stdout, also about what is wrong
        -h, --help  print this help

      Example:
        halfwatch doctor
      "
    `);
  });
  test("of bench", async () => {
    expect(await help("bench")).toMatchInlineSnapshot(`
      "Usage: halfwatch bench [options]

      How fast training is here, phase by phase.

      Options:
        --engine <name>         auto (wasm, by compiled kernels where there are a compiler and koffi: the
                                same bytes everywhere), wasm, wasm-fma or native (faster, a machine's own
                                bytes), tfjs (GPU; tfjs:node-gpu, tfjs:webgpu, tfjs:node, tfjs:cpu),
                                reference (float64, slow, to be read) (default: "auto")
        --threads <number>      threads of the engine; default: as many as fit the cores
        --faithful              the published experiment's routed update (512 x 32 steps) instead of the
                                recipe
        --maze                  convolutions in 13 x 13 mazes instead of the recipe
        --arms <a,b>            arms to time; default: naive and route
        --set <key.path=value>  change the scenario before it is checked; may be repeated
        --updates <number>      how many updates are timed, after a few that are not
        --json                  one JSON document on stdout, also about what is wrong
        -h, --help              print this help

      Example:
        halfwatch bench --threads 2
      "
    `);
  });

  test("every command that the program lists has an example and is reached by `help` too", async () => {
    const names = [...(await help()).matchAll(/^ {2}([a-z]+) \[options\]/gm)].map((match) => match[1]);
    expect(names).toEqual([
      "run",
      "watch",
      "eval",
      "solve",
      "levels",
      "play",
      "replay",
      "demo",
      "report",
      "verify",
      "list",
      "validate",
      "doctor",
      "bench",
    ]);
    for (const name of names) {
      expect(await help(name)).toMatch(new RegExp(`\\nExample:\\n  halfwatch ${name}`));
      expect((await halfwatchHere(["help", name])).stdout).toBe(await help(name));
    }
  });

  test("loads neither zod nor yaml nor ink: it must cost next to nothing", () => {
    const trace = `
      import { registerHooks } from "node:module";
      registerHooks({ load(url, context, next) { process.stderr.write(url + "\\n"); return next(url, context); } });`;
    const traced = (...args: string[]): string =>
      spawnSync(process.execPath, ["--import", `data:text/javascript,${encodeURIComponent(trace)}`, MAIN, ...args], {
        encoding: "utf8",
      }).stderr;
    const heavy = /node_modules\/(zod|yaml|ink|react|vega|@resvg|@tensorflow)\//;
    expect(traced("--help")).not.toMatch(heavy);
    expect(traced("run", "--help")).not.toMatch(heavy);
    expect(traced("run", "--help")).toMatch(/node_modules\/commander\//);
    // The trace sees them where they are loaded.
    expect(traced("validate", "nowhere.yaml")).toMatch(heavy);
  });
});

describe("what is not understood", () => {
  const COMMANDS =
    "  commands: run, watch, eval, solve, levels, play, replay, demo, report, verify, list, validate, doctor, bench\n";

  test.each([
    [["rum"], `unknown command rum; did you mean run?\n${COMMANDS}`],
    [["constructor"], `unknown command constructor\n${COMMANDS}`],
    [["__proto__"], `unknown command __proto__\n${COMMANDS}`],
    [["toString", "x"], `unknown command toString\n${COMMANDS}`],
    [["\u001b[31mred"], `unknown command \\u001b[31mred\n${COMMANDS}`],
    [["--halp"], "unknown option --halp; did you mean --help?\n  see `halfwatch --help`\n"],
    [
      ["run", "s.yaml", "--sedes", "3"],
      "unknown option --sedes for 'run'; did you mean --seeds?\n  see `halfwatch run --help`\n",
    ],
    [["run", "s.yaml", "--constructor"], "unknown option --constructor for 'run'\n  see `halfwatch run --help`\n"],
    [["run"], "missing required argument 'SCENARIO' for 'run'\n  see `halfwatch run --help`\n"],
    [["validate", "a", "b"], "too many arguments for 'validate': a b\n  see `halfwatch validate --help`\n"],
    [
      ["run", "s.yaml", "--jobs"],
      "option '--jobs <number>' argument missing for 'run'\n  see `halfwatch run --help`\n",
    ],
    [["run", "s.yaml", "--jobs", "2.5"], "--jobs is 2.5, expected an integer in [1, 1024]\n"],
    [["run", "s.yaml", "--jobs", "0"], "--jobs is 0, expected an integer in [1, 1024]\n"],
    [["run", "s.yaml", "--arms", "a,,b"], "--arms is a,,b, expected names with commas between\n"],
    [
      ["run", "scenarios/quickstart.yaml", "--arms", "naiv"],
      `--arms: unknown arm naiv; did you mean naive?\n  expected some of ${[...ARMS.keys()].join(", ")}\n`,
    ],
    ...["run", "levels", "play", "solve", "validate"].map((command): [string[], string] => [
      [command, "scenarios/quickstrt.yaml", ...(command === "solve" ? ["--level", "0"] : [])],
      "cannot read scenarios/quickstrt.yaml: there is no such file or folder (ENOENT); did you mean scenarios/quickstart.yaml?\n  `halfwatch list scenarios` names those that there are\n",
    ]),
    [
      ["validate", "quickstart"],
      "cannot read quickstart: there is no such file or folder (ENOENT); did you mean scenarios/quickstart.yaml?\n  `halfwatch list scenarios` names those that there are\n",
    ],
    [
      ["run", "s.yaml", "--engine", "wsam"],
      "--engine is wsam, expected auto, wasm, wasm-fma, native, reference, tfjs, tfjs:node-gpu, tfjs:webgpu, tfjs:node, tfjs:cpu; did you mean wasm?\n",
    ],
    [
      ["list", "arm"],
      "unknown topic arm for 'list'; did you mean arms?\n  topics: worlds, overseers, arms, scenarios\n",
    ],
    [["list", "constructor"], "unknown topic constructor for 'list'\n  topics: worlds, overseers, arms, scenarios\n"],
  ])("%j: exit 2, a line, nothing on stdout", async (args, stderr) => {
    expect(await halfwatchHere(args)).toEqual({ code: 2, stdout: "", stderr });
  });

  test("no command at all prints the help, on stderr", () => {
    const { code, stdout, stderr } = halfwatch([]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toBe(halfwatch(["--help"]).stdout);
  });
});

test("--version is the version of package.json", async () => {
  const { default: manifest } = await import("../../package.json", { with: { type: "json" } });
  expect(halfwatch(["--version"])).toEqual({ code: 0, stdout: `${manifest.version}\n`, stderr: "" });
});

describe("exit codes", () => {
  /** The program with another body for `doctor`. */
  function withDoctor(body: string, ...args: readonly string[]) {
    const hooks = `
      import { registerHooks } from "node:module";
      const source = ${JSON.stringify(`import { Interrupted } from "../errors.js"; export async function run() { ${body} }`)};
      registerHooks({ load: (url, context, next) => url.endsWith("/commands/doctor.js")
        ? { format: "module", source, shortCircuit: true } : next(url, context) });`;
    return spawn(process.execPath, [
      "--import",
      `data:text/javascript,${encodeURIComponent(hooks)}`,
      MAIN,
      "doctor",
      ...args,
    ]);
  }

  async function outcomeOf(child: ReturnType<typeof withDoctor>) {
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
    });
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    const code = await new Promise((resolve) => child.once("close", resolve));
    return { code, stdout, stderr };
  }

  test("1 for what is our fault, with its stack", async () => {
    const { code, stdout, stderr } = await outcomeOf(withDoctor('throw new RangeError("gae: T is 0");'));
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^RangeError: gae: T is 0\n {4}at run /);
    expect(stderr).toMatch(/\nthis is a bug in halfwatch: please report it together with the command that you ran\n$/);
  });

  test("130 for work that was interrupted and saved", async () => {
    expect(await outcomeOf(withDoctor('throw new Interrupted("3 cells done");'))).toEqual({
      code: 130,
      stdout: "",
      stderr: "3 cells done\n",
    });
  });

  test("with --json each is a document on stdout; the stack of a bug goes to stderr", async () => {
    const one = (error: string, message: string) =>
      `${JSON.stringify({ error, errors: [{ file: null, line: null, column: null, message, hint: null }] }, null, 2)}\n`;
    const bug = await outcomeOf(withDoctor('throw new RangeError("gae: T is 0");', "--json"));
    expect({ ...bug, stderr: "" }).toEqual({ code: 1, stdout: one("bug", "gae: T is 0"), stderr: "" });
    expect(bug.stderr).toMatch(/^RangeError: gae: T is 0\n {4}at run /);
    expect(await outcomeOf(withDoctor('throw new Interrupted("3 cells done");', "--json"))).toEqual({
      ...{ code: 130, stdout: one("interrupted", "3 cells done"), stderr: "" },
    });
    const waiting = withDoctor(
      'console.error("ready"); await new Promise((resolve) => setTimeout(resolve, 30_000));',
      "--json",
    );
    waiting.stderr.once("data", () => waiting.kill("SIGINT"));
    expect(await outcomeOf(waiting)).toEqual({
      code: 130,
      stdout: one("interrupted", "interrupted"),
      stderr: "ready\n",
    });
  });

  test("130 for Ctrl-C on a command that has nothing to save", async () => {
    const child = withDoctor('console.log("ready"); await new Promise((resolve) => setTimeout(resolve, 30_000));');
    child.stdout.once("data", () => child.kill("SIGINT"));
    expect(await outcomeOf(child)).toEqual({ code: 130, stdout: "ready\n", stderr: "" });
  });
});

test("a reader that leaves early is no error", async () => {
  const args = ["levels", "scenarios/diamond-ghost.yaml", "-n", "10000"];
  const child = spawn(process.execPath, [MAIN, ...args], { cwd: fileURLToPath(new URL("../../", import.meta.url)) });
  let stderr = "";
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  child.stdout.once("data", () => child.stdout.destroy());
  const code = await new Promise((resolve) => child.once("close", resolve));
  expect(code).toBe(0);
  expect(stderr).not.toMatch(/EPIPE|at /);
});
