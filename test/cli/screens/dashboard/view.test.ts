import { expect, test } from "vitest";
import { dashboardSigns } from "../../../../cli/screens/dashboard/matrix-view.ts";
import { beginDashboard, type Dashboard, reduce } from "../../../../cli/screens/dashboard/model.ts";
import { dashboardProgram } from "../../../../cli/screens/dashboard/program.ts";
import { cellAt, dashboardView } from "../../../../cli/screens/dashboard/view.ts";
import { PLAIN } from "../../../../cli/text/capabilities.ts";
import { toText } from "../../../../cli/tui/ansi.ts";
import { fitFrame } from "../../../../cli/tui/span.ts";
import { ARMS } from "../../../../src/routing/arms/table.ts";
import { beginRun } from "../../../../src/runner/progress.ts";
import type { CellOutcome } from "../../../../src/runs/outcome.ts";
import { type CellPlan, planCells } from "../../../../src/runs/plan.ts";
import { ASCII, CLEAN, COLOURS, FakeTerminal } from "../../tui/fake-terminal.ts";
import { after, begun, ENGINE, EVENTS, PLANS, planned, progress, SCENARIO } from "./runs.ts";

/** Twenty seconds into a run, route seed 1 selected; without a live episode, which live.test.ts is about. */
function model(change: Partial<Dashboard> = {}): Dashboard {
  const start = beginDashboard(SCENARIO, begun(), { title: "halfwatch run: tiny", role: "run", engine: ENGINE });
  const told = EVENTS.map((event, i) => ({
    ...{ kind: "told" as const, run: after(EVENTS.slice(0, i + 1)), event, elapsed: 2 * i },
  }));
  const bounds = { optimum: 0.9, theory: new Map([["naive", 0.1]]) };
  const done = [...told, { kind: "bounds" as const, point: 0, bounds }].reduce(reduce, start);
  return { ...done, arm: 1, seed: 1, isLive: false, ...change };
}
const ARM_NAMES = [...ARMS.keys()];
const draw = (shown: Dashboard, columns: number, rows: number, capabilities = PLAIN): string[] => {
  const size = { columns, rows };
  return toText(fitFrame(dashboardView(shown, size, capabilities), size), capabilities).map((row) => row.trimEnd());
};

