import { expect, test } from "vitest";
import { PLAIN } from "../../../cli/capabilities.ts";
import { beginDashboard, type Dashboard, reduce } from "../../../cli/dashboard/model.ts";
import { dashboardProgram } from "../../../cli/dashboard/program.ts";
import { cellAt, dashboardView } from "../../../cli/dashboard/view.ts";
import { beginRun } from "../../../cli/progress.ts";
import { toText } from "../../../cli/tui/paint.ts";
import { fitFrame } from "../../../cli/tui/span.ts";
import { type CellPlan, planCells } from "../../../src/experiment/plan.ts";
import { ARM_NAMES } from "../../../src/experiment/schema.ts";
import { ASCII, CLEAN, COLOURS, FakeTerminal } from "../tui/fake-terminal.ts";
import { after, begun, ENGINE, EVENTS, planned, progress, SCENARIO } from "./runs.ts";

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
const draw = (shown: Dashboard, columns: number, rows: number, capabilities = PLAIN): string[] => {
  const size = { columns, rows };
  return toText(fitFrame(dashboardView(shown, size, capabilities), size)).map((row) => row.trimEnd());
};

test("60 columns: curves and cells, no log; the legend and what is too long are cut", () => {
  expect(draw(model(), 60, 19)).toMatchInlineSnapshot(`
    [
      " run: tiny             3 of 6 cells · 00:00:22 · left ~15 s",
      " ──────────────────────────────────────────────────────────",
      " mean true return by environment steps, unseen",
      " .90 ┤⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⣉ optimum .90",
      "     │                                ⣀⣀⠤⠤⠒⠒⠉⠉  route",
      "     │                        ⣀⣀⠤⠤⠒⠒⠉⠉",
      " .45 ┤                    ⢐⣒⣉⣉",
      "     │                        ⠉⠉⠉⠉⠉⠉⠑⠒⠒⠒⠒⠒⠒⠢⠤⠤⠤ naive",
      " .00 ┤",
      "     └┬───────────────────┬───────────────────┬",
      "      0                 6.4k              12.8k",
      "",
      "   arm     0  1  2     n  true return",
      "   naive   █2 ×  ·     1         .200",
      " › route   █8[▄4]·     1         .800",
      " digit: return in tenths of the optimum   █ done  ▄ trains",
      " route seed 1  trains  ██████······  6,400 of 12.8k steps  6",
      " true return unseen .400   1,000 episodes, 500 labels",
      " wasm on cpu · 2 cells x 1 thread · 81 MiB · 640 steps/s in",
    ]
  `);
});
test("80 columns: labels for each seed, and the log where it has room", () => {
  expect(draw(model(), 80, 23)).toMatchInlineSnapshot(`
    [
      " halfwatch run: tiny                       3 of 6 cells · 00:00:22 · left ~15 s",
      " ──────────────────────────────────────────────────────────────────────────────",
      " mean true return by environment steps, unseen",
      " .90 ┤⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉⢀⣉ optimum .90",
      "     │                                                 ⢀⣀⣀⠤⠤⠔⠒⠒⠉⠉⠁  route",
      "     │                                       ⢀⣀⣀⠤⠤⠔⠒⠒⠉⠉⠁",
      " .45 ┤                              ⢀⣀⠤⠤⠔⠒⠒⠉⠉⠁",
      "     │                              ⠠⠤⠤⠤⠤⢄⣀⣀⣀⣀⣀⣀⣀⣀⣀⡀",
      "     │                                             ⠈⠉⠉⠉⠉⠉⠉⠉⠉⠉⠑⠒⠒⠒⠒⠒ naive",
      " .00 ┤",
      "     └┬─────────────────────────────┬─────────────────────────────┬",
      "      0                           6.4k                        12.8k",
      "",
      "   arm     0  1  2     n  true return  labels/seed",
      "   naive   █2 ×  ·     1         .200        1,000",
      " › route   █8[▄4]·     1         .800          750",
      " digit: return in tenths of the optimum   █ done  ▄ trains  · waits  × failed",
      " route seed 1  trains  ██████······  6,400 of 12.8k steps  640 steps/s",
      " true return unseen .400   1,000 episodes, 500 labels",
      " wasm on cpu · 2 cells x 1 thread · 81 MiB · 640 steps/s in all",
      "",
      " 00:00:20  route seed 1 begins",
      " 00:00:22  route seed 1 at step 6,400  true return unseen .400, checkpoint saved",
    ]
  `);
});
test("120 columns: intervals, steps a second, a longer log", () => {
  expect(draw(model(), 120, 39)).toMatchInlineSnapshot(`
    [
      " halfwatch run: tiny                                                               3 of 6 cells · 00:00:22 · left ~15 s",
      " ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────",
      " mean true return by environment steps, unseen",
      " .90 ┤⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ optimum .90",
      "     │                                                                                                    ⣀",
      "     │                                                                                            ⣀⣀⠤⠤⠒⠒⠉⠉  route",
      "     │                                                                                    ⢀⣀⡠⠤⠔⠒⠉⠉",
      "     │                                                                            ⢀⣀⡠⠤⠔⠒⠊⠉⠁",
      "     │                                                                     ⣀⣀⠤⠤⠒⠒⠉⠁",
      "     │                                                             ⢀⣀⡠⠤⠒⠒⠉⠉",
      " .45 ┤                                                     ⢀⣀⡠⠤⠔⠒⠊⠉⠁",
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
      "   arm     0  1  2     n  true return          95 %  labels/seed",
      "   naive   █2 ×  ·     1         .200             –        1,000",
      " › route   █8[▄4]·     1         .800             –          750",
      " digit: return in tenths of the optimum   █ done  ▄ trains  · waits  × failed",
      " route seed 1  trains  ██████······  6,400 of 12.8k steps  640 steps/s",
      " true return unseen .400   1,000 episodes, 500 labels",
      " wasm on cpu · 2 cells x 1 thread · 81 MiB · 640 steps/s in all · auto: the same bytes",
      "",
      " 00:00:08  route seed 0 begins",
      " 00:00:10  route seed 0 at step 6,400  true return unseen .400, checkpoint saved",
      " 00:00:12  route seed 0 at step 12,800  true return unseen .800, checkpoint saved",
      " 00:00:14  [2/6] route seed 0  done in 3.5 s  true return unseen .800 (discounted)",
      " 00:00:16  naive seed 1 begins",
      " 00:00:18  [3/6] naive seed 1  failed at update 12 of 100: the loss is not finite",
      " 00:00:20  route seed 1 begins",
      " 00:00:22  route seed 1 at step 6,400  true return unseen .400, checkpoint saved",
      "",
      "",
    ]
  `);
});
test("a cell in full: its own curve and what its latest update measured", () => {
  expect(draw(model({ isZoomed: true }), 80, 23)).toMatchInlineSnapshot(`
    [
      " halfwatch run: tiny                       3 of 6 cells · 00:00:22 · left ~15 s",
      " ──────────────────────────────────────────────────────────────────────────────",
      " route seed 1  trains  ██████······  6,400 of 12.8k steps  640 steps/s",
      " true return unseen .400   1,000 episodes, 500 labels",
      " wasm on cpu · 2 cells x 1 thread · 81 MiB · 640 steps/s in all",
      "",
      " true return by environment steps, unseen",
      " .90 ┤⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ ⠉ optimum .90",
      "     │",
      " .45 ┤                              ⠈                               route",
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
      " halfwatch run: tiny                       3 of 6 cells · 00:00:22 · left ~15 s",
      " ------------------------------------------------------------------------------",
      " mean true return by environment steps, unseen",
      " .90 +- - - - - - - - - - - - - - - - - - - - - - - - - - - - - -++ optimum .90",
      "     |                                                 +++++++++++  route",
      "     |                                       +++++++++++",
      " .45 +                              ++++++++++",
      "     |                              ****************",
      "     |                                             **************** naive",
      " .00 +- - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - theory .10",
      "     ++-----------------------------+-----------------------------+",
      "      0                           6.4k                        12.8k",
      "",
      "   arm     0  1  2     n  true return  labels/seed",
      " > naive   #2[x ].     1         .200        1,000",
      "   route   #8 =4 .     1         .800          750",
      " digit: return in tenths of the optimum   # done  = trains  . waits  x failed",
      " naive seed 1  failed",
      " at update 12 of 100: the loss is not finite",
      " wasm on cpu · 2 cells x 1 thread · 81 MiB · 640 steps/s in all",
      "",
      " 00:00:20  route seed 1 begins",
      " 00:00:22  route seed 1 at step 6,400  true return unseen .400, checkpoint saved",
    ]
  `);
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
  const scenario = { ...SCENARIO, arms: [...ARM_NAMES] };
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
  const scenario = { ...SCENARIO, arms: [...ARM_NAMES] };
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
  expect(draw(model({ run: paused }), 60, 19)[0]).toMatch(/^ run: tiny +paused · 3 of 6 cells/);
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
