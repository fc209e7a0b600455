import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { cpus, loadavg, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { print, printJson, say } from "../cli/output.ts";
import { alignColumns } from "../cli/text/columns.ts";
import { roughly } from "../cli/text/numbers.ts";
import { grouped } from "../src/report/format.ts";
import { curveIn, linesIn } from "../src/runs/results.ts";
import { compareDashboard } from "./dashboard.ts";
import {
  Absent,
  askOurs,
  askRival,
  CORES,
  execute,
  MAIN,
  ourPrograms,
  type Program,
  PYTHON,
  RIVAL_NAMES,
  rivalPrograms,
  rivalSettings,
  settingsOf,
} from "./programs.ts";
import { type Measured, openRecord } from "./record.ts";
import {
  estimateOf,
  faithfulRatio,
  type Measurement,
  nameOf,
  type OwnFigures,
  parseOurs,
  type Row,
  type RowResult,
  renderGoals,
  renderTable,
  secondsLeft,
  spreadOf,
  stepsTo,
  together,
} from "./table.ts";

/*
 * `npm run bench`: Halfwatch as users run it against PPO in PyTorch and in JAX, interleaved. What is measured and how: bench/README.md.
 */

const HELP = `usage: npm run bench -- [options]

Every program trains every row in every round; the ratio to the best rival is taken within a round. Rows come in order of importance.

  --quick          three rows: about 3 minutes on two idle cores (the whole table: about 50)
  --rounds <n>     rounds of each row; default: 2, of --dashboard 4
  --rows <text>    only rows whose name holds the text, for example --rows "route K=2 5x5"
  --programs <a,b> only these programs, any engine among them; default: all but reference and tfjs
  --settings       instead: every setting of the rivals that is worth a try, to see which is their best; on the main rows unless --rows names others
  --to-result      also: the time to 90 % of the oracle's return; the whole table has it anyway
  --out <file>     append each measurement as it comes; what the file holds already is not measured again
  --dashboard      instead: what a run with the dashboard costs more than one without
  --json           one JSON document on stdout`;

/** Engines that would take hours: one is there to be read, the others are for a GPU and many cells of one shape. */
const UNASKED = /^(?:reference|tfjs.*)$/;

/** Exact return of `oracle` after the whole recipe (test/slow/recipe.test.ts); a random policy's is 0. */
const ORACLE_RETURN = 0.929;
const RECIPE_UPDATES = 366;
/** Steps of an update of the published experiment. */
const FAITHFUL_STEPS = 512 * 32;
/** The engines that goals speak of. */
const OWN_ENGINES = ["auto", "wasm", "native"];

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    rounds: { type: "string" },
    rows: { type: "string" },
    programs: { type: "string" },
    dashboard: { type: "boolean", default: false },
    settings: { type: "boolean", default: false },
    "to-result": { type: "boolean", default: false },
    out: { type: "string" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});

/** All rows, the most important first: those of the goals, mazes, several seeds, then what else a table needs. */
function allRows(): Row[] {
  const row = (modules: number, size: number, width: number, seeds: number, maze = false): Row => ({
    arm: modules === 1 ? "naive" : "route",
    modules,
    size,
    width,
    seeds,
    maze,
  });
  const rows = [row(2, 5, 64, 1), row(2, 5, 64, 8), row(2, 5, 256, 1), row(2, 5, 128, 1), row(1, 5, 64, 1)];
  for (const seeds of [1, 8]) rows.push(row(1, 13, 64, seeds, true), row(2, 13, 64, seeds, true));
  for (const seeds of [1, 8]) {
    for (const size of [5, 9]) {
      for (const width of [64, 128, 256]) {
        for (const modules of size === 5 ? [1, 2, 3] : [1, 3]) rows.push(row(modules, size, width, seeds));
      }
    }
  }
  return [...new Map(rows.map((one) => [nameOf(one), one])).values()];
}

const QUICK = ["naive K=1 5x5 width 64 seeds 1", "route K=2 5x5 width 64 seeds 1", "route K=2 5x5 width 64 seeds 8"];
/** Rows whose best settings stand for those of the others. */
const SETTINGS = [
  "route K=2 5x5 width 64 seeds 1",
  "route K=2 5x5 width 256 seeds 1",
  "route K=2 5x5 width 64 seeds 8",
  "route K=2 13x13 maze width 64 seeds 1",
];