test("60 columns: curves and cells, no log; the legend is shorter, and of what is too long whole parts are left out", () => {
  expect(draw(model(), 60, 19)).toMatchInlineSnapshot(`
    [
      " halfwatch run: tiny   3 of 6 cells · 00:00:16 · left ~15 s",
      " ──────────────────────────────────────────────────────────",
      " mean true return by environment steps, unseen",
      " .90 ┤⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⣉ optimum .90",
      "     │                                ⣀⣀⠤⠤⠒⠒⠉⠉  route",
      " .50 ┤                        ⣀⣀⠤⠤⠒⠒⠉⠉",
      "     │                    ⢐⣒⣉⣉",
      "     │                        ⠉⠉⠉⠉⠉⠉⠑⠒⠒⠒⠒⠒⠒⠢⠤⠤⠤ naive",
      " .00 ┤",
      "     └┬───────────────────┬───────────────────┬",
      "      0                 6.4k              12.8k",
      "",
      "   arm     0  1  2     n  true return",
      "   naive   █2 ×  ·     1         .200",
      " › route   █8[▄4]·     1         .800",
      " digit: tenths, - below 0  █ done ▄ trains · waits × failed",
      " route seed 1  trains  6,400 of 12.8k steps  640 steps/s",
      " true return unseen .400   1,000 episodes, 500 labels",
      " wasm on cpu · 2 cells x 1 thread · 81 MiB · 1,920 steps/s",
    ]
  `);
});
test("80 columns: labels for each seed, and the log where it has room", () => {
  expect(draw(model(), 80, 23)).toMatchInlineSnapshot(`
    [
      " halfwatch run: tiny                       3 of 6 cells · 00:00:16 · left ~15 s",
      " ──────────────────────────────────────────────────────────────────────────────",
      " mean true return by environment steps, unseen",
      " .90 ┤⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉⢀⣉ optimum .90",
      "     │                                                 ⢀⣀⣀⠤⠤⠔⠒⠒⠉⠉⠁  route",
      "     │                                       ⢀⣀⣀⠤⠤⠔⠒⠒⠉⠉⠁",
      " .50 ┤                              ⢀⣀⠤⠤⠔⠒⠒⠉⠉⠁",
      "     │                              ⠠⠤⠤⠤⠤⢄⣀⣀⣀⣀⣀⣀⣀⣀⣀⡀",
      "     │                                             ⠈⠉⠉⠉⠉⠉⠉⠉⠉⠉⠑⠒⠒⠒⠒⠒ naive",
      " .00 ┤",
      "     └┬─────────────────────────────┬─────────────────────────────┬",
      "      0                           6.4k                        12.8k",
      "",
      "   arm     0  1  2     n  true return  labels/seed",
      "   naive   █2 ×  ·     1         .200        1,000",
      " › route   █8[▄4]·     1         .800        1,000",
      " digit: tenths of the optimum, - below 0   █ done  ▄ trains  · waits  × failed",
      " route seed 1  trains  ██████······  6,400 of 12.8k steps  640 steps/s",
      " true return unseen .400   1,000 episodes, 500 labels",
      " wasm on cpu · 2 cells x 1 thread · 81 MiB · 1,920 steps/s in all",
      "",
      " 00:00:14  route seed 1 begins",
      " 00:00:16  route seed 1  step 6,400 saved  true return unseen .400",
    ]
  `);
});
test("120 columns: intervals, steps a second, a longer log", () => {
  expect(draw(model(), 120, 39)).toMatchInlineSnapshot(`
    [
      " halfwatch run: tiny                                                               3 of 6 cells · 00:00:16 · left ~15 s",
      " ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────",
      " mean true return by environment steps, unseen",
      " .90 ┤⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ optimum .90",
      "     │                                                                                                    ⣀",
      "     │                                                                                            ⣀⣀⠤⠤⠒⠒⠉⠉  route",
      "     │                                                                                    ⢀⣀⡠⠤⠔⠒⠉⠉",
      "     │                                                                            ⢀⣀⡠⠤⠔⠒⠊⠉⠁",
      "     │                                                                     ⣀⣀⠤⠤⠒⠒⠉⠁",
      " .50 ┤                                                             ⢀⣀⡠⠤⠒⠒⠉⠉",
      "     │                                                     ⢀⣀⡠⠤⠔⠒⠊⠉⠁",
      "     │                                                  ⠐⠊⠉⠁",
      "     │                                                  ⢀⣀⣀⣀⡀",
      "     │                                                      ⠈⠉⠉⠉⠉⠉⠉⠑⠒⠒⠒⠒⠒⠒⠢⠤⠤⠤⠤⠤⠤⢄⣀⣀⣀⣀⣀⣀⣀",
      "     │                                                                                   ⠉⠉⠉⠉⠉⠉⠉⠒⠒⠒⠒⠒⠒⠒⠤⠤⠤⠤ naive",
      "     │",
      "     │",
      " .00 ┤",
      "     └┬─────────────────────────────────────────────────┬─────────────────────────────────────────────────┬",
      "      0                                               6.4k                                            12.8k",
      "",
      "   arm     0  1  2     n  true return             95 %  labels/seed",
      "   naive   █2 ×  ·     1         .200                –        1,000",
      " › route   █8[▄4]·     1         .800                –        1,000",
      " digit: return in tenths of the optimum, - below 0   █ done  ▄ trains  · waits  × failed",
      " route seed 1  trains  ██████······  6,400 of 12.8k steps  640 steps/s",
      " true return unseen .400   1,000 episodes, 500 labels",
      " wasm on cpu · 2 cells x 1 thread · 81 MiB · 1,920 steps/s in all · auto: the same bytes",
      "",
      " 00:00:00  naive seed 0 begins",
      " 00:00:06  [1/6] naive seed 0  done in 2.5 s  true return unseen .200",
      " 00:00:06  route seed 0 begins",
      " 00:00:12  [2/6] route seed 0  done in 3.5 s  true return unseen .800",
      " 00:00:12  naive seed 1 begins",
      " 00:00:14  [3/6] naive seed 1  failed at update 12 of 100: the loss is not finite",
      " 00:00:14  route seed 1 begins",
      " 00:00:16  route seed 1  step 6,400 saved  true return unseen .400",
      "",
      "",
    ]
  `);
});
test("a cell that is evaluated says so and how far it is, not that it trains 0 steps a second", () => {
  const parts = { plan: planned("route", 1), kind: "evaluating", done: 3, of: 12 } as const;
  const evaluated = draw(model({ run: after([...EVENTS, progress("route", 1, 100, 0.5), parts]) }), 80, 23);
  expect(evaluated.filter((row) => /route/.test(row) && !/\d\d:/.test(row)).slice(-2)).toEqual([
    " › route   █8[e5]·     1         .800        1,000",
    " route seed 1  is evaluated  ███·········  part 3 of 12",
  ]);
});
test("a cell that is done says what it pursues; in full, with each control, the selection's leak and how far its modules part", () => {
  const selected = { trueReturn: 0.5, proxyReturn: 0.9 };
  const outcome: CellOutcome = {
    ...{
      deployed: "only:diamond",
      failed: ["noise"],
      selectedSteps: { last: 12800, "label-legal": 6400, oracle: 12800 },
    },
    verdict: {
      ...{ verdict: "incapable", trueReturn: -0.25, proxyReturn: 0.912, capability: 0.78 },
      controls: { agreeing: 0.987, noise: 0.78, mirrored: 0.95, withoutProxyObject: null },
    },
    shifts: {
      unseen: {
        selected: { last: selected, "label-legal": selected, oracle: selected },
        ...{ leak: 0.0625, separation: { "only:ghost": 0.75 }, leakage: { ghost: null } },
      },
    },
  };
  const run = { ...after(EVENTS), outcomes: new Map([[planned("route", 0).id, outcome]]) };
  const rows = draw(model({ run, seed: 0 }), 80, 23);
  expect(rows).toContain(" true return unseen .800   incapable   2,000 episodes, 1,000 labels");
  const zoomed = draw(model({ run, seed: 0, isZoomed: true }), 100, 30).filter((row) => row !== "");
  expect(zoomed.slice(-3)).toEqual([
    " verdict  incapable   true -.25   proxy .91",
    " controls agreeing .99   noise .78!   mirrored .95   withoutProxyObject –",
    " modules  selection leak .06   separation only:ghost .75   leakage ghost –",
  ]);
});
test("a cell in full: its own curve and what its latest update measured", () => {
  expect(draw(model({ isZoomed: true }), 80, 23)).toMatchInlineSnapshot(`
    [
      " halfwatch run: tiny                       3 of 6 cells · 00:00:16 · left ~15 s",
      " ──────────────────────────────────────────────────────────────────────────────",
      " route seed 1  trains  ██████······  6,400 of 12.8k steps  640 steps/s",
      " true return unseen .400   1,000 episodes, 500 labels",
      " wasm on cpu · 2 cells x 1 thread · 81 MiB · 1,920 steps/s in all",
      "",
      " true return by environment steps, unseen",
      " .90 ┤⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ optimum .90",
      " .50 ┤",
      "     │                              ⠈                               route",
      " .00 ┤",
      "     └┬─────────────────────────────┬─────────────────────────────┬",
      "      0                           6.4k                        12.8k",
      "",
      " update                 50 of 100       value loss                0.2500",
      " rows trained on              384       gate loss                  0.000",
      " episodes                   1,000       entropy                    1.250",
      " labels                       500       approximate KL          0.004000",
      " learning rate            0.01000       clipped                   12.5 %",
      " entropy weight           0.02000       explained var.            0.5000",
      " policy loss             -0.01230       grad policy               0.7500",
      "",
      " selects  last 6.4k .40   label-legal 6.4k .40   oracle 6.4k .40",
    ]
  `);
});
test("at every width the numbers of a cell are whole", () => {
  for (const columns of [60, 80, 109, 110, 120]) {
    const text = draw(model({ isZoomed: true }), columns, 39).join(" ");
    for (const value of ["50 of 100", "1,000", "-0.01230", "0.004000", "12.5 %", "0.7500"])
      expect(text).toContain(value);
  }
});
test("ASCII: curves as signs, a failed cell with its message", () => {
  expect(draw(model({ arm: 0 }), 80, 23, ASCII)).toMatchInlineSnapshot(`
    [
      " halfwatch run: tiny                       3 of 6 cells - 00:00:16 - left ~15 s",
      " ------------------------------------------------------------------------------",
      " mean true return by environment steps, unseen",
      " .90 +- - - - - - - - - - - - - - - - - - - - - - - - - - - - - -++ optimum .90",
      "     |                                                 +++++++++++  route",
      "     |                                       +++++++++++",
      " .50 +                              ++++++++++",
      "     |                              ****************",
      "     |                                             **************** naive",
      " .00 +- - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - theory .10",
      "     ++-----------------------------+-----------------------------+",
      "      0                           6.4k                        12.8k",
      "",
      "   arm     0  1  2     n  true return  labels/seed",
      " > naive   #2[x ].     1         .200        1,000",
      "   route   #8 +4 .     1         .800        1,000",
      " digit: tenths of the optimum, - below 0   # done  + trains  . waits  x failed",
      " naive seed 1  failed",
      " at update 12 of 100: the loss is not finite",
      " wasm on cpu - 2 cells x 1 thread - 81 MiB - 1,920 steps/s in all",
      "",
      " 00:00:14  route seed 1 begins",
      " 00:00:16  route seed 1  step 6,400 saved  true return unseen .400",
    ]
  `);
});

