import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { LiveEpisode } from "../../../../cli/screens/dashboard/live-episode.ts";
import { drawLive, livePlace } from "../../../../cli/screens/dashboard/live-view.ts";
import { beginDashboard, type Dashboard, reduce } from "../../../../cli/screens/dashboard/model.ts";
import { dashboardProgram } from "../../../../cli/screens/dashboard/program.ts";
import { createRehearsal, keepPlaying, type Rehearsal } from "../../../../cli/screens/dashboard/rehearsal.ts";
import { dashboardView, layoutOf } from "../../../../cli/screens/dashboard/view.ts";
import { PLAIN } from "../../../../cli/text/capabilities.ts";
import { toText } from "../../../../cli/tui/ansi.ts";
import { fitFrame } from "../../../../cli/tui/span.ts";
import { createReferenceEngine } from "../../../../src/compute/reference/engine.ts";
import { runCell, Stopped } from "../../../../src/runner/cell.ts";
import { cellPaths, latestPolicy } from "../../../../src/runs/cell-paths.ts";
import { openEpisodes } from "../../../../src/runs/episodes.ts";
import { planCells } from "../../../../src/runs/plan.ts";
import { tinyScenario } from "../../../scenario/tiny.ts";
import { ASCII, FakeTerminal } from "../../tui/fake-terminal.ts";
import { after, begun, ENGINE, EVENTS, planned, SCENARIO } from "./runs.ts";

const SHIFT = { unseen: { "oversight.coverage": 0 } };
const TRAINED = tinyScenario({ shift: SHIFT, primary: { shift: "unseen" }, seeds: 2 });
const [FINISHED, STOPPED] = planCells(TRAINED, "reference");
let run: string;

beforeAll(async () => {
  run = mkdtempSync(join(tmpdir(), "halfwatch-live-"));
  const engine = createReferenceEngine();
  await runCell(run, FINISHED, engine);
  let updates = 0;
  const next = () => (++updates === 3 ? "stop" : "go on");
  await expect(runCell(run, STOPPED, engine, { next })).rejects.toThrow(Stopped);
});
afterAll(() => rmSync(run, { recursive: true, force: true }));

test("the episode is the one of its number that the cell itself recorded, as the deployed view under the primary shift", async () => {
  const rehearsal = createRehearsal(run, "unseen");
  const file = openEpisodes(cellPaths(run, FINISHED.id).episodes);
  while (file.more(256).length > 0);
  const own = file.entries.flatMap(({ shift, view }, index) =>
    shift === "unseen" && view === "only:diamond" ? [file.read(index)] : [],
  );
  expect(own.length).toBeGreaterThan(0);
  for (const { number, actions, label } of own) {
    const episode = await rehearsal.play(FINISHED, number);
    expect(episode).toMatchObject({ acting: "only:diamond", label, trained: 8 * 16 * 5 });
    const names = ["north", "east", "south", "west"];
    expect(episode?.actions.map((name) => names.indexOf(name))).toEqual([...actions]);
    expect(episode?.maps).toHaveLength(actions.length + 1);
    expect(episode?.opinions.map(({ probabilities }) => Object.keys(probabilities))).toEqual(
      actions.map(() => ["only:diamond", "full", "only:ghost"]),
    );
  }
  await rehearsal.dispose();
});

test("a cell that trains plays what it was saved as last; what is missing, damaged or half there is no error", async () => {
  const rehearsal = createRehearsal(run, "unseen");
  expect((await rehearsal.play(STOPPED, 0))?.trained).toBe(8 * 16 * 3);
  const { resume } = cellPaths(run, STOPPED.id);
  const elsewhere = join(run, "elsewhere");
  const copy = cellPaths(elsewhere, STOPPED.id);
  expect(latestPolicy(copy)).toBeUndefined();
  expect(await createRehearsal(elsewhere, "unseen").play(STOPPED, 0)).toBeNull();
  mkdirSync(copy.checkpoints, { recursive: true });
  expect(await createRehearsal(elsewhere, "unseen").play(STOPPED, 0)).toBeNull();
  for (const step of [128, 1024, 256]) copyFileSync(resume, join(copy.checkpoints, `${step}.safetensors`));
  expect(latestPolicy(copy)).toBe(join(copy.checkpoints, "1024.safetensors"));
  writeFileSync(join(dirname(copy.resume), "resume.safetensors"), "half a file");
  expect(await createRehearsal(elsewhere, "unseen").play(STOPPED, 0)).toBeNull();
  await rehearsal.dispose();
});

