import { performance } from "node:perf_hooks";
import { setTimeout as wait } from "node:timers/promises";
import { UserError } from "../../src/core/errors.ts";
import type { CellEvent } from "../../src/experiment/launch.ts";
import type { CellPlan } from "../../src/experiment/plan.ts";
import type { Scenario } from "../../src/experiment/schema.ts";
import { cellPaths, lastCheckpoint, latestPolicy } from "../../src/experiment/store.ts";
import { boundsOf } from "../../src/experiment/summary.ts";
import { expandSweep, type SweepPoint } from "../../src/experiment/sweep.ts";
import type { Capabilities } from "../capabilities.ts";
import { print } from "../output.ts";
import type { RunView } from "../progress.ts";
import { openScreen } from "../tui/open.ts";
import { createRehearsal, keepPlaying } from "./live.ts";
import { beginDashboard, type Dashboard } from "./model.ts";
import { dashboardProgram, type Hooks } from "./program.ts";
import { layoutOf } from "./view.ts";

/** Frames a second at most, so that keys are answered at once; and news of the run a second, of which each is a frame. */
const FRAMES = 8;
const NEWS = 1;
/** Episodes that the player lists, as the command `replay` does. */
const EPISODES = 1024;

interface DashboardOptions extends Omit<Hooks, "onReplay">, Pick<Dashboard, "title" | "role" | "engine"> {
  /** The run directory. */
  readonly dir: string;
  readonly capabilities: Capabilities;
  /** The points of the run where it has more than its scenario sweeps. */
  readonly points?: readonly SweepPoint[];
}

/**
 * Open the screen of a run; training never waits for it. It is told of the run by `update`, and stays until `end`. While the player has the
 * screen the dashboard goes on unseen.
 */
export async function openDashboard(scenario: Scenario, run: RunView, options: DashboardOptions) {
  const { dir, capabilities, onStop, points = expandSweep(scenario) } = options;
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

  const program = dashboardProgram(beginDashboard(scenario, run, options, points), { ...options, onReplay });
  const screen = await openScreen(program, {
    capabilities,
    maxFps: FRAMES,
    // Ctrl-C and SIGTERM are heard by whoever trains or follows; a terminal that has gone is like the key.
    onSignal: (signal) => {
      if (signal === "SIGHUP") onStop();
      leavePlayer();
    },
  });
  // Without a screen nobody could stop it; what went wrong is thrown by `end`.
  screen.closed.catch(onStop);
  const rest = keepPlaying(screen, rehearsal, (shown) => {
    const { columns = 80, rows = 24 } = process.stdout;
    return away === null && layoutOf(shown, { columns, rows: rows - 1 }).live !== null;
  });

  /** Give the screen to the player of a cell, and take it back. */
  async function replay(plan: CellPlan): Promise<void> {
    const cell = cellPaths(dir, plan.id);
    // A kept checkpoint stays, and others stand beside it to be compared with.
    const path = lastCheckpoint(cell) ?? latestPolicy(cell);
    const refuse = (text: string) => screen.dispatch({ kind: "refused", cell: plan.id, text });
    if (path === undefined) return refuse("no replay: it has saved nothing yet");
    const { preparePlayer } = await import("../replay/open.ts");
    let prepared: Awaited<ReturnType<typeof preparePlayer>>;
    try {
      prepared = await preparePlayer(path, { episode: 0, at: 0, episodes: EPISODES, shift }, capabilities);
    } catch (error) {
      if (error instanceof UserError) return refuse(error.message);
      throw error;
    }
    try {
      if (isOver) return;
      const player = screen.over(prepared.program);
      leavePlayer = () => player.dispatch({ kind: "quit" });
      player.dispatch({ kind: "start" });
      await player.closed;
      printed.push(...prepared.program.printed);
    } finally {
      leavePlayer = () => {};
      await prepared.dispose();
    }
  }
  function onReplay(plan: CellPlan): void {
    if (away !== null) return;
    away = replay(plan).then(() => {
      away = null;
    });
    // As above: thrown by `end`.
    away.catch(onStop);
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
  computeBounds().catch(screen.fail);
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
      if (isHurried) leavePlayer();
      try {
        await away;
      } finally {
        rest();
        screen.close();
        await screen.closed;
      }
      await rehearsal.dispose();
      for (const text of printed) print(text);
    },
  };
}