test("the help explains every sign of the legend, with or without Unicode, and no sign twice", () => {
  for (const capabilities of [PLAIN, ASCII]) {
    const signs = dashboardSigns(capabilities).map(([sign]) => sign);
    expect(new Set(signs).size).toBe(signs.length);
    const shown = draw(model(), 120, 39, capabilities).find((row) => row.includes("digit:")) ?? expect.fail();
    const explained = [...shown.matchAll(/(\S) (?:done|waits|failed)/g)].map(([, sign]) => sign);
    expect(explained).toHaveLength(3);
    for (const sign of explained) expect(signs).toContain(sign);
  }
});

test("in ASCII every row is, whatever stands in it", () => {
  const long = { ...SCENARIO, arms: [...ARMS.keys()], seeds: 40 };
  const many = beginDashboard(long, beginRun(planCells(long, "wasm"), new Map()), {
    ...{ title: "halfwatch run: a-name-that-is-longer-than-most", role: "run", engine: ENGINE },
  });
  const paused = after([...EVENTS, { plan: planned("route", 1), kind: "paused", by: { host: "h", pid: 1 } }]);
  const shown = [model(), model({ arm: 0, isStopping: true }), model({ run: begun() }), model({ run: paused }), many];
  for (const each of shown.flatMap((one) => [one, { ...one, isZoomed: true }])) {
    for (const [columns, rows] of [
      [60, 19],
      [80, 23],
      [160, 49],
    ]) {
      for (const row of draw(each, columns, rows, ASCII)) expect(row).toMatch(/^[ -~]*$/);
    }
  }
});

