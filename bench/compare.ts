import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { cpus, loadavg, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { thousands } from "../cli/numbers.ts";
import { alignColumns, print, printJson, say } from "../cli/output.ts";
import { compareDashboard } from "./dashboard.ts";
import {
  Absent,
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
import { type Measurement, type Row, type RowResult, renderTable, spreadOf, stepsTo } from "./table.ts";

/*
 * `npm run bench`: Halfwatch as users run it against PPO in PyTorch and in JAX, interleaved. What is measured and how: bench/README.md.
 */

const HELP = `usage: npm run bench -- [options]

Every program trains every row in every round; the ratio to the best rival is taken within a round.

  --quick          three rows, two rounds: about 3 minutes on two idle cores (the whole table: about two hours)
  --rounds <n>     rounds; default: 3, with --quick 2
  --rows <text>    only rows whose name holds the text, for example --rows "route K=2 5x5"
  --programs <a,b> only these programs, any engine among them; default: all but reference and tfjs
  --settings       instead: every setting of the rivals that is worth a try, to see which is their best
  --dashboard      instead: the speed of a run with the dashboard against one without
  --to-result      also: the time to 90 % of the oracle's return
  --json           one JSON document on stdout`;

/** Engines that would take hours: one is there to be read, the others are for a GPU and many cells of one shape. */
const UNASKED = /^(?:reference|tfjs.*)$/;

/** Exact return of `oracle` after the whole recipe (test/slow/recipe.test.ts); a random policy's is 0. */
const ORACLE_RETURN = 0.929;
const RECIPE_UPDATES = 366;

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    rounds: { type: "string" },
    rows: { type: "string", default: "" },
    programs: { type: "string" },
    dashboard: { type: "boolean", default: false },
    settings: { type: "boolean", default: false },
    "to-result": { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});

/** All rows: one module and several, two maps, three widths, one seed and eight. A row `conv` belongs here once there are convolutions. */
function allRows(): Row[] {
  const rows: Row[] = [];
  for (const seeds of [1, 8]) {
    for (const size of [5, 9]) {
      for (const width of [64, 128, 256]) {
        for (const modules of [1, 2, 3]) {
          rows.push({ arm: modules === 1 ? "naive" : "route", modules, size, width, seeds });
        }
      }
    }
  }
  return rows;
}

const QUICK = ["naive K=1 5x5 width 64 seeds 1", "route K=2 5x5 width 64 seeds 1", "route K=2 5x5 width 64 seeds 8"];

const nameOf = ({ arm, modules, size, width, seeds }: Row): string =>
  `${arm} K=${modules} ${size}x${size} width ${width} seeds ${seeds}`;

/** Updates of each training: enough to be steady, few enough to be done. */
function updatesOf({ width, seeds }: Row): number {
  return Math.max(4, Math.round((20 * 64) / width / (seeds > 1 ? 2 : 1)));
}

/** Ask a program; null, and a line about it once, where it cannot be asked. */
const absent = new Map<string, string>();
async function measure(program: Program, row: Row): Promise<Measurement | null> {
  if (absent.has(program.name)) return null;
  try {
    return await program.measure(row, updatesOf(row));
  } catch (error) {
    if (!(error instanceof Absent)) throw error;
    absent.set(program.name, error.message);
    say(`${program.name}: ${error.message}`);
    return null;
  }
}

async function measureTable(rows: readonly Row[], programs: readonly Program[], rounds: number): Promise<RowResult[]> {
  const results = rows.map((row) => ({ row, rounds: [] as Map<string, Measurement>[] }));
  for (let r = 0; r < rounds; r++) {
    for (const { row, rounds: own } of results) {
      const round = new Map<string, Measurement>();
      for (const program of programs) {
        const found = await measure(program, row);
        if (found !== null) round.set(program.name, found);
      }
      own.push(round);
      const speeds = [...round].map(([name, found]) => `${name} ${thousands(found.stepsPerSecond)}`);
      say(`round ${r + 1} of ${rounds}, ${nameOf(row)}: ${speeds.join(", ")} steps/s`);
    }
  }
  return results;
}

/** Which of a rival's settings is its best: the lines of a table. */
async function compareSettings(rows: readonly Row[], rounds: number): Promise<string[]> {
  const lines: string[][] = [["row", "rival", "processes", "seeds at once", "threads", "steps/s"]];
  for (const row of rows) {
    for (const rival of RIVAL_NAMES) {
      const settings = rivalSettings(rival, row.seeds);
      const speeds: number[][] = settings.map(() => []);
      for (let r = 0; r < rounds; r++) {
        for (const [i, setting] of settings.entries()) {
          speeds[i].push((await askRival(rival, row, updatesOf(row), setting)).stepsPerSecond);
        }
      }
      for (const [i, { processes, atOnce, threads }] of settings.entries()) {
        const { median, min, max } = spreadOf(speeds[i]);
        const speed = `${thousands(median)} [${thousands(min)}, ${thousands(max)}]`;
        lines.push([nameOf(row), rival, String(processes), String(atOnce), String(threads), speed]);
        say(lines[lines.length - 1].join("  "));
      }
    }
  }
  return alignColumns(lines);
}

/** What a program had learned by when: the curves of some trainings of `oracle` with the whole recipe. */
type Curves = readonly (readonly (readonly [steps: number, trueReturn: number])[])[];

async function curvesOf(program: string): Promise<Curves> {
  const row = { arm: "oracle", modules: 1, size: 5, width: 64, seeds: CORES } as const;
  if (RIVAL_NAMES.includes(program)) {
    const setting = rivalSettings(program, CORES)[0];
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
    return readdirSync(cells).map((cell) =>
      readFileSync(join(cells, cell, "metrics.jsonl"), "utf8")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as { step: number; curve?: { trueReturn: number } })
        .flatMap(({ step, curve }) => (curve === undefined ? [] : [[step, curve.trueReturn] as const])),
    );
  } finally {
    rmSync(out, { recursive: true });
  }
}