/** Three steps on a 5x5 map, two modules. */
const EPISODE: LiveEpisode = {
  trained: 6400,
  scene: {
    ...{ height: 5, width: 5, horizon: 12, actions: ["north", "east", "south", "west"], letters: new Map() },
    ...{ tones: new Map([["diamond", "true" as const]]), marksVisible: true },
  },
  maps: [0, 1, 2, 3].map((at) =>
    [`${".".repeat(at)}A${".".repeat(4 - at)}`.slice(0, 5), "...D.", ".....", "..G..", "....."].join("\n"),
  ),
  marks: new Set([8]),
  acting: "only:diamond",
  actions: ["east", "east", "east"],
  opinions: [0.5, 0.75, 0.875].map((p) => ({
    probabilities: { "only:diamond": [0, p, 1 - p, 0], full: [0.625, 0.375, 0, 0], "only:ghost": [0, 0, 1, 0] },
    ...{ gate: { diamond: 0.25, ghost: 0.75 }, value: 0.5 },
  })),
  outcome: "diamond",
  label: "unlabelled",
};

function model(change: Partial<Dashboard> = {}): Dashboard {
  const start = beginDashboard(SCENARIO, begun(), { title: "halfwatch run: tiny", role: "run", engine: ENGINE });
  const seen = reduce(start, { kind: "seen", run: after(EVENTS), elapsed: 20 });
  return { ...seen, arm: 1, seed: 1, ...change };
}
const cell = planned("route", 1).id;
const playing = (at: number): Dashboard => model({ live: { cell, episode: EPISODE, at } });
const draw = (shown: Dashboard, columns: number, rows: number, capabilities = PLAIN): string[] => {
  const size = { columns, rows };
  return toText(fitFrame(dashboardView(shown, size, capabilities), size), capabilities).map((row) => row.trimEnd());
};
const curvesOf = (rows: readonly string[]): string[] =>
  rows.slice(
    2,
    rows.findIndex((row) => row.includes("arm  ")),
  );