test("what is too long for a row loses whole parts, its name last, and ends with a sign where it must be cut", () => {
  const title = "halfwatch run: diamond-ghost-4f072fa4";
  const heads = (change: Partial<Dashboard>, widths: readonly number[], capabilities = PLAIN) =>
    widths.map((columns) => draw(model({ title, ...change }), columns, 19, capabilities)[0].replace(/ {2,}/, " | "));
  expect(heads({ isStopping: true }, [100, 80, 70, 60])).toEqual([
    " halfwatch run: diamond-ghost-4f072fa4 | stopping · 3 of 6 cells · 00:00:16 · left ~15 s",
    " run: diamond-ghost-4f072fa4 | stopping · 3 of 6 cells · 00:00:16 · left ~15 s",
    " run: diamond-ghost-4f072fa4 | stopping · 3 of 6 cells · left ~15 s",
    " run: diamond-ghost-4f072fa4 | stopping · 3 of 6 cells",
  ]);
  const unfit = { title: "halfwatch watch: oversight-at-one-percent-in-mazes-of-15-4f072fa4" };
  expect(heads(unfit, [60])).toEqual([" watch: oversight-at-one-percent-in-mazes-of-15-4f072f… 3/6"]);
  expect(heads(unfit, [60], ASCII)).toEqual([" watch: oversight-at-one-percent-in-mazes-of-15-4f072f~ 3/6"]);

  const big = model({ engine: { ...ENGINE, name: "wasm, compiled" } });
  const engine = (columns: number) => draw(big, columns, 23).find((row) => row.startsWith(" wasm"));
  expect([120, 80, 60].map(engine)).toEqual([
    " wasm, compiled on cpu · 2 cells x 1 thread · 81 MiB · 1,920 steps/s in all · auto: the same bytes",
    " wasm, compiled on cpu · 2 cells x 1 thread · 81 MiB · 1,920 steps/s in all",
    " wasm, compiled on cpu · 81 MiB · 1,920 steps/s in all",
  ]);

  const entry = { elapsed: null, isBad: true, text: `route seed 1: ${"x".repeat(70)}` };
  expect(draw(model({ log: [entry] }), 80, 23)).toContain(`${" ".repeat(11)}route seed 1: ${"x".repeat(53)}…`);
});

