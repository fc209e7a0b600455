import { actionValuesInto } from "../../../src/envs/solver.ts";
import type { Capabilities } from "../../text/capabilities.ts";
import { short, within } from "../../text/numbers.ts";
import { bar, sparkline, track } from "../../tui/bars.ts";
import { type Board, boardRows, cellWidth, drawBoard } from "../../tui/board.ts";
import { arrow, type Glyphs, glyphsOf } from "../../tui/glyphs.ts";
import {
  beside,
  cut,
  type Frame,
  line,
  type Row,
  rowOf,
  rowWidth,
  type Size,
  type Span,
  span,
  spread,
  type Tone,
  toned,
  widthOf,
} from "../../tui/span.ts";
import { toneOfGoal } from "../scene.ts";
import { boardOf, gateModule, legendOf, overlayOf, overlayTitle, policyOverlay } from "./overlay.ts";
import { type Player, viewsOf } from "./player.ts";
import type { Shown } from "./shown-episode.ts";

/** The level, each view's policy beside it, the badges, and what is said here. */
export function boardsFrame(player: Player, shown: Shown, { columns, rows }: Size, capabilities: Capabilities): Frame {
  const { scene } = shown;
  // Where only a file speaks for a mind, nothing is known of cells on which it did not stand.
  const views = shown.charts[0].opinions === null ? [] : viewsOf(shown);
  const badges = badgeFrame(player, shown, capabilities);
  const badgeWidth = Math.max(...badges.map(rowWidth));
  const focus = Math.min(player.view, views.length - 1);
  const ordered = views.map((_, i) => (i + (player.view < 2 ? 0 : player.view - 1)) % views.length);
  const room = columns - 2 - badgeWidth - 3;
  const isHeat = overlayOf(player, shown)?.kind === "heat";
  // What is said below takes a row a view and four more at most; it must not make the boards jump.
  const tall = 2 + boardRows(scene.height, true) + views.length + 4 + AIR <= rows;
  const layout = layOut(scene.width, views, room, { isHeat, tall });
  const main: Board = boardOf(player, shown);
  const viewWidths = ordered
    .slice(0, layout.views)
    .map((v) => Math.max(scene.width * layout.cell, views[v].length + 2));
  const boardWidth = 3 + scene.width * layout.main;
  // The title may take what the boards leave.
  const spare = room - boardWidth - viewWidths.reduce((sum, width) => sum + 3 + width, 0);
  const named = overlayTitle(player, shown);
  const mainWidth = Math.max(boardWidth, Math.min(boardWidth + spare, 4 + widthOf(named)));
  const title = cut(named, mainWidth - 4, glyphsOf(capabilities));
  const boards: Frame[] = [
    [line(`    ${title}`, { bold: true }), ...drawBoard(main, { cell: layout.main, axes: true, tall }, capabilities)],
    ...ordered.slice(0, layout.views).map((v) => {
      const title = span(
        v === focus ? `[${views[v]}]` : ` ${views[v]} `,
        v === focus ? { bold: true } : { tone: "muted" },
      );
      const board = { ...main, overlay: policyOverlay(shown, player.step, views[v]) };
      return [[title], [], ...drawBoard(board, { cell: layout.cell, tall }, capabilities)];
    }),
  ];
  const widths = [mainWidth, ...viewWidths];
  const hidden = views.length - layout.views;
  const more = hidden > 0 ? line(`+ ${hidden} more (m)`, { tone: "muted" }) : [];
  const top = beside([...boards, [more, ...badges]], 3, [...widths, Math.max(badgeWidth, rowWidth(more))]).map(
    (row) => [span(" "), ...row],
  );
  const details = detailRows(player, shown, columns, capabilities);
  const legend = legendOf(shown, capabilities);
  const left = rows - top.length;
  if (left < 0) {
    const seen = rows - 3;
    const missing = ` not shown: rows from ${seen} on, and all below`;
    return [...top.slice(0, rows - 1), line(missing, { tone: "note" })];
  }
  // What is said here before the legend, and air where there is room for it.
  const air = left > details.length + 3 ? 1 : 0;
  const below = [...(air ? [[]] : []), ...details.slice(0, left - air)];
  if (below.length + air + 1 <= left) below.push(...(air ? [[]] : []), legend);
  return [...top, ...below];
}

