import type { Capabilities } from "../capabilities.ts";
import { short } from "../numbers.ts";
import { sceneOf } from "../scene.ts";
import { cellWidth, drawBoard } from "../tui/board.ts";
import { badge, heading, rule } from "../tui/parts.ts";
import type { Program } from "../tui/program.ts";
import {
  beside,
  type Frame,
  fitFrame,
  indent,
  line,
  rowOf,
  type Size,
  span,
  type Tone,
  wrapText,
} from "../tui/span.ts";
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
              { keys: ["right"], action: "next", hint: "next", help: "the next level" },
              { keys: ["left"], action: "previous", hint: "previous", help: "the level before" },
              { keys: ["space", "pagedown"], action: "next", help: "the next level" },
              { keys: ["pageup"], action: "previous", help: "the level before" },
              { keys: ["f"], action: "filter", hint: "filter", help: "all, agreeing, distinguishing or tied levels" },
              { keys: ["s"], action: "shift", hint: "shift", help: "the next shift at the right" },
              { keys: ["g"], action: "jump", hint: "go to", help: "type the number of a level" },
              { keys: ["tab"], action: "side", hint: "side", help: "the other side, where both have no room" },
              {
                keys: ["v"],
                action: "goal",
                hint: "goal",
                help: "the other goal's way first, or alone where both have no room",
              },
              { keys: ["up"], action: "up", help: "scroll up, where a map has no room" },
              { keys: ["down"], action: "down", help: "scroll down" },
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

/** Columns between the sides. */
const GAP = 4;

function view(browser: Browser, size: Size, capabilities: Capabilities): Frame {
  const { columns, rows } = size;
  const { shelves, seed, filter, typed } = browser;
  const { scenario } = shelves[0].setting;
  const head = [
    heading(
      [span("levels", { bold: true }), span(`  ${scenario.name} · seed ${seed}`)],
      [span(typed === null ? `filter: ${filter}` : `go to level ${typed}_`, { tone: "note" })],
      columns,
    ),
    rule(columns, capabilities),
  ];
  const room = rows - head.length;
  let { frame, missing } = body(browser, { columns, rows: room }, capabilities);
  if (missing.length > 0) {
    // What has no room takes a little of it to say so.
    const said = (parts: readonly string[]) =>
      wrapText(`not shown: ${parts.join("; ")}`, columns - 2, { tone: "note" });
    ({ frame, missing } = body(browser, { columns, rows: room - said(missing).length }, capabilities));
    const note = said(missing);
    return [...head, ...fitFrame(frame, { columns, rows: room - note.length }), ...indent(note, 1)];
  }
  return [...head, ...frame, [], ...indent(wrapText(FOOT, columns - 2, { tone: "muted" }), 1)];
}

/** What is drawn, and what had no room: how to see it, in words. */
interface Fitted {
  readonly frame: Frame;
  readonly missing: readonly string[];
}

/** The sides beside each other, or the chosen one alone where both are wider than the terminal. */
function body(browser: Browser, { columns, rows }: Size, capabilities: Capabilities): Fitted {
  const { shelves, right, side, shown } = browser;
  const narrowest = 2 * shelves[0].setting.world.width;
  const isAlone = right === 0 || 2 * narrowest + GAP + 2 > columns;
  const sides = !isAlone ? [0, 1] : [right === 0 ? 0 : side];
  const room = Math.floor((columns - 2 - GAP * (sides.length - 1)) / sides.length);
  const pages = sides.map((each) => {
    const shelf = shelves[each === 0 ? 0 : right];
    return page(shelf, shown[each], browser, { columns: room, rows }, capabilities);
  });
  const frames = pages.map(({ frame }) => frame);
  const frame = indent(beside(frames, GAP, sides.length > 1 ? [room, room] : []), 1);
  const other = isAlone && right !== 0 ? [`${shelves[side === 0 ? right : 0].name} (tab)`] : [];
  return { frame, missing: [...new Set([...pages.flatMap(({ missing }) => missing), ...other])] };
}

/** A level twice, with the way of either goal: beside each other, else one above the other, else the first alone, else a part of it. */
function page(
  { name, setting }: Shelf,
  number: number | null,
  { seed, first, top }: Browser,
  { columns, rows }: Size,
  capabilities: Capabilities,
): Fitted {
  const { height, width } = setting.world;
  if (number === null) {
    const none = [line(name, { bold: true }), [], line("no such level among 500", { tone: "muted" })];
    return { frame: none, missing: [] };
  }
  const level = showLevel(setting, seed, number);
  const head = [
    rowOf(span(name, { bold: true }), `  level ${number}`),
    line(level.kind ?? "one object", { tone: "muted" }),
  ];
  const wide = cellWidth(2 * width, columns - 2, WIDEST_CELL);
  const isBeside = 2 * wide * width + 2 <= columns;
  const isBoth = isBeside || head.length + 2 * (1 + height) <= rows;
  const cell = isBeside ? wide : cellWidth(width, columns, WIDEST_CELL);
  const seen = isBoth && !isBeside ? height : Math.max(1, Math.min(height, rows - head.length - 1));
  const from = Math.min(top, height - seen);
  const other = first === "true" ? "proxy" : "true";
  const boards = (isBoth ? ([first, other] as const) : [first]).map((goal): Frame => {
    const way = goal === "true" ? level.trueWay : level.proxyWay;
    const board = drawWay(level, way.actions, goal, setting, cell, capabilities);
    return [badge(goal, short(way.value), goal), ...board.slice(from, from + seen)];
  });
  const missing = [
    ...(isBoth ? [] : [`the way for ${other} (v)`]),
    ...(seen < height ? [`rows but ${from} to ${from + seen - 1} of ${height} (up, down)`] : []),
  ];
  return { frame: [...head, ...(isBeside ? beside(boards, 2) : boards.flat())], missing };
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
