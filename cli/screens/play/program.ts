import type { Goal } from "../../../src/core/goal.ts";
import type { Capabilities } from "../../text/capabilities.ts";
import { short } from "../../text/numbers.ts";
import { cellWidth, drawBoard } from "../../tui/board.ts";
import type { Binding } from "../../tui/keys.ts";
import { badge, heading, rule } from "../../tui/parts.ts";
import type { Program } from "../../tui/program.ts";
import { beside, type Frame, indent, line, rowOf, type Size, span, wrapText } from "../../tui/span.ts";
import { table } from "../../tui/table.ts";
import { sceneOf, toneOfGoal } from "../scene.ts";
import { inspection, optimum, seenBy, wholeOf } from "./game.ts";
import { type Move, play, type Score, type Session, total } from "./session.ts";

/** Keys by the name of the action: arrows, the compass, vi's. Letters are the same as in lines of moves. */
const DIRECTIONS: Readonly<Record<string, readonly [string, string, string]>> = {
  north: ["up", "n", "k"],
  east: ["right", "e", "l"],
  south: ["down", "s", "j"],
  west: ["left", "w", "h"],
};
const WIDEST_CELL = 7;
/** Columns beside the map, where there is room for them. */
const ASIDE = 38;

/** A person plays levels; closes on `q`. `shift` is for the head. */
export function playProgram(start: Session, shift: string): Program<Session, Move> {
  const { actions } = start.course.setting.world;
  return {
    title: "play",
    start,
    reduce: play,
    view: (session, size, capabilities) => view(session, shift, size, capabilities),
    keys: ({ game }) => ({
      bindings: [
        ...(game.end === null
          ? [
              ...walking(actions),
              { keys: ["g"], action: "leave" as const, hint: "give up", help: "leave the game and see the score" },
            ]
          : []),
        // A game that has begun is given up by its own key alone.
        ...(game.end !== null || game.steps === 0
          ? [{ keys: ["enter", "space"], action: "next" as const, hint: "next level", help: "go to the next level" }]
          : []),
        { keys: ["r"], action: "restart", hint: "again", help: "the same level again; its first game is what counts" },
        { keys: ["q", "ctrl-c"], action: "quit", hint: "quit", help: "leave" },
      ],
    }),
    effect: (what, screen) => {
      if (what === "quit") screen.close();
    },
  };
}

/** The letters that stand for each action: the compass and vi's; an action without a direction has its number. */
export const lettersOf = (actions: readonly string[]): string[][] =>
  actions.map((name, action) => DIRECTIONS[name]?.slice(1) ?? [`${action + 1}`]);

/** `true pays diamond 1, ghost -1`: what a goal gives for each event. */
export const paysOf = ({ name, rewards }: Goal, events: readonly string[]): string =>
  `${name} pays ${events.map((event, e) => `${event} ${short(rewards[e], 2).replace(/\.00$/, "")}`).join(", ")}`;

/** Keys that move; an action without a direction has its number for a key. */
function walking(actions: readonly string[]): Binding<Move>[] {
  const keysOf = (set: number) => actions.map((name, action) => DIRECTIONS[name]?.[set] ?? `${action + 1}`);
  const binding = (set: number, help: string): Binding<Move> => {
    const keys = keysOf(set);
    return { keys, action: (key) => ({ action: keys.indexOf(key) }), help };
  };
  return [
    { ...binding(0, `go ${actions.join(", ")}`), hint: "walk" },
    binding(1, "the same, by the letter of the compass"),
    binding(2, "the same, as in vi"),
  ];
}