/** Updates of each training: enough to be steady, few enough to be done. */
function updatesOf({ width, seeds, maze }: Row): number {
  if (maze) return seeds > 1 ? 1 : 4;
  // As many for each process with several seeds as with one, nearly.
  return Math.max(seeds > 1 ? 2 : 4, Math.round((20 * 64) / width / (seeds > 1 ? 4 : 1)));
}

/** Programs that cannot be asked, and why. */
const absent = new Map<string, string>();

/** Ask a program; null, and a line about it once, where it cannot be asked. */
async function unlessAbsent<Answer>(program: string, ask: () => Promise<Answer>): Promise<Answer | null> {
  if (absent.has(program)) return null;
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof Absent)) throw error;
    absent.set(program, error.message);
    say(`${program}: ${error.message}`);
    return null;
  }
}

async function measureTable(
  rows: readonly Row[],
  programs: readonly Program[],
  rounds: number,
  record: Measured,
): Promise<RowResult[]> {
  const jobs = rows.flatMap((row) =>
    Array.from({ length: rounds }, (_, r) =>
      programs.map((program) => ({
        row,
        round: r,
        program,
        name: `${nameOf(row)}, round ${r + 1}, ${program.name}`,
        estimate: estimateOf(program.name, row, r === 0),
      })),
    ).flat(),
  );
  const open = jobs.filter(({ name }) => !record.has(name));
  const total = open.reduce((sum, { estimate }) => sum + estimate, 0);
  say(`${rows.length} rows, ${rounds} rounds, ${open.length} measurements: ${roughly(total)}`);
  const done: { estimate: number; seconds: number }[] = [];
  const results = new Map(
    rows.map((row) => [row, { row, rounds: Array.from({ length: rounds }, () => new Map<string, Measurement>()) }]),
  );
  for (const { row, round, program, name, estimate } of jobs) {
    const isOpen = !record.has(name) && !absent.has(program.name);
    const begin = performance.now();
    const found = await unlessAbsent(program.name, () => record.ask(name, () => program.measure(row, updatesOf(row))));
    if (found !== null) results.get(row)?.rounds[round].set(program.name, found);
    if (!isOpen || found === null) continue;
    done.push({ estimate, seconds: (performance.now() - begin) / 1000 });
    const left = secondsLeft(
      done,
      open.slice(done.length).map((job) => job.estimate),
    );
    say(`${name}: ${grouped(found.stepsPerSecond)} steps/s; ${roughly(left)} left`);
  }
  return [...results.values()];
}

/** What belongs to no row: the faithful update, and what threads and cells side by side are worth. */
async function measureOwn(engines: readonly string[], rounds: number, record: Measured): Promise<OwnFigures> {
  const figures = new Map<string, number[]>();
  const add = (name: string, ratio: number) => figures.set(name, [...(figures.get(name) ?? []), ratio]);
  for (let r = 0; r < rounds; r++) {
    for (const engine of engines) {
      const ask = async (what: string, copies: number, threads: number, args: readonly string[]) => {
        const name = `${what}, round ${r + 1}, ${engine}`;
        return await record.ask(name, async () => {
          const outputs = await Promise.all(Array.from({ length: copies }, () => askOurs(engine, threads, args)));
          const found = together(outputs.map(parseOurs));
          say(`${name}: ${grouped(found.stepsPerSecond)} steps/s`);
          return found;
        });
      };
      await unlessAbsent(engine, async () => {
        const faithful = await ask("faithful routed update", 1, 2, ["--faithful"]);
        add(`faithful ${engine}`, faithfulRatio(FAITHFUL_STEPS / faithful.stepsPerSecond));
        const cell = ["--arms", "route", "--updates", "40"];
        const one = await ask("one cell, 1 thread", 1, 1, cell);
        const threads = await ask("one cell, 2 threads", 1, 2, cell);
        const cells = await ask("two cells, 1 thread each", 2, 1, cell);
        add(`threads ${engine}`, threads.stepsPerSecond / one.stepsPerSecond);
        add(`cells ${engine}`, cells.stepsPerSecond / one.stepsPerSecond);
      });
    }
  }
  return figures;
}

