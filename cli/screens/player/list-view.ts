import { grouped } from "../../../src/report/format.ts";
import type { Capabilities } from "../../text/capabilities.ts";
import { short } from "../../text/numbers.ts";
import { glyphsOf } from "../../tui/glyphs.ts";
import { scrollbar } from "../../tui/list.ts";
import { type Frame, fitRight, line, rowOf, type Size, span, toned } from "../../tui/span.ts";
import { table } from "../../tui/table.ts";
import { toneOfGoal } from "../scene.ts";
import type { Player } from "./player.ts";

/** Rows of a page of the list in a body of so many. */
export const pageOf = (rows: number): number => Math.max(1, rows - 2);

export function listFrame(player: Player, { columns, rows }: Size, capabilities: Capabilities): Frame {
  const { entries, order, place, at } = player;
  const glyphs = glyphsOf(capabilities);
  const page = pageOf(rows);
  const first = Math.max(0, Math.min(place.first, order.length - page));
  const shown = order.slice(first, first + page);
  if (order.length === 0) return [line(""), line("  no episode fits the filter; / changes it", { tone: "muted" })];
  const tones = player.shown?.scene.tones;
  const body = table(
    [
      {
        head: " ",
        width: 2,
        cell: (i: number) =>
          rowOf(
            span(order[place.selected] === i ? glyphs.selected : " ", { tone: "note", bold: true }),
            i === at ? span(glyphs.dot) : " ",
          ),
      },
      { head: "episode", align: "right", width: 8, cell: (i) => line(grouped(entries[i].number)) },
      { head: "shift", cell: (i) => line(entries[i].shift), yields: 2 },
      { head: "view", cell: (i) => line(entries[i].view), yields: 3 },
      {
        head: "ended with",
        width: 10,
        cell: (i) => [span(entries[i].outcome, toned(tones?.get(entries[i].outcome)))],
      },
      {
        head: "label",
        width: 10,
        cell: (i) => [span(entries[i].label, entries[i].label === "unlabelled" ? { tone: "muted" } : {})],
        yields: 1,
      },
      { head: "marked", width: 6, cell: (i) => line(entries[i].marked ? "yes" : glyphs.minus), yields: 4 },
      { head: "steps", align: "right", width: 5, cell: (i) => line(String(entries[i].steps)) },
      ...player.goals.map((goal) => ({
        head: goal,
        align: "right" as const,
        width: 6,
        cell: (i: number) => [span(short(entries[i].returns[goal], 2), toned(toneOfGoal(goal)))],
      })),
    ],
    shown,
    columns - 4,
  );
  const side = [
    [span(" ")],
    ...scrollbar(first, page, order.length, Math.min(page, shown.length), capabilities.unicode),
  ];
  const about = fitRight(line("returns are discounted ", { tone: "muted" }), columns - 1);
  return [about, ...body.map((row, i) => [span(" "), ...row, span(" "), ...(side[i] ?? [])])];
}
