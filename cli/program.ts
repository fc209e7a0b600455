import { Command, CommanderError, Option } from "commander";
import { ENGINES } from "../src/compute/choice.ts";
import { UserError } from "../src/core/errors.ts";
import { suggest } from "../src/core/suggest.ts";
import { wordsIn } from "./arguments/names.ts";
import { isRun, mayHaveCode, newestRun } from "./arguments/run-directories.ts";
import { complaintOf, failureDocument, Interrupted, isTheirs, TerminalGone } from "./errors.ts";
import { endWhenUnheard, printJson, printWhole, say } from "./output.ts";
import { packageVersion } from "./package.ts";
import { shellWord } from "./text/shell-words.ts";

/*
 * The command line as data: names, options, examples. Each command's module is imported when it runs, so that `--help` costs
 * next to nothing (no zod, no yaml, no ink on the way to it).
 */

/** What a command's module exports: the arguments as they were written, the options by their long names. */
interface CommandModule {
  run(args: readonly string[], options: never): Promise<void>;
}

interface CommandSpec {
  readonly name: string;
  /** As commander writes them: `<SCENARIO>` is needed, `[topic]` is not. */
  readonly args: readonly (readonly [string, string])[];
  readonly about: string;
  readonly options: readonly Option[];
  readonly example: string;
  readonly load: () => Promise<CommandModule>;
}

const SCENARIO = ["<SCENARIO>", "scenario file (YAML); see `halfwatch list scenarios`"] as const;

const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];
const setOption = () =>
  new Option("--set <key.path=value>", "change the scenario before it is checked; may be repeated").argParser(collect);
const codeOption = () =>
  new Option(
    "--allow-code",
    "load the TypeScript or JavaScript that the scenario or the run brings; it can do whatever you can",
  );
const jsonOption = () => new Option("--json", "one JSON document on stdout, also about what is wrong");
const plainOption = () => new Option("--plain", "lines instead of a dashboard, also on a terminal");
const shiftOption = (what: string) => new Option("--shift <name>", what);
const threadsOption = () =>
  new Option("--threads <number>", "threads of the engine; default: as many as fit the cores").argParser(
    integer("--threads", 1, 1024),
  );
const engineOption = () =>
  new Option(
    "--engine <name>",
    "auto (wasm, by compiled kernels where there are a compiler and koffi: the same bytes everywhere), wasm, wasm-fma or native (faster, a machine's own bytes), tfjs (GPU; tfjs:node-gpu, tfjs:webgpu, tfjs:node, tfjs:cpu), reference (float64, slow, to be read)",
  )
    .default("auto")
    .argParser(oneOf("--engine", ENGINES));
const seedOption = () =>
  new Option("--seed <number>", "seed of the levels that are drawn")
    .default(0)
    .argParser(integer("--seed", 0, 2 ** 31));
/** Which policy of a run. */
const policyOptions = () => [
  new Option("--arm <name>", "which arm of a run; default: route if it is there"),
  new Option("--seed <number>", "which seed of the arm; default: the first").argParser(integer("--seed", 0, 2 ** 31)),
  new Option("--point <key=value>", "which point of a sweep; default: the first; may be repeated").argParser(collect),
];