/** Which of a rival's settings is its best: the lines of a table. */
async function compareSettings(rows: readonly Row[], rounds: number, record: Measured): Promise<string[]> {
  const lines: string[][] = [["row", "rival", "processes", "seeds at once", "threads", "pinned", "steps/s"]];
  for (const row of rows) {
    for (const rival of RIVAL_NAMES) {
      const settings = rivalSettings(rival, row);
      const speeds: number[][] = settings.map(() => []);
      for (let r = 0; r < rounds; r++) {
        for (const [i, setting] of settings.entries()) {
          const name = `${nameOf(row)}, round ${r + 1}, ${rival} ${JSON.stringify(setting)}`;
          const found = await record.ask(name, () => askRival(rival, row, updatesOf(row), setting));
          speeds[i].push(found.stepsPerSecond);
        }
      }
      for (const [i, { processes, atOnce, threads, pin }] of settings.entries()) {
        const { median, min, max } = spreadOf(speeds[i]);
        const speed = `${grouped(median)} [${grouped(min)}, ${grouped(max)}]`;
        lines.push([nameOf(row), rival, ...[processes, atOnce, threads].map(String), pin ? "yes" : "no", speed]);
        say(lines[lines.length - 1].join("  "));
      }
    }
  }
  return alignColumns(lines);
}

/** What a program had learned by when: the curves of some trainings of `oracle` with the whole recipe. */
type Curves = readonly (readonly (readonly [steps: number, trueReturn: number])[])[];

async function curvesOf(program: string): Promise<Curves> {
  const row = { arm: "oracle", modules: 1, size: 5, width: 64, seeds: CORES, maze: false } as const;
  if (RIVAL_NAMES.includes(program)) {
    const setting = rivalSettings(program, row)[0];
    return (await askRival(program, row, RECIPE_UPDATES, setting, 20)).curves;
  }
  const out = mkdtempSync(join(tmpdir(), "halfwatch-bench-"));
  try {
    await execute(process.execPath, [
      ...[MAIN, "run", "scenarios/diamond-ghost.yaml", "--arms", "oracle", "--seeds", String(row.seeds), "--out", out],
      ...["--engine", program, "--jobs", String(CORES), "--json", ...settingsOf(row)],
    ]);
    const [run] = readdirSync(out);
    const cells = join(out, run, "cells");
    return readdirSync(cells).map((cell) => {
      const path = join(cells, cell, "metrics.jsonl");
      const { curve } = curveIn(linesIn(readFileSync(path, "utf8")), path);
      return curve.map(({ step, curve: { trueReturn } }) => [step, trueReturn] as const);
    });
  } finally {
    rmSync(out, { recursive: true });
  }
}

/**
 * Time to the result, as lines of a table: steps to the threshold from the curves, divided by the speed that the table has for a single
 * training of one module, so that nobody's evaluations and start are counted.
 */
async function compareResults(programs: readonly string[], speeds: RowResult, record: Measured): Promise<string[]> {
  const threshold = 0.9 * ORACLE_RETURN;
  const head = ["program", "return at the end", `steps to ${threshold.toFixed(3)}`, "seconds, one seed"];
  const lines: string[][] = [head];
  for (const program of programs) {
    say(`${program}: ${CORES} trainings of oracle, 3 M steps each`);
    const curves = await record.ask(`to the result, ${program}`, () => curvesOf(program));
    const ends = curves.map((curve) => curve[curve.length - 1][1]);
    const steps = curves.map((curve) => stepsTo(curve, threshold, 0));
    const own = speeds.rounds.flatMap((round) => round.get(program)?.stepsPerSecond ?? []);
    const reached = steps.filter((x) => x !== null);
    const mean = reached.reduce((sum, x) => sum + x, 0) / reached.length;
    const isWhole = reached.length === steps.length && own.length > 0;
    lines.push([
      program,
      ends.map((x) => x.toFixed(3)).join(" "),
      steps.map((x) => (x === null ? "never" : grouped(x))).join(" "),
      isWhole ? (mean / spreadOf(own).median).toFixed(2) : "-",
    ]);
  }
  return alignColumns(lines);
}