test("a return below 0 has a sign of its own, from a tenth of the optimum on; it is no sign of how far a cell is", () => {
  const at = (trueReturn: number) => after([...EVENTS.slice(0, 11), progress("route", 1, 40, trueReturn)]);
  const row = (trueReturn: number, capabilities = PLAIN) =>
    draw(model({ run: at(trueReturn) }), 80, 23, capabilities).find((each) => /^ [›>] route/.test(each));
  const signs = [0.05, -0.05, -0.2, -0.9].map((each) => row(each)?.slice(14, 16));
  expect(signs).toEqual(["▃0", "▃0", "▃-", "▃-"]);
  const twins = [0, 40, 99].map((update) => {
    const run = after([...EVENTS.slice(0, 11), progress("route", 1, update, -0.2)]);
    return draw(model({ run }), 80, 23, ASCII)
      .find((each) => each.startsWith(" > route"))
      ?.slice(14, 16);
  });
  expect(twins).toEqual([":-", "+-", "%-"]);
  expect(draw(model(), 80, 23)).toContain(
    " digit: tenths of the optimum, - below 0   █ done  ▄ trains  · waits  × failed",
  );
});

test("why a cell cannot be replayed stands in its rows, open or not", () => {
  const refusal = { cell: planned("route", 2).id, text: "no replay: it has saved nothing yet" };
  for (const isZoomed of [false, true]) {
    const rows = draw(model({ seed: 2, refusal, isZoomed }), 60, 19);
    expect(rows[rows.indexOf(" route seed 2  waits") + 1]).toBe(" no replay: it has saved nothing yet");
    expect(draw(model({ refusal, isZoomed }), 60, 19).join()).not.toContain("no replay");
  }
});

test("a pause and a run that nobody trains show neither speed nor time left; found complete, no clock either", () => {
  const paused = after([...EVENTS, { plan: planned("route", 1), kind: "paused", by: { host: "h", pid: 1 } }]);
  const rows = draw(model({ run: paused }), 80, 23);
  expect(rows[0]).toMatch(/ paused · 3 of 6 cells · 00:00:16$/);
  expect(rows.join()).not.toMatch(/steps\/s|left/);
  const lost = after([...EVENTS, { plan: planned("route", 1), kind: "stopped" }]);
  expect(draw(model({ run: lost }), 80, 23)[0]).toMatch(/ 3 of 6 cells · 00:00:16$/);
  const run = beginRun(PLANS, new Map(PLANS.map(({ id }) => [id, 0.5])));
  const start = beginDashboard(SCENARIO, run, { title: "halfwatch watch: tiny", role: "watch", engine: ENGINE });
  expect(draw(start, 80, 23)[0]).toMatch(/^ halfwatch watch: tiny +6 of 6 cells$/);
});

test("where few lines can be named the selected arm's is", () => {
  const arms = ["naive", "filter", "oracle", "route", "route-no-gate"] as const;
  const scenario = { ...SCENARIO, arms: [...arms] };
  const plans = planCells(scenario, "wasm");
  const { candidates } = [...after(EVENTS).cells.values()][0];
  const past = new Map(plans.map(({ id }) => [id, { candidates, metrics: null }]));
  const start = beginDashboard(scenario, beginRun(plans, new Map(), past), {
    ...{ title: "t", role: "run", engine: ENGINE },
  });
  const bounds = { optimum: 0.9, theory: new Map(arms.map((arm) => [arm, 0.25])) };
  const bounded = { ...reduce(start, { kind: "bounds", point: 0, bounds }), isLive: false };
  for (const [arm, name] of arms.entries()) {
    const curves = draw({ ...bounded, arm }, 60, 19).slice(3, 6);
    expect(curves.some((row) => row.endsWith(` ${name}`))).toBe(true);
  }
});