const COMMANDS: readonly CommandSpec[] = [
  {
    name: "run",
    args: [SCENARIO],
    about: "Train every cell (arm, seed, point of the sweep) that has no result yet, evaluate it, print the table.",
    options: [
      setOption(),
      codeOption(),
      new Option("--arms <a,b>", "only these arms of the scenario").argParser(names("--arms")),
      new Option("--seeds <seeds>", "how many (20), a range (0..19) or a list (0,3,7); default: the scenario's"),
      new Option("--out <folder>", "where run directories are").default("runs"),
      new Option("--jobs <number>", "cells that train side by side; default: as fits the cores").argParser(
        integer("--jobs", 1, 1024),
      ),
      threadsOption(),
      engineOption(),
      new Option("--replicas <number>", "engine tfjs: cells that train as one program; default: 64").argParser(
        integer("--replicas", 1, 4096),
      ),
      plainOption(),
      jsonOption(),
    ],
    example: "halfwatch run scenarios/quickstart.yaml --seeds 0..4 --arms naive,route",
    load: () => import("./commands/run.ts"),
  },
  {
    name: "watch",
    args: [["<RUN>", "a run directory"]],
    about: "Follow a run that another process trains; pause it, or leave it, without harm.",
    options: [
      codeOption(),
      plainOption(),
      new Option("--json", "the state of the run now, as one JSON document on stdout"),
    ],
    example: "halfwatch watch runs/quickstart-5f2c81aa --plain",
    load: () => import("./commands/watch.ts"),
  },
  {
    name: "eval",
    args: [["<RUN|CHECKPOINT|SCENARIO>", "a run directory, a checkpoint, or a scenario file together with --policy"]],
    about: "Evaluate a checkpoint or a scripted policy under the true and the proxy goal, exactly where possible.",
    options: [
      new Option("--policy <name>", "random, optimal:<goal>, optimal:<arm> or blind:<event>; needs a scenario"),
      ...policyOptions(),
      new Option("--view <view>", "full, only:<module>, ablate:<module> or steer:<module>=<scale>"),
      shiftOption("a test distribution of the scenario; default: the training distribution"),
      setOption(),
      codeOption(),
      new Option("--greedy", "always take the likeliest action"),
      new Option(
        "--metric <name>",
        "stepwise: also the published experiment's own metric, with the scenario's train.quirks",
      ).argParser(oneOf("--metric", ["stepwise"])),
      engineOption(),
      jsonOption(),
    ],
    example: "halfwatch eval scenarios/diamond-ghost.yaml --policy optimal:proxy --shift unseen --json",
    load: () => import("./commands/eval.ts"),
  },
  {
    name: "solve",
    args: [SCENARIO],
    about: "Exact values of one level under every goal, and the best first actions.",
    options: [
      new Option("--map <file>", "a map in the world's letters; the world is built to fit it"),
      new Option("--level <number>", "the level of that number in `halfwatch levels`").argParser(
        integer("--level", 0, 2 ** 31),
      ),
      seedOption(),
      setOption(),
      codeOption(),
      jsonOption(),
    ],
    example: "halfwatch solve scenarios/diamond-ghost.yaml --level 3",
    load: () => import("./commands/solve.ts"),
  },
  {
    name: "levels",
    args: [SCENARIO],
    about: "Levels drawn from the scenario, as maps, with the fewest steps to each event.",
    options: [
      new Option("-n, --number <count>", "how many").default(5).argParser(integer("--number", 1, 10_000)),
      shiftOption("draw from a test distribution of the scenario"),
      seedOption(),
      setOption(),
      codeOption(),
      new Option("--plain", "print levels also on a terminal, where they are browsed otherwise"),
      jsonOption(),
    ],
    example: "halfwatch levels scenarios/diamond-ghost.yaml -n 3 --shift ghost-closer",
    load: () => import("./commands/levels.ts"),
  },
  {
    name: "play",
    args: [SCENARIO],
    about: "Walk through levels as an agent would, and be scored against the exact optimum of each goal.",
    options: [
      new Option("--level <number>", "the first level, by its number in `halfwatch levels`")
        .default(0)
        .argParser(integer("--level", 0, 2 ** 31)),
      seedOption(),
      shiftOption("play in a test distribution of the scenario; default: as in training"),
      setOption(),
      codeOption(),
      new Option("--plain", "read moves from standard input, a letter a move, a level a line"),
      new Option("--json", "as --plain, with the games and scores as one JSON document on stdout"),
    ],
    example: "halfwatch play scenarios/diamond-ghost.yaml --shift ghost-closer",
    load: () => import("./commands/play.ts"),
  },
  {
    name: "replay",
    args: [["<RUN|CHECKPOINT|EPISODES>", "a run directory, a checkpoint, or an episode file (.jsonl)"]],
    about: "See episodes step by step: map, what each module would do, gate, value, label; compare minds.",
    options: [
      new Option("--episode <number>", "which; default: the first one that the filter accepts").argParser(
        integer("--episode", 0, 2 ** 31),
      ),
      new Option("--at <step>", "begin after so many steps").default(0).argParser(integer("--at", 0, 2 ** 31)),
      ...policyOptions(),
      new Option(
        "--view <view>",
        "full, only:<module>, ablate:<module> or steer:<module>=<scale>; default: as deployed",
      ),
      shiftOption("play in a test distribution of the scenario; default: as in training"),
      new Option(
        "--compare <minds>",
        "one or two others on the same level: a view, arm:<name>, seed:<n>, step:<n>, point:<key=value>, oracle, optimal:<goal>",
      ).argParser(names("--compare")),
      new Option("--filter <terms>", "list only these episodes, for example 'outcome:ghost marked:no return<0'"),
      new Option("--episodes <number>", "how many episodes of a policy are played")
        .default(1024)
        .argParser(integer("--episodes", 1, 100_000)),
      new Option("--record <file>", "write the episodes into a file instead of showing them"),
      setOption(),
      codeOption(),
      plainOption(),
      jsonOption(),
    ],
    example: "halfwatch replay runs/quickstart-5f2c81aa --shift ghost-closer --view full --compare ablate:ghost",
    load: () => import("./commands/replay.ts"),
  },
  {
    name: "demo",
    args: [],
    about: "A tour, in about a minute, of what goal misgeneralization looks like: three levels, recorded agents.",
    options: [
      new Option("--scene <number>", "begin with this one; printed: this one alone").argParser(
        integer("--scene", 1, 3),
      ),
      new Option("--plain", "print the tour also on a terminal"),
      jsonOption(),
    ],
    example: "halfwatch demo --scene 2",
    load: () => import("./commands/demo.ts"),
  },
  {
    name: "report",
    args: [["<RUN>", "a run directory"]],
    about: "Statistics, figures (SVG, PNG, Vega-Lite), tables (CSV, Markdown) and one HTML page about a run.",
    options: [
      shiftOption("the test distribution that figures show; default: the primary one"),
      new Option("--out <folder>", "where to write; default: report/ in the run directory"),
      codeOption(),
      jsonOption(),
    ],
    example: "halfwatch report runs/diamond-ghost-5f2c81aa",
    load: () => import("./commands/report.ts"),
  },
  {
    name: "verify",
    args: [["<RUN>", "a run directory"]],
    about: "Check every file of a run, name the cells that are missing, and train some again to compare all bytes.",
    options: [
      new Option("--rerun <number>", "how many finished cells to train again, spread over the arms")
        .default(0)
        .argParser(integer("--rerun", 0, 1_000_000)),
      codeOption(),
      jsonOption(),
    ],
    example: "halfwatch verify runs/quickstart-5f2c81aa --rerun 2",
    load: () => import("./commands/verify.ts"),
  },
  {
    name: "list",
    args: [["[topic]", "worlds, overseers, arms or scenarios; default: all of them"]],
    about: "What there is to choose from, a line each.",
    options: [jsonOption()],
    example: "halfwatch list scenarios",
    load: () => import("./commands/list.ts"),
  },
  {
    name: "validate",
    args: [["<FILE>", "scenario file (YAML)"]],
    about: "Check a scenario file, every error with its line and column; and estimate how long it will train here.",
    options: [setOption(), codeOption(), jsonOption()],
    example: "halfwatch validate scenarios/quickstart.yaml --set oversight.coverage=0.3",
    load: () => import("./commands/validate.ts"),
  },
  {
    name: "doctor",
    args: [],
    about: "What this machine can run, what is missing, and the command that adds it.",
    options: [jsonOption()],
    example: "halfwatch doctor",
    load: () => import("./commands/doctor.ts"),
  },
  {
    name: "bench",
    args: [],
    about: "How fast training is here, phase by phase.",
    options: [
      engineOption(),
      threadsOption(),
      new Option("--faithful", "the published experiment's routed update (512 x 32 steps) instead of the recipe"),
      new Option("--maze", "convolutions in 13 x 13 mazes instead of the recipe").conflicts("faithful"),
      new Option("--arms <a,b>", "arms to time; default: naive and route").argParser(names("--arms")),
      setOption(),
      new Option("--updates <number>", "how many updates are timed, after a few that are not").argParser(
        integer("--updates", 1, 100_000),
      ),
      jsonOption(),
    ],
    example: "halfwatch bench --threads 2",
    load: () => import("./commands/bench.ts"),
  },
];

