import { countCells } from "../../../src/runner/progress.ts";
import type { CellPlan } from "../../../src/runs/plan.ts";
import type { Binding } from "../../tui/keys.ts";
import type { Program } from "../../tui/program.ts";
import { dashboardSigns } from "./matrix-view.ts";
import { type Action, type Dashboard, isPaused, reduce, selectedOf } from "./model.ts";
import { cellAt, dashboardView } from "./view.ts";

/** What keys do outside the screen. */
export interface Hooks {
  /** The person asked to stop, or to leave; asked again, at once. */
  readonly onStop: () => void;
  /** The person asked to pause, or to go on. */
  readonly onPause: () => void;
  /** The person asked for the replay of this cell. */
  readonly onReplay: (plan: CellPlan) => void;
}

/** The screen of a run. It does not close by itself: whoever opened it ends it when the run has ended. */
export function dashboardProgram(start: Dashboard, { onStop, onPause, onReplay }: Hooks): Program<Dashboard, Action> {
  return {
    title: start.role,
    start,
    reduce,
    view: dashboardView,
    keys: (model) => ({ bindings: bindingsOf(model) }),
    signs: dashboardSigns,
    mouse: (model, { kind, column, row }, size) => {
      if (kind === "wheel-up" || kind === "wheel-down") return MOVES[kind === "wheel-up" ? "up" : "down"];
      const cell = kind === "press" ? cellAt(model, size, column, row) : undefined;
      return cell && { kind: "click", ...cell };
    },
    effect: ({ kind }, _screen, model) => {
      if (kind === "pause") onPause();
      if (kind === "stop") onStop();
      const cell = kind === "replay" ? selectedOf(model) : undefined;
      if (cell !== undefined) onReplay(cell.plan);
    },
  };
}

const MOVES: Readonly<Record<string, Action>> = {
  up: { kind: "move", arms: -1, seeds: 0 },
  down: { kind: "move", arms: 1, seeds: 0 },
  left: { kind: "move", arms: 0, seeds: -1 },
  right: { kind: "move", arms: 0, seeds: 1 },
};

function bindingsOf(model: Dashboard): Binding<Action>[] {
  const { role, isZoomed, isStopping, points, run } = model;
  const { done, failed } = countCells(run);
  const isOver = done + failed === run.cells.size;
  const selected = selectedOf(model);
  const hasPolicy = selected?.state === "done" || (selected?.candidates.length ?? 0) > 0;
  const stop = role === "run" ? "stop and save" : "leave";
  const stopHelp =
    role === "run" ? "save and stop; the same command goes on. Again: stop at once" : "leave; the training goes on";
  return [
    { keys: ["up", "down"], action: (key) => MOVES[key], hint: "arm", help: "select an arm" },
    { keys: ["left", "right"], action: (key) => MOVES[key], hint: "seed", help: "select a seed" },
    ...(points.length > 1
      ? [
          {
            keys: ["[", "]"],
            action: (key: string): Action => ({ kind: "page", points: key === "[" ? -1 : 1 }),
            hint: "point",
            help: "the sweep's point before, and the next",
          },
        ]
      : []),
    {
      keys: ["enter"],
      action: { kind: "zoom" },
      hint: isZoomed ? "back" : "open",
      help: "open the selected cell, and close it",
    },
    ...(isZoomed ? [{ keys: ["escape"], action: { kind: "back" } as const, help: "back to all cells" }] : []),
    {
      keys: ["r"],
      action: { kind: "replay" } as const,
      ...(hasPolicy && { hint: "replay" }),
      help: "open the player on the selected cell's last checkpoint; q there comes back, and training goes on",
    },
    // Nothing is left to pause, and the file that asks for it would be left to puzzle somebody.
    ...(isOver
      ? []
      : [
          {
            keys: ["p"],
            action: { kind: "pause" } as const,
            hint: isPaused(model) ? "go on" : "pause",
            help: "pause the run after each cell's update, or let it go on",
          },
        ]),
    {
      keys: ["l"],
      action: { kind: "toggle-live" } as const,
      help: "show what the selected cell's policy does, where there is room, or hide it",
    },
    { keys: ["q"], action: { kind: "stop" }, hint: isStopping ? "stop at once" : stop, help: stopHelp },
    { keys: ["ctrl-c"], action: { kind: "stop" }, help: "the same" },
  ];
}
