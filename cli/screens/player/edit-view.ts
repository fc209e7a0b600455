import type { Capabilities } from "../../text/capabilities.ts";
import { type Board, cellWidth, drawBoard } from "../../tui/board.ts";
import { type Frame, indent, line, rowOf, type Size, span, wrapText } from "../../tui/span.ts";
import type { Player } from "./player.ts";
import type { Shown } from "./shown-episode.ts";

export function editFrame({ edit }: Player, shown: Shown, { columns }: Size, capabilities: Capabilities): Frame {
  if (edit === null) return [];
  const { scene } = shown;
  const cell = cellWidth(scene.width, columns - 8, 4);
  const board: Board = {
    map: edit.map,
    tones: scene.tones,
    marks: edit.marks,
    actions: scene.actions,
    cursor: edit.cursor,
  };
  const row = Math.floor(edit.cursor / scene.width);
  const place = `row ${row}, column ${edit.cursor % scene.width}`;
  const carried =
    edit.carried === null ? "" : `  carries ${edit.carried.letter} (${scene.letters.get(edit.carried.letter)})`;
  return [
    line("    the level, to be changed", { bold: true }),
    ...drawBoard(board, { cell, axes: true }, capabilities),
    [],
    rowOf(span(` cursor: ${place}`, { tone: "note" }), carried),
    [],
    ...indent(
      wrapText("space picks an object up and puts it down, m marks a cell, enter plays both levels", columns - 2, {
        tone: "muted",
      }),
      1,
    ),
  ];
}
