import { performance } from "node:perf_hooks";
import { setTimeout as wait } from "node:timers/promises";
import { ensureLater } from "../../../src/core/cleanup.ts";
import { UserError } from "../../../src/core/errors.ts";
import { boundsOf } from "../../../src/report/summary.ts";
import type { CellEvent } from "../../../src/runner/launcher.ts";
import type { RunView } from "../../../src/runner/progress.ts";
import { cellPaths, lastCheckpoint, latestPolicy } from "../../../src/runs/cell-paths.ts";
import type { CellPlan } from "../../../src/runs/plan.ts";
import type { Scenario } from "../../../src/scenario/schema.ts";
import { expandSweep, type SweepPoint } from "../../../src/scenario/sweep.ts";
import { print } from "../../output.ts";
import type { RunDisplay, ScreenTrouble } from "../../run/display.ts";
import type { Capabilities } from "../../text/capabilities.ts";
import { openScreen, type ScreenOptions } from "../../tui/screen.ts";
import type { preparePlayer } from "../player/preparation.ts";
import { beginDashboard, type Dashboard, selectedOf } from "./model.ts";
import { dashboardProgram, type Hooks } from "./program.ts";
import { createRehearsal, keepPlaying } from "./rehearsal.ts";
import { layoutOf } from "./view.ts";

/** News of the run a second. Each is a frame. */
const NEWS = 1;
/** Episodes that the player lists, as the command `replay` does. */
const EPISODES = 1024;

export interface DashboardOptions
  extends Omit<Hooks, "onReplay">,
    Pick<Dashboard, "title" | "role" | "engine">,
    ScreenTrouble {
  /** The run directory. */
  readonly dir: string;
  readonly capabilities: Capabilities;
  /** The points of the run where it has more than its scenario sweeps. */
  readonly points?: readonly SweepPoint[];
  /** What stands in for this process and its terminal, and for the player: for tests. */
  readonly terminal?: Pick<ScreenOptions, "stdin" | "stdout" | "process">;
  readonly preparePlayer?: typeof preparePlayer;
}

/**
 * Open the screen of a run; training never waits for it. It is told of the run by `update`, and stays until `end`. While the player has the
 * screen the dashboard goes on unseen.
 *
 * What its parts throw (the player, the live board, the theory lines) is told by `onTrouble` and leaves the rest; what the screen itself
 * throws is told by `onLost`, when the terminal has been given back.
 */
export async function openDashboard(scenario: Scenario, run: RunView, options: DashboardOptions): Promise<RunDisplay> {
  const { dir, capabilities, onStop, onLost, onTrouble, points = expandSweep(scenario) } = options;
  const { shift } = scenario.primary;
  const begun = performance.now();
  const elapsed = () => (performance.now() - begun) / 1000;
  const rehearsal = createRehearsal(dir, shift);
  /** What the player was asked to print. */
  const printed: string[] = [];
  let isOver = false;
  let latest = run;
  /** Settles when the person has come back from the player. */
  let away: Promise<void> | null = null;
  /** Make the player leave. */
  let leavePlayer = () => {};

  const hooks: Hooks = { onStop, onPause, onReplay };
  const program = dashboardProgram(beginDashboard(scenario, run, options, points), hooks);
  const screen = await openScreen(program, {
    ...options.terminal,
    capabilities,
    // Ctrl-C and SIGTERM are heard by whoever trains or follows; a terminal that has gone is like the key.
    onSignal: (signal) => {
      if (signal === "SIGHUP") onStop();
      leavePlayer();
    },
  });
  screen.closed.catch(onLost);
  const refuse = (cell: string, text: string) => screen.dispatch({ kind: "refused", cell, text });
  const isBoardShown = (shown: Dashboard): boolean => {
    const { columns = 80, rows = 24 } = options.terminal?.stdout ?? process.stdout;
    return away === null && layoutOf(shown, { columns, rows: rows - 1 }).live !== null;
  };
  const rest = keepPlaying(screen, rehearsal, isBoardShown, (error) => {
    onTrouble("the live board", error);
    if (screen.model().isLive) screen.dispatch({ kind: "toggle-live" });
  });

  /** Give the screen to the player of a cell, and take it back. */
  async function replay(plan: CellPlan): Promise<void> {
    const cell = cellPaths(dir, plan.id);
    // A kept checkpoint stays, and others stand beside it to be compared with.
    const path = lastCheckpoint(cell) ?? latestPolicy(cell);
    if (path === undefined) return refuse(plan.id, "no replay: it has saved nothing yet");
    const prepare = options.preparePlayer ?? (await import("../player/preparation.ts")).preparePlayer;
    const prepared = await prepare(path, { episode: 0, at: 0, episodes: EPISODES, shift }, capabilities);
    const look = async () => {
      if (isOver) return;
      const player = screen.over(prepared.program);
      leavePlayer = () => player.dispatch({ kind: "quit" });
      player.dispatch({ kind: "start" });
      await player.closed;
      printed.push(...prepared.program.printed);
    };
    await ensureLater(look, async () => {
      leavePlayer = () => {};
      await prepared.dispose();
    });
  }
  function onReplay(plan: CellPlan): void {
    if (away !== null) return;
    away = replay(plan)
      .catch((error: unknown) => {
        if (error instanceof UserError) return refuse(plan.id, error.message);
        refuse(plan.id, `the player failed: ${firstLine(error)}; the training goes on`);
        onTrouble("the player", error);
      })
      .then(() => {
        away = null;
      });
  }
  function onPause(): void {
    try {
      options.onPause();
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      refuse(selectedOf(screen.model())?.plan.id ?? "", error.message);
    }
  }

  const timer = setInterval(() => screen.dispatch({ kind: "seen", run: latest, elapsed: elapsed() }), 1000 / NEWS);
  const computeBounds = async () => {
    for (const [point, { scenario: at }] of points.entries()) {
      // Between two arms keys are heard and frames drawn.
      const bounds = await boundsOf(at, shift, () => wait(1));
      if (isOver) return;
      screen.dispatch({ kind: "bounds", point, bounds });
    }
  };
  computeBounds().catch((error: unknown) => onTrouble("the theory", error));
  return {
    update: (view: RunView, event: CellEvent | null, isFinding = false) => {
      latest = view;
      // Of updates only the points of the curve are worth a frame of their own.
      if (event === null || (event.kind === "progress" && event.metrics.curve === undefined)) return;
      screen.dispatch({ kind: "told", run: view, event, elapsed: elapsed(), isFinding });
    },
    /** Whoever is in the player is waited for, unless told to hurry: a run that ends need not end the look at an episode. */
    end: async (isHurried: boolean) => {
      isOver = true;
      clearInterval(timer);
      rest();
      if (isHurried) leavePlayer();
      await away;
      screen.close();
      // An error of its own has been told.
      await screen.closed.catch(() => {});
      await rehearsal.dispose();
      for (const text of printed) print(text);
    },
  };
}

const firstLine = (error: unknown): string => String(error instanceof Error ? error.message : error).split("\n")[0];