/** Run the program on its arguments; sets the exit code as {@link runCommand} returns it. */
export async function main(argv: readonly string[]): Promise<void> {
  endWhenUnheard(report);
  exitWhenInterrupted(tellerOf(argv));
  const code = await runCommand(argv);
  if (code !== 0) process.exitCode = code;
}

/** Run a command line; returns the exit code: 0 done, 1 our bug or work that failed, 2 wrong input, 130 interrupted. */
export async function runCommand(argv: readonly string[]): Promise<number> {
  try {
    await createProgram(argv).parseAsync([...argv], { from: "user" });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    return tellerOf(argv)(error);
  }
}

/** What says how a command line went wrong, and makes an exit code of it. */
function tellerOf(argv: readonly string[]): (error: unknown) => number {
  const asked = argv.slice(0, argv.includes("--") ? argv.indexOf("--") : argv.length);
  const command = asked.find((word) => !word.startsWith("-"));
  return asked.includes("--json") ? (error) => reportJson(error, command) : report;
}

/** A command line as one can type it into a shell again. */
const commandLineOf = (argv: readonly string[]): string => ["halfwatch", ...argv.map(shellWord)].join(" ");

function createProgram(argv: readonly string[]): Command {
  const program = new Command("halfwatch")
    .description("What does your agent want when nobody is looking? Train agents that you can only half watch.")
    .usage("<command> [options]")
    .version(packageVersion(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print the help of a command")
    .addHelpText(
      "after",
      "\nExample:\n  halfwatch run scenarios/quickstart.yaml\n\nFrom a clone: npx halfwatch <command>" +
        "\nExit code: 0 done, 1 a bug or work that failed, 2 wrong input, 130 interrupted. With --json an error is a document, too:" +
        '\n  { "error": "input" | "interrupted" | "bug", "errors": [{ file, line, column, message, hint }] }' +
        '\n  of validate: { "valid": false, "errors": [...] }; null where there is no place or no hint',
    );
  prepare(program);
  for (const spec of COMMANDS) {
    const command = program
      .command(spec.name)
      .description(spec.about)
      .helpOption("-h, --help", "print this help")
      .addHelpText("after", `\nExample:\n  ${spec.example}`);
    prepare(command);
    for (const [argument, about] of spec.args) command.argument(argument, about);
    for (const option of spec.options) command.addOption(option);
    command.action(async () => {
      const { run } = await spec.load();
      const options: { readonly allowCode?: boolean } = command.opts();
      // Looked for cheaply: most runs bring no code, and most commands read no run.
      if (command.args.some(mayHaveCode)) {
        const { loadCodeOf } = await import("./arguments/run-code.ts");
        for (const path of command.args) loadCodeOf(path, options.allowCode === true);
      }
      await run(command.args, { ...options, commandLine: commandLineOf(argv) } as never);
    });
  }
  return program;
}

/** Errors are ours to word: nothing is written by commander but help and version. */
function prepare(command: Command): void {
  command
    .configureOutput({
      writeOut: printWhole,
      outputError: () => {},
      getOutHelpWidth: () => 100,
      getErrHelpWidth: () => 100,
    })
    .exitOverride((error) => {
      throw error.exitCode === 0 ? error : usageError(command, error);
    });
}

/** A commander error in our words. */
function usageError(command: Command, error: CommanderError): Error {
  const found = /'(.*?)'/s.exec(error.message)?.[1] ?? "";
  const of = command.parent === null ? "" : ` for '${command.name()}'`;
  const help = `see \`${[command.parent?.name(), command.name()].filter(Boolean).join(" ")} --help\``;
  switch (error.code) {
    case "commander.unknownOption": {
      const flags = ["--help", ...command.options.flatMap((option) => option.long ?? [])];
      return new UserError(`unknown option ${found}${of}${didYouMean(found, flags)}`, help);
    }
    case "commander.unknownCommand": {
      const known = command.commands.map((sub) => sub.name());
      return new UserError(`unknown command ${found}${didYouMean(found, known)}`, `commands: ${known.join(", ")}`);
    }
    case "commander.help":
      // No command at all: the help was written to stderr.
      return error;
    case "commander.excessArguments": {
      const runs = command.args.filter(isRun);
      if (command.registeredArguments[0]?.name().startsWith("RUN") && runs.length > 1)
        return new UserError(`${runs.length} runs are given, expected one; the newest is ${newestRun(runs)}`, help);
      return new UserError(`too many arguments${of}: ${command.args.join(" ")}`, help);
    }
    default:
      return new UserError(`${error.message.replace(/^error: /, "").replace(/\.$/, "")}${of}`, help);
  }
}

function didYouMean(word: string, known: readonly string[]): string {
  const meant = suggest(word, known);
  return meant === undefined ? "" : `; did you mean ${meant}?`;
}

/** Say what went wrong, on stderr; returns the exit code. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof Interrupted) {
    say(error.message);
    return 130;
  }
  // Nobody is there to be told.
  if (error instanceof TerminalGone) return 0;
  say(complaintOf(error));
  return isTheirs(error) ? 2 : 1;
}

/** As {@link report}, as a document on stdout; the stack of a bug still goes to stderr. */
function reportJson(error: unknown, command: string | undefined): number {
  // Help was asked for, and is the answer.
  if (error instanceof CommanderError && error.exitCode === 0) return 0;
  if (error instanceof TerminalGone) return report(error);
  const failure =
    error instanceof CommanderError ? new UserError("no command is given", "see `halfwatch --help`") : error;
  try {
    printJson(failureDocument(failure, command));
  } catch (refused) {
    // Where the document cannot be written either, the reason is said in words.
    return report(refused);
  }
  if (failure instanceof Interrupted) return 130;
  if (isTheirs(failure)) return 2;
  say(complaintOf(failure));
  return 1;
}

/** Ctrl-C exits with 130; a command that saves its work first listens itself, and then this stays out of its way. */
function exitWhenInterrupted(tell: (error: unknown) => number): void {
  process.on("SIGINT", () => {
    if (process.listenerCount("SIGINT") > 1) return;
    process.exit(tell === report ? 130 : tell(new Interrupted("interrupted")));
  });
}

function integer(option: string, low: number, high: number): (text: string) => number {
  return (text) => {
    const value = /^[-+]?\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
    if (!(value >= low && value <= high)) {
      throw new UserError(`${option} is ${text}, expected an integer in [${low}, ${high}]`);
    }
    return value;
  };
}

function oneOf(option: string, allowed: readonly string[]): (text: string) => string {
  return (text) => {
    if (allowed.includes(text.trim())) return text.trim();
    throw new UserError(`${option} is ${text}, expected ${allowed.join(", ")}${didYouMean(text, allowed)}`);
  };
}

function names(option: string): (text: string) => string[] {
  return (text) => {
    const list = wordsIn(text);
    if (list.includes("")) throw new UserError(`${option} is ${text}, expected names with commas between`);
    return list;
  };
}