/**
 * Time to the result, as lines of a table: steps to the threshold from the curves, divided by the speed that the table has for a single
 * training of one module, so that nobody's evaluations and start are counted.
 */
async function compareResults(programs: readonly string[], speeds: RowResult): Promise<string[]> {
  const threshold = 0.9 * ORACLE_RETURN;
  const head = ["program", "return at the end", `steps to ${threshold.toFixed(3)}`, "seconds, one seed"];
  const lines: string[][] = [head];
  for (const program of programs) {
    say(`${program}: ${CORES} trainings of oracle, 3 M steps each`);
    const curves = await curvesOf(program);
    const ends = curves.map((curve) => curve[curve.length - 1][1]);
    const steps = curves.map((curve) => stepsTo(curve, threshold, 0));
    const own = speeds.rounds.flatMap((round) => round.get(program)?.stepsPerSecond ?? []);
    const reached = steps.filter((x) => x !== null);
    const mean = reached.reduce((sum, x) => sum + x, 0) / reached.length;
    const isWhole = reached.length === steps.length && own.length > 0;
    lines.push([
      program,
      ends.map((x) => x.toFixed(3)).join(" "),
      steps.map((x) => (x === null ? "never" : thousands(x))).join(" "),
      isWhole ? (mean / spreadOf(own).median).toFixed(2) : "-",
    ]);
  }
  return alignColumns(lines);
}

/** The machine and the versions, a line each. */
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
  const load = loadavg()[0];
  lines.push(
    `load average before: ${load.toFixed(2)}${load > 0.5 ? " - measured beside other work: the ratios may stand, the speeds do not" : ""}`,
  );
  return lines;
}

async function main(): Promise<void> {
  if (options.help) {
    print(HELP);
    return;
  }
  const rounds = Number(options.rounds ?? (options.quick ? 2 : 3));
  if (!(Number.isInteger(rounds) && rounds >= 1)) throw new Absent(`--rounds is ${options.rounds}, expected 1 or more`);
  const rows = allRows().filter((row) => {
    const name = nameOf(row);
    return name.includes(options.rows) && (!options.quick || QUICK.includes(name));
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

  const about = await machine();
  for (const line of about) say(line);
  if (options.dashboard) return print([...about, "", ...(await compareDashboard(rounds))].join("\n"));
  if (options.settings) {
    print(["```", ...about, "", ...(await compareSettings(rows, rounds)), "```"].join("\n"));
    return;
  }
  const results = await measureTable(rows, programs, rounds);
  const here = programs.map(({ name }) => name).filter((name) => !absent.has(name));
  const table = renderTable(results, RIVAL_NAMES);
  const missing = [...absent].map(([name, reason]) => `${name}: ${reason}`);
  let toResult: string[] = [];
  if (options["to-result"]) {
    const speeds = results.find(
      ({ row }) => row.modules === 1 && row.size === 5 && row.width === 64 && row.seeds === 1,
    );
    if (speeds === undefined) throw new Absent(`--to-result needs the row ${QUICK[0]}`);
    toResult = await compareResults(here, speeds);
  }
  if (options.json) {
    const plain = results.map(({ row, rounds }) => ({ row, rounds: rounds.map((round) => Object.fromEntries(round)) }));
    printJson({ machine: about, rounds, results: plain, absent: Object.fromEntries(absent), toResult });
    return;
  }
  const blocks = [about, table, ...(missing.length > 0 ? [missing] : []), ...(toResult.length > 0 ? [toResult] : [])];
  print(blocks.map((lines) => lines.join("\n")).join("\n\n"));
}

try {
  await main();
} catch (error) {
  if (!(error instanceof Absent)) throw error;
  say(error.message);
  process.exitCode = 2;
}