test("80 columns: the board beside the curves, its words below it, the acting view pointed at", () => {
  expect(curvesOf(draw(playing(1), 80, 23))).toMatchInlineSnapshot(`
    [
      " mean true return by environment steps, unseen         live  as of step 6.4k",
      " .80 ┤                                    ⣀⠤⠔⠒⠉ route  · A · · ·",
      "     │                              ⣀⡠⠤⠒⠊⠉             · · · D*·",
      "     │                        ⢀⣀⠤⠒⠊⠉                   · · · · ·",
      " .40 ┤                    ⠠⠔⠒⠉⠁                        · · G · ·",
      "     │                    ⠐⠒⠒⠒⠤⠤⠤⠤⠤⠤⢄⣀⣀⣀⣀⣀⣀⡀           · · · · ·",
      "     │                                     ⠈⠉⠉⠉ naive  step 2",
      " .00 ┤                                                 › only:diamond  ⇒ .75",
      "     └┬───────────────────┬───────────────────┬          full          ↑ .63",
      "      0                 6.4k              12.8k          only:ghost    ⇓ 1.00",
      "",
    ]
  `);
});
test("100 columns: its words beside it", () => {
  expect(curvesOf(draw(playing(1), 100, 29))).toMatchInlineSnapshot(`
    [
      " mean true return by environment steps, unseen                 live  as of step 6.4k",
      " .80 ┤                                           ⣀⡠⠤⠒⠒⠉ route  · A · · ·   step 2",
      "     │                                    ⣀⡠⠤⠔⠒⠉⠉              · · · D*·   › only:diamond  ⇒ .75",
      "     │                             ⣀⣀⠤⠔⠒⠉⠉                     · · · · ·     full          ↑ .63",
      " .40 ┤                        ⠠⠔⠒⠊⠉                            · · G · ·     only:ghost    ⇓ 1.00",
      "     │                        ⠐⠒⠒⠒⠢⠤⠤⠤⠤⠤⠤⠤⢄⣀⣀⣀⣀⣀⣀⣀⡀            · · · · ·",
      "     │                                            ⠈⠉⠉⠉⠉ naive",
      " .00 ┤",
      "     └┬───────────────────────┬───────────────────────┬",
      "      0                     6.4k                  12.8k",
      "",
    ]
  `);
});
test("120 columns: wider cells; at the end what it came to, and that nobody looked", () => {
  expect(curvesOf(draw(playing(3), 120, 29))).toMatchInlineSnapshot(`
    [
      " mean true return by environment steps, unseen                                live  as of step 6.4k",
      " .80 ┤                                                        ⣀⣀⠤⠤⠔⠒⠊⠉ route   ·  ·  ·  A  ·   diamond at 3, unseen",
      "     │                                               ⣀⣀⠤⠤⠔⠒⠊⠉⠉                 ·  ·  · [D] ·   › only:diamond  ⇒ .88",
      "     │                                      ⣀⣀⠤⠤⠔⠒⠊⠉⠉                          ·  ·  ·  ·  ·     full          ↑ .63",
      " .40 ┤                                ⠤⠔⠒⠊⠉⠉                                   ·  ·  G  ·  ·     only:ghost    ⇓ 1.00",
      "     │                                ⠒⠒⠒⠒⠒⠢⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⡀              ·  ·  ·  ·  ·",
      "     │                                                          ⠈⠉⠉⠉⠉⠉ naive",
      " .00 ┤",
      "     └┬───────────────────────────────┬──────────────────────────────┬",
      "      0                             6.4k                         12.8k",
      "",
    ]
  `);
});
test("an inspected episode shows its label; a policy of one module has one view", () => {
  const episode = {
    ...EPISODE,
    ...{ acting: "full", label: "diamond" },
    opinions: EPISODE.opinions.map((opinion) => ({ ...opinion, probabilities: { full: [0, 1, 0, 0] } })),
  };
  const rows = draw(model({ live: { cell, episode, at: 3 } }), 80, 23).join("\n");
  expect(rows).toContain("diamond at 3, labelled");
  const timeout = { ...episode, outcome: "timeout", label: "nothing" };
  expect(draw(model({ live: { cell, episode: timeout, at: 3 } }), 80, 23).join("\n")).toContain(
    "timeout at 3, nothing",
  );
  expect(rows).toContain("› full  ⇒ 1.00");
  expect(rows).not.toContain("only:");
});

test("where there is no room, no file or another cell's episode, the board says so or is not there", () => {
  expect(draw(playing(1), 60, 23).join("\n")).not.toContain("live");
  expect(draw({ ...playing(1), isLive: false }, 80, 23).join("\n")).not.toContain("live");
  expect(draw(model({ live: { cell, episode: null, at: 0 } }), 80, 23).join("\n")).toContain("live  nothing saved yet");
  const other = { ...playing(1), seed: 0 };
  expect(draw(other, 80, 23).join("\n")).toContain("live");
  expect(draw(other, 80, 23).join("\n")).not.toContain("as of step");
  expect(livePlace({ height: 15, width: 15 }, { columns: 78, rows: 14 })).toBeNull();
  expect(livePlace({ height: 15, width: 15 }, { columns: 118, rows: 16 })).toEqual({
    ...{ width: 56, cell: 2, isBeside: true },
  });
});

test("at every size the curves and the board keep to the width, and the frame to the height", () => {
  for (const columns of [80, 90, 100, 110, 120, 160]) {
    for (const rows of [19, 23, 29, 39, 49]) {
      for (const isZoomed of [false, true]) {
        const shown = { ...playing(1), isZoomed };
        const frame = dashboardView(shown, { columns, rows }, PLAIN);
        expect(frame.length, `${columns} x ${rows}`).toBeLessThanOrEqual(rows);
        const { live } = layoutOf(shown, { columns, rows });
        if (live === null) continue;
        const text = toText(frame).map((row) => row.trimEnd());
        expect(Math.max(...text.filter((row) => /live|only:|step 2/.test(row)).map((row) => row.length))).toBeLessThan(
          columns,
        );
        // every row of the map, and what acts
        expect(text.filter((row) => / {2}· +· +(?:·|A|G) +(?:·|D\*|\[D\]) +·/.test(row)).length).toBeGreaterThan(2);
        expect(text.some((row) => row.includes("› only:diamond"))).toBe(true);
      }
    }
  }
});