/** Rows with which boards, what is said and the legend do not crowd. */
const AIR = 4;
/** Columns of a cell of the level and of a view's board, the best first. Numbers take four at least; else signs do. */
const TALL_CELLS = [
  [8, 6],
  [7, 5],
  [6, 4],
] as const;
const CELLS = [
  [4, 3],
  [4, 2],
  [3, 3],
  [3, 2],
  [2, 2],
] as const;
/** With four columns the agent's number loses its decimals: rather one view less. */
const WHOLE_HEAT_CELLS = [
  [5, 3],
  [5, 2],
] as const;
const HEAT_CELLS = [
  [4, 3],
  [4, 2],
] as const;

/** How wide cells are, and how many views fit beside the level. */
function layOut(
  width: number,
  names: readonly string[],
  room: number,
  { isHeat, tall }: { readonly isHeat: boolean; readonly tall: boolean },
) {
  const longest = Math.max(0, ...names.map((name) => name.length + 2));
  const large = tall ? TALL_CELLS : [];
  const choices = isHeat ? [[...large, ...WHOLE_HEAT_CELLS], HEAT_CELLS] : [[...large, ...CELLS]];
  for (const cells of choices) {
    for (let views = names.length; views > 0; views--) {
      for (const [main, cell] of cells) {
        if (3 + width * main + views * (3 + Math.max(longest, width * cell)) <= room) return { main, cell, views };
      }
    }
  }
  return { main: cellWidth(width, room - 3, choices[0][0][0]), cell: 2, views: 0 };
}

/** Gathered rewards, label, marks, value. */
function badgeFrame({ step, goals }: Player, shown: Shown, capabilities: Capabilities): Frame {
  const { trace, gathered, opinions, scene } = shown;
  const at = Math.min(step, gathered.true.length - 1);
  const isOver = at === trace.actions.length;
  const name = (text: string) => span(text.padEnd(7), { tone: "muted" });
  const marked = trace.beginning.marks.reduce((sum, mark) => sum + mark, 0);
  // At the end nothing is to be valued any more; its row stays, so that nothing jumps.
  const value = opinions?.[Math.min(at, opinions.length - 1)]?.value;
  const { minus } = glyphsOf(capabilities);
  const label = !isOver ? minus : trace.label;
  return [
    ...goals.map((goal) => {
      const style = { bold: true, ...toned(toneOfGoal(goal)) };
      return rowOf(name(goal), span(gathered[goal][at].toFixed(2).padStart(6), style));
    }),
    rowOf(
      name("label"),
      span(label.padEnd(10), label === "unlabelled" || !isOver ? { tone: "muted" } : toned(scene.tones.get(label))),
    ),
    rowOf(name("marks"), `${marked === 0 ? "none" : marked}${scene.marksVisible ? "" : " hidden"}`),
    ...(value === null || value === undefined
      ? []
      : [rowOf(name("value"), (isOver ? minus : short(value, 2)).padStart(6))]),
  ];
}

