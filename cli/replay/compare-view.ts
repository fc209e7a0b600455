import type { Capabilities } from "../capabilities.ts";
import { short } from "../numbers.ts";
import { legendRow } from "../scene.ts";
import { type Board, cellWidth, drawBoard } from "../tui/board.ts";
import { arrow, type Glyphs, glyphsOf } from "../tui/glyphs.ts";
import {
  beside,
  type Frame,
  fitTo,
  line,
  type Row,
  rowOf,
  rowWidth,
  type Size,
  span,
  toned,
  wrapText,
} from "../tui/span.ts";
import { type Divergence, divergenceOf, type Lane } from "./compare.ts";
import { boardOf } from "./overlay.ts";
import type { Player } from "./player.ts";
import type { Shown } from "./shown.ts";

/** Columns of a lane below which its returns have a row of their own. */
const NARROW_LANE = 36;

/** Lanes side by side, aligned by step, with what each will do from here drawn as a trail. The gist comes first: maps may be high. */
export function compareFrame(
  player: Player,
  lanes: readonly Lane[],
  { columns, rows }: Size,
  capabilities: Capabilities,
): Frame {
  if (lanes.length === 0) return [line(""), line("  playing ...", { tone: "muted" })];
  const { step } = player;
  const glyphs = glyphsOf(capabilities);
  const each = Math.floor((columns - 2 - 3 * (lanes.length - 1)) / lanes.length);
  const said = firstDifference(lanes, divergenceOf(lanes), glyphs, columns - 2).map((row) => [span(" "), ...row]);
  const { height } = lanes[0].shown.scene;
  const axes = said.length + 4 + height <= rows;
  const frames = lanes.map(({ name, shown }, l): Frame => {
    const at = Math.min(step, shown.actions.length);
    const isOver = step >= shown.actions.length;
    const board = boardOf(player, shown);
    const widest = player.overlay === "level" || player.overlay === "policy" ? 4 : 5;
    const cell = cellWidth(shown.scene.width, each - 3, widest);
    const future: Board = player.overlay === "level" ? { ...board, trail: new Set(shown.cells.slice(at + 1)) } : board;
    const sums = player.goals.map((goal) => `${goal} ${signed(shown.gathered[goal].at(-1) ?? 0)}`).join(", ");
    const outcome = rowOf(
      span(`at ${shown.actions.length}: `, { tone: "muted" }),
      span(shown.trace.outcome, { bold: true, ...toned(shown.scene.tones.get(shown.trace.outcome)) }),
    );
    const returns = line(sums, isOver ? {} : { tone: "muted" });
    return [
      rowOf(span(name, { bold: true }), l === 0 ? span("  this episode", { tone: "muted" }) : null),
      ...(each < NARROW_LANE ? [outcome, returns] : [[...outcome, span("  "), ...returns]]),
      ...drawBoard(future, { cell, axes }, capabilities),
      isOver ? line("over", { tone: "muted" }) : choiceRow(shown, at, each, glyphs),
    ].map((row) => fitTo(row, each));
  });
  const separated = frames.flatMap((frame, i): Frame[] =>
    i === 0 ? [frame] : [frame.map(() => [span(` ${glyphs.vertical} `, { tone: "muted" })]), frame],
  );
  const widths = separated.map((frame) => Math.max(...frame.map(rowWidth)));
  const top = beside(separated, 0, widths).map((row) => [span(" "), ...row]);
  const legend = [
    [],
    legendRow(lanes[0].shown.scene, capabilities),
    line(` the ${glyphs.dot} are the steps that are still to come`, { tone: "muted" }),
  ];
  const air = said.length + top.length + 2 <= rows ? [[]] : [];
  return [...said, ...air, ...top, ...legend].slice(0, rows);
}

const signed = (value: number): string => `${value > 0 ? "+" : ""}${Number(value.toFixed(3))}`;

/** What a lane may do at a step, the action that it takes marked; that one alone where there is no room. */
function choiceRow({ opinions, actions, acting, scene }: Shown, step: number, width: number, glyphs: Glyphs): Row {
  const row = opinions?.[step]?.probabilities[acting] ?? [];
  const each = scene.actions.map((action, a): Row => {
    const taken = action === actions[step];
    const text = `${arrow(glyphs, action, 0.5)} ${short(row[a] ?? 0, 2).padStart(4)} `;
    return [
      span(taken ? ">" : " ", { tone: "note", bold: true }),
      span(text, taken ? { bold: true } : { tone: "muted" }),
    ];
  });
  const whole = each.flat();
  return rowWidth(whole) <= width ? whole : (each[scene.actions.indexOf(actions[step])] ?? []);
}

function firstDifference(lanes: readonly Lane[], divergence: Divergence | null, glyphs: Glyphs, width: number): Frame {
  if (divergence === null) {
    return [line("they never part: the same actions from the first to the last", { tone: "muted" })];
  }
  const { step, actions } = divergence;
  const said = lanes.map(({ name, shown }, l): string => {
    const action = actions[l];
    if (action === null) return `${name} is over`;
    const a = shown.scene.actions.indexOf(action);
    const p = shown.opinions?.[step]?.probabilities[shown.acting]?.[a];
    return `${name} ${arrow(glyphs, action, 0.5)}${p === undefined ? "" : ` ${short(p, 2)}`}`;
  });
  const head = `they part at step ${step}:`;
  const [first, ...rest] = wrapText(`${head} ${said.join(", ")}`, width);
  const [whole] = first;
  return [rowOf(span(head, { tone: "note", bold: true }), whole.text.slice(head.length)), ...rest];
}