test("in ASCII the board and its words are, at every step", () => {
  for (const at of [0, 1, 2, 3]) {
    for (const columns of [80, 100, 120]) {
      const rows = draw(playing(at), columns, 29, ASCII);
      expect(rows.some((row) => row.includes("live"))).toBe(true);
      for (const row of rows) expect(row).toMatch(/^[ -~]*$/);
    }
  }
});

test("an episode goes on step by step to its end; the end stays", () => {
  const at = (shown: Dashboard) => shown.live?.at;
  let shown = reduce(model(), { kind: "live", cell, episode: EPISODE });
  expect(at(shown)).toBe(0);
  for (const expected of [1, 2, 3]) {
    shown = reduce(shown, { kind: "live-step" });
    expect(at(shown)).toBe(expected);
  }
  expect(reduce(shown, { kind: "live-step" })).toBe(shown);
  const none = reduce(model(), { kind: "live", cell, episode: null });
  expect(reduce(none, { kind: "live-step" })).toBe(none);
  expect(toText(drawLive(null, { width: 24, cell: 2, isBeside: false }, 8, PLAIN))[0].trim()).toBe("live");
});

test("nothing is played while the board is hidden; shown, the selected cell's episode is, and only that", async () => {
  const played: string[] = [];
  const rehearsal: Rehearsal = {
    play: async ({ id }) => {
      played.push(id);
      return EPISODE;
    },
    dispose: async () => {},
  };
  const hooks = { onStop: () => {}, onPause: () => {}, onReplay: () => {} };
  const fake = await FakeTerminal.open(dashboardProgram(model({ isLive: false }), hooks), { columns: 100, rows: 30 });
  const stop = keepPlaying(fake.screen, rehearsal, ({ isLive }) => isLive, fake.screen.fail);
  const until = async (text: string) => {
    while (!fake.visible().some((row) => row.includes(text))) await fake.settle();
  };
  await new Promise((resolve) => setTimeout(resolve, 600));
  expect(played).toEqual([]);
  await fake.press("l");
  await until("diamond at 3, unseen");
  expect(new Set(played)).toEqual(new Set([cell]));
  await fake.press("up");
  await until("step 1");
  stop();
  expect(new Set(played)).toEqual(new Set([cell, planned("naive", 1).id]));
  await fake.end();
});

test("the end of a cell is shown at once: no episode and no rest before it are waited for", async () => {
  const events = [...EVENTS, { plan: planned("route", 1), kind: "finished", seconds: 1, peakMemory: 1 } as const];
  let isDone = false;
  const rehearsal: Rehearsal = {
    play: async () => {
      // Dear enough to be followed by a rest of seconds.
      for (const { user } = process.cpuUsage(); process.cpuUsage().user - user < 50_000; );
      return { ...EPISODE, trained: isDone ? 12_800 : 6400 };
    },
    dispose: async () => {},
  };
  const hooks = { onStop: () => {}, onPause: () => {}, onReplay: () => {} };
  const fake = await FakeTerminal.open(dashboardProgram(model(), hooks), { columns: 100, rows: 30 });
  const stop = keepPlaying(fake.screen, rehearsal, () => true, fake.screen.fail);
  const until = async (text: string) => {
    while (!fake.visible().some((row) => row.includes(text))) await fake.settle();
  };
  await until("diamond at 3, unseen");
  isDone = true;
  fake.screen.dispatch({ kind: "seen", run: after(events), elapsed: 21 });
  await until("as of step 12.8k");
  expect(fake.visible().some((row) => row.includes("step 1"))).toBe(true);
  stop();
  await fake.end();
});