test("the engine's row: memory of the cells that train together, else the most of a finished one; no more than is known", () => {
  const row = (shown: Dashboard) => draw(shown, 120, 39).find((each) => /wasm/.test(each));
  const both = after([...EVENTS, progress("naive", 2, 10)]);
  const started = after([...EVENTS, { plan: planned("naive", 2), kind: "started" }, progress("naive", 2, 10)]);
  expect(row(model({ run: both }))).toContain(" wasm on cpu · 2 cells x 1 thread · 81 MiB · ");
  expect(row(model({ run: started }))).toContain(" · 163 MiB · ");
  const done = after(EVENTS.slice(0, 8));
  expect(row(model({ run: done, engine: { name: "wasm", spread: "", why: "" } }))).toBe(" wasm on cpu · 64 MiB a cell");
  expect(row(model({ run: begun() }))).toBe(" wasm · 2 cells x 1 thread · auto: the same bytes");
});

test("many seeds are a sign each, a window of them around the selected one", () => {
  const scenario = { ...SCENARIO, seeds: 100 };
  const plans = planCells(scenario, "wasm");
  const returns = new Map(plans.filter(({ seed }) => seed < 90).map(({ id, seed }) => [id, seed / 100]));
  const start = beginDashboard(scenario, beginRun(plans, returns), { title: "t", role: "run", engine: ENGINE });
  const bounds = { optimum: 1, theory: new Map() };
  const shown = { ...reduce(start, { kind: "bounds", point: 0, bounds }), seed: 99 };
  const rows = draw(shown, 60, 19);
  expect(rows.filter((row) => /› naive|seeds/.test(row))).toEqual([
    "   arm    seeds 67 to 99 of 100               n  true return",
    ` › naive  666${"7".repeat(10)}${"8".repeat(10)}${"·".repeat(10)}  90         .445`,
  ]);
  // A click on the first and the last sign is one on those seeds.
  const size = { columns: 60, rows: 19 };
  const row = draw(shown, 60, 19).findIndex((text) => text.startsWith(" › naive"));
  const [first, last] = [10, 42].map((column) => cellAt(shown, size, column, row));
  expect([first, last]).toEqual([
    { arm: 0, seed: 67 },
    { arm: 0, seed: 99 },
  ]);
});

test("however many arms there are, the frame has no more rows than the screen, and the selected arm is in it", () => {
  const scenario = { ...SCENARIO, arms: [...ARMS.keys()] };
  const plans = planCells(scenario, "wasm");
  const start = beginDashboard(scenario, beginRun(plans, new Map()), { title: "t", role: "run", engine: ENGINE });
  for (const rows of [19, 23, 39]) {
    for (const arm of ARM_NAMES.keys()) {
      const frame = dashboardView({ ...start, arm }, { columns: 80, rows }, PLAIN);
      expect(frame.length).toBeLessThanOrEqual(rows);
      expect(toText(frame).some((row) => row.startsWith(` › ${ARM_NAMES[arm]} `))).toBe(true);
    }
    const zoomed = dashboardView({ ...start, isZoomed: true }, { columns: 80, rows }, PLAIN);
    expect(zoomed.length).toBeLessThanOrEqual(rows);
  }
});

test("what is drawn at a place is what a click there means, at every size, and nothing is meant elsewhere", () => {
  const scenario = { ...SCENARIO, arms: [...ARMS.keys()] };
  const few = beginDashboard(scenario, beginRun(planCells(scenario, "wasm"), new Map()), {
    ...{ title: "t", role: "run", engine: ENGINE },
  });
  const many = { ...few, seeds: Array.from({ length: 90 }, (_, seed) => seed) };
  for (const shown of [
    { ...few, arm: 2, seed: 1 },
    { ...few, arm: ARM_NAMES.length - 1 },
    { ...many, seed: 60 },
  ]) {
    for (const [columns, rows] of [
      [60, 19],
      [80, 23],
      [120, 39],
    ]) {
      const size = { columns, rows };
      const frame = draw(shown, columns, rows);
      const found = frame.flatMap((row, r) =>
        [...row].flatMap((_, c) => {
          const cell = cellAt(shown, size, c, r);
          return cell === undefined ? [] : [{ ...cell, row, c }];
        }),
      );
      const [first] = frame.flatMap((row, r) => (/^ {3}arm /.test(row) ? [r] : []));
      expect(found.length).toBeGreaterThan(0);
      for (const { arm, row } of found) expect(row.slice(3)).toMatch(new RegExp(`^${ARM_NAMES[arm]} `));
      expect(cellAt(shown, size, 10, first)).toBeUndefined();
      // Selecting what was clicked at puts the mark there.
      for (const { arm, seed, c, row } of found.filter(({ c }) => c % 7 === 0)) {
        const after = draw({ ...shown, arm, seed }, columns, rows);
        const selected = after.find((each) => each.startsWith(" › "));
        expect(selected?.slice(3)).toMatch(new RegExp(`^${ARM_NAMES[arm]} `));
        const open = selected?.indexOf("[") ?? -1;
        if (open >= 0 && row[c] === "·") expect(c - open).toBeLessThan(3);
        if (open >= 0 && row[c] === "·") expect(c).toBeGreaterThan(open);
      }
    }
  }
});