/** The machine and the versions, a line each; the load is told apart, for it is another one each time. */
async function machine(): Promise<string[]> {
  const [cpu] = cpus();
  const text = existsSync("/proc/cpuinfo") ? readFileSync("/proc/cpuinfo", "utf8") : "";
  const flags = new Set(/^(?:flags|Features)\s*:(.*)$/m.exec(text)?.[1].trim().split(" "));
  const simd = ["sse4_2", "avx", "avx2", "fma", "avx512f", "avx512_bf16", "asimd"].filter((flag) => flags.has(flag));
  const lines = [
    `${cpu.model.trim()}, ${CORES} cores, ${simd.join(" ")}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB; Node ${process.versions.node}`,
  ];
  if (existsSync(PYTHON)) {
    const ask =
      "import platform, importlib.metadata as m; print('Python', platform.python_version(), *[f'{n} {m.version(n)}' for n in ('torch','jax','jaxlib','numpy')], sep=', ')";
    lines.push((await execute(PYTHON, ["-c", ask])).trim().replace("Python, ", "Python "));
  }
  return lines;
}

function loadBefore(): string {
  const load = loadavg()[0];
  return `load average before: ${load.toFixed(2)}${load > 0.5 ? " - measured beside other work: the ratios may stand, the speeds do not" : ""}`;
}

async function main(): Promise<void> {
  if (options.help) {
    print(HELP);
    return;
  }
  const rounds = Number(options.rounds ?? (options.dashboard ? 4 : 2));
  if (!(Number.isInteger(rounds) && rounds >= 1)) throw new Absent(`--rounds is ${options.rounds}, expected 1 or more`);
  const { quick, settings } = options;
  const isWhole = !quick && options.rows === undefined && options.programs === undefined;
  const rows = allRows().filter((row) => {
    const name = nameOf(row);
    if (settings && options.rows === undefined) return SETTINGS.includes(name);
    return name.includes(options.rows ?? "") && (!quick || QUICK.includes(name));
  });
  if (rows.length === 0)
    throw new Absent(`--rows is ${options.rows}; no row's name holds it: ${nameOf(allRows()[0])}, ...`);
  if (!existsSync(MAIN)) throw new Absent("the program is not built: npm run build");
  const all = [...ourPrograms(), ...rivalPrograms()];
  const asked = options.programs?.split(",");
  const unknown = asked?.find((name) => !all.some((program) => program.name === name));
  if (unknown !== undefined) {
    throw new Absent(`--programs: found ${unknown}, expected some of ${all.map(({ name }) => name).join(", ")}`);
  }
  const programs = all.filter(({ name }) => asked?.includes(name) ?? !UNASKED.test(name));

  const versions = await machine();
  const record = openRecord(options.out ?? null, versions);
  const about = [...versions, loadBefore()];
  for (const line of about) say(line);
  if (options.dashboard) return print([...about, "", ...(await compareDashboard(rounds))].join("\n"));
  if (settings) {
    print([...about, "", ...(await compareSettings(rows, rounds, record))].join("\n"));
    return;
  }
  const results = await measureTable(rows, programs, rounds, record);
  const here = programs.map(({ name }) => name).filter((name) => !absent.has(name));
  const own = await measureOwn(isWhole ? here.filter((name) => OWN_ENGINES.includes(name)) : [], rounds, record);
  let toResult: string[] = [];
  if (isWhole || options["to-result"]) {
    const speeds = results.find(({ row }) => nameOf(row) === QUICK[0]);
    if (speeds === undefined) throw new Absent(`--to-result needs the row ${QUICK[0]}`);
    toResult = await compareResults(here, speeds, record);
  }
  const goals = renderGoals(results, own);
  if (options.json) {
    const plain = results.map(({ row, rounds }) => ({ row, rounds: rounds.map((round) => Object.fromEntries(round)) }));
    const figures = Object.fromEntries(own);
    printJson({
      machine: about,
      rounds,
      results: plain,
      own: figures,
      absent: Object.fromEntries(absent),
      toResult,
      goals,
    });
    return;
  }
  const missing = [...absent].map(([name, reason]) => `${name}: ${reason}`);
  const blocks = [about, renderTable(results, RIVAL_NAMES), missing, toResult, goals];
  const filled = blocks.filter((lines) => lines.length > 0);
  print(filled.map((lines) => lines.join("\n")).join("\n\n"));
}

try {
  await main();
} catch (error) {
  if (!(error instanceof Absent)) throw error;
  say(error.message);
  process.exitCode = 2;
}