function view(session: Session, shift: string, { columns, rows }: Size, capabilities: Capabilities): Frame {
  const { course, game, scores } = session;
  const { world, scenario, goals, overseer } = course.setting;
  const { tones } = sceneOf(world, goals, overseer.visible);
  const isOver = game.end !== null;
  const shown = isOver ? wholeOf(course, game) : seenBy(course, game);
  const cell = cellWidth(world.width, columns - ASIDE - 5, WIDEST_CELL);
  const room = Math.min(ASIDE, columns - 5 - cell * world.width);
  const board = drawBoard(
    { ...shown, tones, actions: world.actions, trail: new Set(game.path) },
    { cell },
    capabilities,
  );
  // Rows twice as far apart make the cells square, where there is room for it.
  const isTall = 2 * world.height + 7 <= rows && cell >= 4;
  const map = isTall ? board.flatMap((row) => [row, []]) : board;
  const aside = isOver ? verdict(session, room) : soFar(session, shown.map, room);
  const levels = scores.size === 1 ? "1 level" : `${scores.size} levels`;
  return [
    heading(
      [span("play", { bold: true }), span(`  ${scenario.name} · level ${game.number} · ${shift}`)],
      [span(`${levels} counted`, { tone: "muted" })],
      columns,
    ),
    rule(columns, capabilities),
    [],
    ...indent(beside([map, aside], 3, [cell * world.width]), 1),
  ];
}

/** Beside the map while the game goes on: what an agent knows, and what it has been paid. */
function soFar({ course, game }: Session, map: string, room: number): Frame {
  const { world, overseer, goals } = course.setting;
  return [
    badge("step ", `${game.steps} of ${world.horizon}`),
    ...goals.map(({ name }, g) => badge(name.padEnd(5), short(game.returns[g].undiscounted, 2), toneOfGoal(name), 5)),
    [],
    ...goals.flatMap((goal) => wrapText(paysOf(goal, world.events), room, { tone: toneOfGoal(goal.name) })),
    [],
    ...wrapText(
      overseer.visible
        ? "An end on a cell in brackets is inspected."
        : "Some ends are inspected. Which ones, an agent is not shown.",
      room,
      { tone: "muted" },
    ),
    [],
    ...[...world.letters]
      .filter(([letter]) => letter !== "." && map.includes(letter))
      .map(([letter, meaning]) => rowOf(span(letter, { bold: true }), span(` ${meaning}`, { tone: "muted" }))),
  ];
}

/** Beside the map when the game is over: what the overseer saw, and how far the person was from the best. */
function verdict(session: Session, room: number): Frame {
  const { course, game } = session;
  const best = optimum(course, game);
  const scores = game.returns.map((got, g) => ({ got, best: best[g] }));
  return [
    line(ending(session), { bold: true }),
    ...wrapText(overseerSaid(session), room),
    [],
    ...scoreTable(session, "this game", scores, room),
    [],
    ...scoreTable(session, "all levels", total(session), room),
  ];
}

/** `Diamond in 4 steps`, in the names of the events. */
export function ending({ game }: Session): string {
  const steps = game.steps === 1 ? "1 step" : `${game.steps} steps`;
  switch (game.end) {
    case "terminated":
      return `${game.events.join(", ")} after ${steps}`;
    case "truncated":
      return `time is up after ${steps}`;
    default:
      return `left after ${steps}`;
  }
}

/** What the overseer saw of a game, a sentence. */
export function overseerSaid({ course, game }: Session): string {
  const seen = inspection(course, game);
  if (seen === null) return "The episode did not end: there was nothing to inspect.";
  return seen.inspected
    ? `The overseer inspected it: label ${seen.label}.`
    : "The overseer did not look: no label; an agent is not told the true reward.";
}

/** Yours and the best, undiscounted and discounted, a row a goal. */
function scoreTable({ course }: Session, head: string, scores: readonly Score[], room: number): Frame {
  const { goals } = course.setting;
  const number = (value: number) => [span(short(value, 2))];
  return table(
    [
      { head, cell: (g: number) => [span(goals[g].name, { tone: toneOfGoal(goals[g].name), bold: true })], width: 10 },
      { head: "sum", cell: (g) => number(scores[g].got.undiscounted), align: "right", width: 5, yields: 1 },
      { head: "best", cell: (g) => number(scores[g].best.undiscounted), align: "right", width: 5, yields: 1 },
      { head: "disc.", cell: (g) => number(scores[g].got.discounted), align: "right", width: 5 },
      { head: "best", cell: (g) => number(scores[g].best.discounted), align: "right", width: 5 },
    ],
    [...goals.keys()],
    room,
  );
}
