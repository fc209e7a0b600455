import { expect, test } from "vitest";
import type { RunDisplay } from "../../../cli/run/display.ts";
import { type RunSession, showSession } from "../../../cli/run/session.ts";
import type { Launcher } from "../../../src/runner/launcher.ts";
import { beginRun, countCells, type RunView } from "../../../src/runner/progress.ts";
import { planCells } from "../../../src/runs/plan.ts";
import { tinyScenario } from "../../scenario/tiny.ts";

const [first, second] = planCells(tinyScenario({ seeds: 2 }), "wasm");

/** A session in lines; what its display was shown, and what was done to it. */
function session() {
  const shown: [kind: string | null, done: number, isFinding: boolean | undefined][] = [];
  const done: string[] = [];
  const display: RunDisplay = {
    update: (view, event, isFinding) => shown.push([event?.kind ?? null, countCells(view).done, isFinding]),
    end: (isHurried) => void done.push(isHurried ? "ended at once" : "ended"),
  };
  const stop = new AbortController();
  const { signal } = stop;
  const stopping = {
    signal,
    kill: signal,
    request: () => stop.abort(),
    end: () => void done.push("listens no longer"),
  };
  const view: RunView = beginRun([first, second], new Map());
  const given: RunSession = { dir: "nowhere", view, screen: null, lines: () => display, work: "the test", stopping };
  return { given, shown, done };
}

test("a display is shown each event with the run after it, from a launcher as from a follower", async () => {
  const { given, shown, done } = session();
  const launcher: Launcher = {
    start: async (groups, tell) => {
      for (const [plan] of groups) {
        tell({ plan, kind: "started" });
        tell({ plan, kind: "found" });
      }
    },
  };
  const { signal } = given.stopping;
  const last = await showSession(given, (tell) => launcher.start([[first], [second]], tell, signal));
  expect(shown.map(([kind, finished]) => [kind, finished])).toEqual([
    [null, 0],
    ["started", 0],
    ["found", 1],
    ["started", 1],
    ["found", 2],
  ]);
  expect([countCells(last).done, done]).toEqual([2, ["listens no longer", "ended"]]);

  const found = session();
  await showSession(found.given, async (tell, { isOnScreen }) => {
    expect(isOnScreen()).toBe(false);
    tell({ plan: first, kind: "found" }, true);
  });
  expect(found.shown.at(-1)).toEqual(["found", 1, true]);
});

test("the display is ended, at once where it was asked to stop, whatever the source throws", async () => {
  const { given, done } = session();
  const source = async () => {
    given.stopping.request();
    throw new Error("the machine is gone");
  };
  await expect(showSession(given, source)).rejects.toThrow("the machine is gone");
  expect(done).toEqual(["listens no longer", "ended at once"]);
});
