import type { Capabilities } from "../capabilities.ts";
import { short } from "../numbers.ts";
import { sceneOf } from "../scene.ts";
import { cellWidth, drawBoard } from "../tui/board.ts";
import { badge, heading, rule } from "../tui/parts.ts";
import type { Program } from "../tui/program.ts";
import { beside, type Frame, indent, line, type Size, span, type Tone, wrapText } from "../tui/span.ts";
import { type Browser, type BrowserAction, browse, type Shelf } from "./browser.ts";
import { type ShownLevel, showLevel } from "./level.ts";

const WIDEST_CELL = 5;
const FOOT = "Numbers: a goal's best discounted return. Arrows: a way that gets it.";

/** Pages through levels; closes on `q`. */
export function browserProgram(start: Browser): Program<Browser, BrowserAction> {
  return {
    title: "levels",
    start,
    reduce: browse,
    view,
    keys: ({ typed }) =>
      typed === null
        ? {
            bindings: [
              { keys: ["right", "space", "pagedown"], action: "next", hint: "next", help: "the next level" },
              { keys: ["left", "pageup"], action: "previous", hint: "previous", help: "the level before" },
              { keys: ["f"], action: "filter", hint: "filter", help: "all, agreeing, distinguishing or tied levels" },
              { keys: ["s"], action: "shift", hint: "shift", help: "the next shift at the right" },
              { keys: ["g"], action: "jump", hint: "go to", help: "type the number of a level" },
              { keys: ["q", "ctrl-c"], action: "quit", hint: "quit", help: "leave" },
            ],
          }
        : {
            bindings: [
              { keys: ["enter"], action: "go", hint: "go", help: "to the first level from that number on" },
              { keys: ["escape"], action: "cancel", hint: "back", help: "stay here" },
              { keys: ["ctrl-c"], action: "quit", hint: "quit", help: "leave" },
            ],
            text: (key) => ({ type: key }),
          },
    effect: (action, screen) => {
      if (action === "quit") screen.close();
    },
  };
}

function view(browser: Browser, { columns, rows }: Size, capabilities: Capabilities): Frame {
  const { shelves, right, shown, seed, filter, typed } = browser;
  const sides = right === 0 ? [0] : [0, right];
  const room = Math.floor((columns - 2 - 4 * (sides.length - 1)) / sides.length);
  const pages = sides.map((shelf, side) =>
    page(shelves[shelf], shown[side], seed, { columns: room, rows: rows - 4 }, capabilities),
  );
  const { scenario } = shelves[0].setting;
  return [
    heading(
      [span("levels", { bold: true }), span(`  ${scenario.name} · seed ${seed}`)],
      [span(typed === null ? `filter: ${filter}` : `go to level ${typed}_`, { tone: "note" })],
      columns,
    ),
    rule(columns, capabilities),
    ...indent(beside(pages, 4, [room, room]), 1),
    [],
    ...indent(wrapText(FOOT, columns - 2, { tone: "muted" }), 1),
  ];
}

/** A level twice, with the way of either goal; side by side where there is room, else one above the other. */
function page(
  { name, setting }: Shelf,
  number: number | null,
  seed: number,
  size: Size,
  capabilities: Capabilities,
): Frame {
  const { world } = setting;
  if (number === null) return [line(name, { bold: true }), [], line("no such level among 500", { tone: "muted" })];
  const level = showLevel(setting, seed, number);
  const wide = cellWidth(2 * world.width, size.columns - 2, WIDEST_CELL);
  const isBeside = 2 * wide * world.width + 2 <= size.columns;
  const cell = isBeside ? wide : cellWidth(world.width, size.columns, WIDEST_CELL);
  const boards = (["true", "proxy"] as const).map((goal): Frame => {
    const way = goal === "true" ? level.trueWay : level.proxyWay;
    return [badge(goal, short(way.value), goal), ...drawWay(level, way.actions, goal, setting, cell, capabilities)];
  });
  return [
    [span(name, { bold: true }), span(`  level ${number}`)],
    line(level.kind ?? "one object", { tone: "muted" }),
    ...(isBeside ? beside(boards, 2) : boards.flat()),
  ];
}

function drawWay(
  { map }: ShownLevel,
  actions: ReadonlyMap<number, number>,
  tone: Tone,
  { world, goals, overseer }: Shelf["setting"],
  cell: number,
  capabilities: Capabilities,
): Frame {
  const { tones } = sceneOf(world, goals, overseer.visible);
  const probabilities = Array.from({ length: world.height * world.width }, (_, at) => {
    const action = actions.get(at);
    return action === undefined ? null : world.actions.map((_, a) => (a === action ? 1 : 0));
  });
  const overlay = { kind: "arrows", probabilities, tone } as const;
  return drawBoard({ map, tones, marks: new Set(), actions: world.actions, overlay }, { cell }, capabilities);
}
