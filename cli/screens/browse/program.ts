import type { Capabilities } from "../../text/capabilities.ts";
import { short } from "../../text/numbers.ts";
import { cellWidth, drawBoard } from "../../tui/board.ts";
import { badge, heading, rule } from "../../tui/parts.ts";
import type { Program } from "../../tui/program.ts";
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
} from "../../tui/span.ts";
import { legendRow, sceneOf } from "../scene.ts";
import { type Browser, type BrowserAction, browse, type Shelf } from "./browser.ts";
import { type ShownLevel, showLevel } from "./level.ts";

const WIDEST_CELL = 5;
const FOOT = "Numbers: a goal's best discounted return. Arrows: a way that gets it.";

/** Pages through levels; closes on `q`. */
export function browserProgram(start: Browser): Program<Browser, BrowserAction> {
  return {
    title: "levels",
    start,
    reduce: (browser, action, size) => {
      const next = browse(browser, action);
      // Past the last row that fits there is nothing to scroll to.
      return action === "down" && arrangeBody(next, size).fit.from < next.top ? browser : next;
    },
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
              // Where these two show something else, the note at the foot says so.
              { keys: ["tab"], action: "side", help: "the other side, where both have no room" },
              { keys: ["v"], action: "goal", help: "the other goal's way first, or alone where both have no room" },
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
/** Rows above the body, and above a page's first board. */
const HEAD = 2;
const PAGE_HEAD = 2;

/** How a level's two boards go into the room that there is: beside each other, else one above the other, else the first alone, else a part of it. */
interface Fit {
  readonly isBeside: boolean;
  readonly isBoth: boolean;
  /** Columns of a cell. */
  readonly cell: number;
  /** Rows of the map that are seen, and the first of them. */
  readonly seen: number;
  readonly from: number;
}

/** Which sides are drawn, each in `room` columns, and what has no room: how to see it, in words. */
interface Arrangement {
  readonly sides: readonly (0 | 1)[];
  readonly room: number;
  readonly fit: Fit;
  readonly missing: readonly string[];
}

/** The sides beside each other, or the chosen one alone where both are wider than the terminal. */
function arrange({ shelves, right, side, shown, first, top }: Browser, { columns, rows }: Size): Arrangement {
  const { height, width } = shelves[0].setting.world;
  const isAlone = right === 0 || 2 * (2 * width) + GAP + 2 > columns;
  const sides = !isAlone ? ([0, 1] as const) : [right === 0 ? 0 : side];
  const room = Math.floor((columns - 2 - GAP * (sides.length - 1)) / sides.length);
  const wide = cellWidth(2 * width, room - 2, WIDEST_CELL);
  const isBeside = 2 * wide * width + 2 <= room;
  const isBoth = isBeside || PAGE_HEAD + 2 * (1 + height) <= rows;
  const cell = isBeside ? wide : cellWidth(width, room, WIDEST_CELL);
  const seen = isBoth && !isBeside ? height : Math.max(1, Math.min(height, rows - PAGE_HEAD - 1));
  const from = Math.min(top, height - seen);
  const isLevel = sides.some((each) => shown[each] !== null);
  const missing = [
    ...(isLevel && !isBoth ? [`the way for ${first === "true" ? "proxy" : "true"} (v)`] : []),
    ...(isLevel && seen < height ? [`rows but ${from} to ${from + seen - 1} of ${height} (up, down)`] : []),
    ...(isAlone && right !== 0 ? [`${shelves[side === 0 ? right : 0].name} (tab)`] : []),
  ];
  return { sides, room, fit: { isBeside, isBoth, cell, seen, from }, missing };
}

/** The arrangement under the head: what has no room takes a little of it, the `note`, to say so. */
function arrangeBody(browser: Browser, { columns, rows }: Size): Arrangement & { readonly note: Frame } {
  const room = rows - HEAD;
  const whole = arrange(browser, { columns, rows: room });
  if (whole.missing.length === 0) return { ...whole, note: [] };
  const say = ({ missing }: Arrangement): Frame =>
    wrapText(`not shown: ${missing.join("; ")}`, columns - 2, { tone: "note" });
  const part = arrange(browser, { columns, rows: room - say(whole).length });
  return { ...part, note: say(part) };
}

function view(browser: Browser, size: Size, capabilities: Capabilities): Frame {
  const { columns, rows } = size;
  const { shelves, right, shown, seed, filter, typed } = browser;
  const { scenario, world, goals } = shelves[0].setting;
  const head = [
    heading(
      [span("levels", { bold: true }), span(`  ${scenario.name} · seed ${seed}`)],
      [span(typed === null ? `filter: ${filter}` : `go to level, a number: ${typed}_`, { tone: "note" })],
      columns,
    ),
    rule(columns, capabilities),
  ];
  const { sides, room, fit, note } = arrangeBody(browser, size);
  const pages = sides.map((side) =>
    drawPage(shelves[side === 0 ? 0 : right], shown[side], browser, fit, room, capabilities),
  );
  const body = indent(beside(pages, GAP, sides.length > 1 ? [room, room] : []), 1);
  // What explains the boards is there as far as they leave room for it, with a blank row above if they leave one more.
  const free = rows - HEAD - note.length - body.length;
  const legend = [
    legendRow(sceneOf(world, goals, false), capabilities, {
      hasWalls: world.hasWalls,
      hasMarks: false,
    }).slice(1),
  ];
  const foot = indent(wrapText(FOOT, columns - 2, { tone: "muted" }), 1);
  const shownBelow = [legend, [...legend, ...foot]].findLast(({ length }) => length <= free) ?? [];
  const gap = shownBelow.length > 0 && shownBelow.length < free ? [[]] : [];
  const whole = [...head, ...body, ...gap, ...shownBelow];
  if (note.length === 0) return whole;
  return [...fitFrame(whole, { columns, rows: rows - note.length }), ...indent(note, 1)];
}

/** A level with the ways of its goals. */
function drawPage(
  { name, setting }: Shelf,
  number: number | null,
  { seed, first }: Browser,
  { isBeside, isBoth, cell, seen, from }: Fit,
  columns: number,
  capabilities: Capabilities,
): Frame {
  if (number === null)
    return [line(name, { bold: true }), [], ...wrapText("no such level among 500", columns, { tone: "muted" })];
  const level = showLevel(setting, seed, number);
  const head = [
    rowOf(span(name, { bold: true }), `  level ${number}`),
    line(level.kind ?? "one object", { tone: "muted" }),
  ];
  const other = first === "true" ? "proxy" : "true";
  const boards = (isBoth ? ([first, other] as const) : [first]).map((goal): Frame => {
    const way = goal === "true" ? level.trueWay : level.proxyWay;
    const board = drawWay(level, way.actions, goal, setting, cell, capabilities);
    return [badge(goal, short(way.value), goal), ...board.slice(from, from + seen)];
  });
  return [...head, ...(isBeside ? beside(boards, 2) : boards.flat())];
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
