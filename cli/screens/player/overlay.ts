import type { Opinion } from "../../../src/evaluation/mind.ts";
import { grouped } from "../../../src/report/format.ts";
import type { Capabilities } from "../../text/capabilities.ts";
import { countWithin, within } from "../../text/numbers.ts";
import type { Board, Overlay } from "../../tui/board.ts";
import type { Row, Tone } from "../../tui/span.ts";
import { legendRow } from "../scene.ts";
import { type Player, viewsOf } from "./player.ts";
import { optimalPolicy, optimalValues, regret, type Shown } from "./shown-episode.ts";

/** The level as it is after so many steps, under the chosen overlay. */
export function boardOf(player: Player, shown: Shown): Board {
  const { scene, maps, cells, trace } = shown;
  const at = Math.min(player.step, maps.length - 1);
  const { marks } = trace.beginning;
  return {
    map: maps[at],
    tones: scene.tones,
    marks: new Set([...marks.keys()].filter((cell) => marks[cell])),
    actions: scene.actions,
    trail: new Set(cells.slice(0, at)),
    overlay: overlayOf(player, shown),
  };
}

/** What the letters of an episode's map mean. */
export function legendOf({ scene, maps }: Shown, capabilities: Capabilities): Row {
  // Marks always: where there are none by chance, what brackets would be is worth a word.
  return legendRow(scene, capabilities, { hasWalls: maps[0].includes("#"), hasMarks: true });
}

export function policyOverlay(shown: Shown, step: number, view: string): Overlay | undefined {
  const { opinions } = shown.charts[Math.min(step, shown.charts.length - 1)];
  if (opinions === null) return undefined;
  return { kind: "arrows", probabilities: opinions.map((each) => each?.probabilities[view] ?? null) };
}

/** The chosen overlay at this step. */
export function overlayOf(player: Player, shown: Shown): Overlay | undefined {
  const { overlay, step } = player;
  const at = Math.min(step, shown.charts.length - 1);
  const chart = shown.charts[at];
  // At the end there is no step left to choose; what is shown is the last choice there was.
  const stepsLeft = Math.max(1, shown.scene.horizon - at);
  const views = viewsOf(shown);
  const view = views[Math.min(player.view, views.length - 1)];
  const ofOpinions = (value: (opinion: Opinion) => number) =>
    chart.opinions?.map((each) => (each === null ? null : value(each))) ?? [];
  switch (overlay) {
    case "level":
      return undefined;
    case "policy":
      return policyOverlay(shown, step, view);
    case "value":
      return heat(
        ofOpinions((each) => each.value ?? 0),
        within,
        Number.POSITIVE_INFINITY,
      );
    case "gate": {
      const module = gateModule(shown);
      return module === undefined
        ? undefined
        : {
            ...heat(
              ofOpinions((each) => each.gate[module]),
              within,
            ),
            low: 0,
            high: 1,
          };
    }
    case "best true":
    case "best proxy": {
      const goal = overlay.slice("best ".length);
      return { kind: "arrows", probabilities: optimalPolicy(chart, goal, stepsLeft), tone: goal as Tone };
    }
    case "Q* true":
    case "Q* proxy":
      return heat(optimalValues(chart, overlay.slice("Q* ".length), stepsLeft), within);
    case "cost":
      return heat(regret(chart, view, "true", stepsLeft), within);
    case "visits": {
      const visits = player.visits ?? [];
      return heat([...visits], countWithin);
    }
    default:
      return overlay satisfies never;
  }
}

/** Heat between the least and the greatest value that there is; the least is `from`, 0 unless given, where none is below. */
function heat(
  values: readonly (number | null)[],
  write: (value: number, columns: number) => string,
  from = 0,
): Overlay & { kind: "heat" } {
  const known = values.filter((value) => value !== null);
  const low = Math.min(from, ...known);
  return { kind: "heat", values, low, high: Math.max(low + 1e-9, ...known), write };
}

/** The gate's module that is shown where one has to be chosen: the one that the proxy serves, else the last. */
export function gateModule({ opinions, scene }: Shown): string | undefined {
  const modules = Object.keys(opinions?.[0]?.gate ?? {});
  if (modules.length < 2) return undefined;
  return modules.find((module) => scene.tones.get(module) === "proxy") ?? modules.at(-1);
}

export function overlayTitle(player: Player, shown: Shown): string {
  const views = viewsOf(shown);
  const view = views[Math.min(player.view, views.length - 1)];
  switch (player.overlay) {
    case "level":
      return "level";
    case "policy":
      return `policy of ${view}`;
    case "value":
      return shown.acting.startsWith("optimal:") ? "its exact value" : "critic's value";
    case "gate":
      return `gate: ${gateModule(shown)}`;
    case "best true":
    case "best proxy":
      return `best for ${player.overlay.slice(5)}`;
    case "Q* true":
    case "Q* proxy":
      return `max Q* ${player.overlay.slice(3)}`;
    case "cost":
      return `cost of ${view}`;
    case "visits":
      return player.visits === null ? "visits …" : `visits (${grouped(player.order.length)})`;
    default:
      return player.overlay satisfies never;
  }
}