/** Each view's probabilities here, the gate, and what would be best. */
function detailRows(player: Player, shown: Shown, columns: number, capabilities: Capabilities): Frame {
  const { opinions, best, actions, scene } = shown;
  const glyphs = glyphsOf(capabilities);
  const { step } = player;
  if (step >= actions.length) return [line("  the episode is over: there is nothing to decide", { tone: "muted" })];
  const opinion = opinions?.[step];
  const rows: Row[] = [];
  const names = Object.keys(opinion?.probabilities ?? {});
  const wide = Math.max(...names.map((name) => name.length), 8) + 2;
  const barWidth = columns >= 90 ? 8 : columns >= 76 ? 4 : 0;
  if (opinion !== undefined) {
    for (const [v, name] of names.entries()) {
      const row = opinion.probabilities[name];
      const likeliest = Math.max(...row);
      const cells = scene.actions.flatMap((action, a): Span[] => {
        const style = row[a] === likeliest ? { bold: true } : ({ tone: "muted" } as const);
        const taken = name === shown.acting && action === actions[step];
        const text = `${arrow(glyphs, action, 0.5)} ${short(row[a], 2).padStart(4)} `;
        return [
          span(taken ? glyphs.taken : " ", { tone: "note", bold: true }),
          span(text, style),
          // What is written as .00 has no bar.
          ...(barWidth > 0
            ? [span(`${(row[a] < 0.005 ? "" : bar(row[a], barWidth, glyphs)).padEnd(barWidth)} `, style)]
            : []),
        ];
      });
      const mark = v === player.view ? span(`${glyphs.selected} `, { tone: "note" }) : span("  ");
      rows.push(rowOf(mark, span(name.padEnd(wide), name === shown.acting ? { bold: true } : {}), ...cells));
    }
  }
  const module = gateModule(shown);
  const gateRow: Span[] = [];
  if (module !== undefined && opinion !== undefined && opinions !== null) {
    const weight = opinion.gate[module];
    const history = opinions.slice(0, step + 1).map(({ gate }) => gate[module]);
    const tone = scene.tones.get(module);
    gateRow.push(
      span("  gate, "),
      span(module, toned(tone)),
      span(` ${track(weight, 10, glyphs)} ${short(weight, 2).padStart(4)}  `),
      span(sparkline(history, 24, [0, 1], glyphs).padEnd(Math.min(24, actions.length)), toned(tone)),
    );
  }
  const bestRow = best === null ? [] : bestSpans(best, step, scene.actions, glyphs);
  if (gateRow.length > 0 && bestRow.length > 0 && rowWidth(gateRow) + rowWidth(bestRow) + 3 <= columns)
    rows.push(spread(gateRow, [...bestRow, span("  ")], columns));
  else
    rows.push(
      ...[gateRow, bestRow]
        .filter((row) => row.length > 0)
        .map((row) => [...(row === bestRow ? [span("  ")] : []), ...row]),
    );
  const values = actionValuesRow(player, shown, glyphs, wide, barWidth);
  if (values !== null) rows.push(values);
  return rows;
}

function bestSpans(best: NonNullable<Shown["best"]>, step: number, actions: readonly string[], glyphs: Glyphs): Span[] {
  return ["true", "proxy"].flatMap((goal) => {
    const arrows = (best[goal]?.[step] ?? []).map((action) => arrow(glyphs, action, 0.5)).join("");
    // Room for all of them, so that nothing jumps.
    return [
      span(`best for ${goal} `, { tone: "muted" }),
      span(arrows.padEnd(actions.length + 1), { tone: goal as Tone, bold: true }),
    ];
  });
}

/** Q* of every action here, where that overlay is on; below the probabilities of that action. */
function actionValuesRow(
  player: Player,
  { charts, cells, scene, actions }: Shown,
  glyphs: Glyphs,
  nameWidth: number,
  barWidth: number,
): Row | null {
  const goal = /^Q\* (.*)$/.exec(player.overlay)?.[1];
  if (goal === undefined || player.step >= actions.length) return null;
  const chart = charts[player.step];
  const solution = chart.exact?.solutions.get(goal);
  if (solution === undefined || chart.exact === null) return null;
  const Q = new Float64Array(scene.actions.length);
  actionValuesInto(solution, scene.horizon - player.step, chart.exact.states[cells[player.step]], Q);
  // Three decimals where a bar leaves their room.
  const room = 4 + (barWidth > 0 ? barWidth + 1 : 0);
  const text = (value: number) => (barWidth > 0 ? short(value, 3) : within(value, 4)).padStart(4).padEnd(room);
  return rowOf(
    span(`  ${`Q* ${goal}`.padEnd(nameWidth)}`, { tone: "muted" }),
    ...scene.actions.map((action, a) =>
      span(
        ` ${arrow(glyphs, action, 0.5)} ${text(Q[a])} `,
        Q[a] >= Math.max(...Q) - 1e-12 ? { bold: true } : { tone: "muted" },
      ),
    ),
  );
}