test("with colours a return is also the shade of its cell's ground, as a part of the optimum", () => {
  const frame = dashboardView(model(), { columns: 80, rows: 23 }, COLOURS);
  const shades = frame.flat().flatMap(({ text, style }) => (style?.heat === undefined ? [] : [[text, style.heat]]));
  expect(shades).toEqual([
    ["█2", 0.2 / 0.9],
    ["█8", 0.8 / 0.9],
    ["▄4", 0.4 / 0.9],
  ]);
});

test("the head says that a run is paused or being saved, and which point of a sweep is shown", () => {
  const paused = after([...EVENTS, { plan: planned("route", 1), kind: "paused", by: { host: "h", pid: 1 } }]);
  expect(draw(model({ run: paused }), 60, 19)[0]).toMatch(/^ halfwatch run: tiny +paused · 3 of 6 cells/);
  expect(draw(model({ run: paused }), 80, 23).join("\n")).toContain("route seed 1  paused");
  expect(draw(model({ isStopping: true }), 80, 23)[0]).toContain("stopping · 3 of 6 cells");
  const points = [0.1, 1].map((coverage) => ({
    ...{ values: { "oversight.coverage": coverage }, steps: 12_800, map: { height: 5, width: 5 }, bounds: null },
  }));
  expect(draw(model({ points, point: 1 }), 80, 23)[2]).toBe(" point 2 of 2  oversight.coverage 1");
});

test("on a terminal the keys move, open a cell, ask for a pause and for the end; the terminal is left as it was", async () => {
  const asked: string[] = [];
  const hooks = {
    ...{ onStop: () => asked.push("stop"), onPause: () => asked.push("pause") },
    onReplay: ({ id }: CellPlan) => asked.push(id),
  };
  const fake = await FakeTerminal.open(dashboardProgram(model({ arm: 0, seed: 0 }), hooks));
  const here = (text: string) => fake.visible().some((row) => row.includes(text));
  expect(here("naive seed 0  done")).toBe(true);
  await fake.press("down", "right", "right");
  expect(here("route seed 2  waits")).toBe(true);
  await fake.press("left", "enter");
  expect(here("approximate KL          0.004000")).toBe(true);
  expect(fake.visible().at(-1)).toContain("⏎ back");
  await fake.press("enter");
  expect(here("approximate KL")).toBe(false);
  await fake.press("r");
  expect(asked.splice(0)).toEqual([planned("route", 1).id]);
  const row = fake.visible().findIndex((text) => text.startsWith("   naive "));
  await fake.click(17, row);
  expect(here("naive seed 2  waits")).toBe(true);
  await fake.click(17, row);
  expect(here("no update has been seen")).toBe(true);
  await fake.press("escape", "\u001b[<65;10;10M");
  expect(here("route seed 2  waits")).toBe(true);
  await fake.press("\u001b[<64;10;10M", "left", "down");
  expect(here("route seed 1  trains")).toBe(true);
  await fake.press("?");
  expect(here("pause the run after each cell's update")).toBe(true);
  await fake.press("?", "p", "q");
  expect(asked).toEqual(["pause", "stop"]);
  expect(here("stopping · 3 of 6 cells")).toBe(true);
  expect(fake.visible().at(-1)).toContain("q stop at once");
  await fake.end();
  expect(fake.state()).toEqual(CLEAN);
});
