import type { Capabilities } from "../capabilities.ts";
import { thousands } from "../numbers.ts";
import { glyphsOf } from "../tui/glyphs.ts";
import { heading, rule } from "../tui/parts.ts";
import {
  type Frame,
  fitTo,
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
} from "../tui/span.ts";
import { boardsFrame } from "./boards-view.ts";
import { divergenceOf } from "./compare.ts";
import { compareFrame } from "./compare-view.ts";
import { editFrame } from "./edit-view.ts";
import { barPlace } from "./keys.ts";
import { listFrame } from "./list-view.ts";
import { lengthOf, type Player } from "./player.ts";
import type { Shown } from "./shown.ts";

/** The whole screen of the player but for its last row. */
export function viewPlayer(player: Player, size: Size, capabilities: Capabilities): Frame {
  const { columns, rows } = size;
  const { shown, comparison, edit, panel } = player;
  const head = [titleRow(player, columns, capabilities), rule(columns, capabilities)];
  const foot = footRows(player, columns, capabilities);
  const body = { columns, rows: rows - head.length - foot.length };
  const middle =
    panel === "list" && edit === null && comparison === null
      ? listFrame(player, body, capabilities)
      : shown === null
        ? [line(""), line("  loading the episode ...", { tone: "muted" })]
        : edit !== null
          ? editFrame(player, shown, body, capabilities)
          : comparison !== null
            ? compareFrame(player, comparison.lanes, body, capabilities)
            : boardsFrame(player, shown, body, capabilities);
  const filled = Array.from({ length: body.rows }, (_, i) => middle[i] ?? []);
  return [...head, ...filled, ...foot];
}

function titleRow(player: Player, columns: number, capabilities: Capabilities): Row {
  const { who, shown, entries, at, speed, playing, loop, comparison } = player;
  const glyphs = glyphsOf(capabilities);
  const entry = entries[at];
  const place = entry === undefined ? "" : `episode ${thousands(entry.number)} · ${entry.shift}`;
  const acting = shown === null || comparison !== null ? "" : ` · ${shown.acting}`;
  const name = comparison === null ? place : `${place}${comparison.edited ? " · edited level" : ""} · same draws`;
  const loops = loop === "once" ? "" : `loop ${loop}  `;
  const right = rowOf(
    span(`${loops}${speed}x `, { tone: "muted" }),
    span(playing ? glyphs.play : glyphs.pause, { bold: true }),
  );
  const whole = (actor: string) => rowOf(span(actor, { bold: true }), span(acting, { tone: "muted" }), "   ", name);
  // Where it is narrow the steps of training go first.
  const isNarrow = rowWidth(whole(who)) + rowWidth(right) + 3 > columns;
  return heading(whole(isNarrow ? who.split(" · ").slice(0, -1).join(" · ") : who), right, columns);
}

/** A rule, the bar of steps, and a row for what is said or typed. */
function footRows(player: Player, columns: number, capabilities: Capabilities): Frame {
  return [
    rule(columns, capabilities),
    stepBar(player, columns, capabilities),
    noticeRow(player, columns, capabilities),
  ];
}

function noticeRow(
  { prompt, notice, entries, growing, filter, order, sort }: Player,
  columns: number,
  capabilities: Capabilities,
): Row {
  const cursor = span(" ", { inverse: true });
  if (prompt !== null) {
    const label = { filter: "filter", episode: "episode number", compare: "compare with" }[prompt.kind];
    const error = notice?.bad ? span(`  ${notice.text.replace(/^filter: /, "")}`, { tone: "bad" }) : null;
    return rowOf(span(` ${label}: `, { tone: "note" }), span(prompt.text, { bold: true }), cursor, error);
  }
  if (notice !== null) return rowOf(span(` ${notice.text}`, { tone: notice.bad ? "bad" : "note" }));
  const known = `${thousands(entries.length)}${growing ? "+" : ""} episodes`;
  const parts = [
    filter.text === "" ? known : `${thousands(order.length)} of ${known} · filter ${filter.text}`,
    ...(sort === "as recorded" ? [] : [`sorted: ${sort}`]),
  ];
  return fitTo(rowOf(span(` ${parts.join(capabilities.unicode ? " · " : " | ")}`, { tone: "muted" })), columns);
}

/** `step 2 ├──●──◆────┤ 7`: where one is, and where something happens. */
function stepBar(player: Player, columns: number, capabilities: Capabilities): Row {
  const { shown, step, comparison } = player;
  if (shown === null) return [];
  const glyphs = glyphsOf(capabilities);
  const length = lengthOf(player);
  const { width } = barPlace(length, columns);
  const placeOf = (at: number) => (length === 0 ? 0 : Math.round((at / length) * (width - 1)));
  const signs = Array.from({ length: width }, (): Span => span(glyphs.horizontal, { tone: "muted" }));
  const lanes = comparison?.lanes.map((lane) => lane.shown) ?? [shown];
  for (const each of lanes) {
    for (const surprise of comparison === null ? each.surprises : []) {
      signs[placeOf(surprise.step)] = span(surprise.kind === "parts" ? "!" : surprise.kind === "gate" ? "g" : "L", {
        tone: "note",
      });
    }
    each.events.forEach((names, t) => {
      if (names.length > 0) signs[placeOf(t + 1)] = span(glyphs.event, toned(each.scene.tones.get(names[0])));
    });
  }
  const divergence = comparison === null ? null : divergenceOf(comparison.lanes);
  if (divergence !== null) signs[placeOf(divergence.step)] = span("Y", { tone: "note", bold: true });
  signs[placeOf(step)] = span(glyphs.dot, { bold: true });
  const edge = capabilities.unicode ? (["├", "┤"] as const) : (["[", "]"] as const);
  const left = rowOf(
    ` step ${String(step).padStart(String(length).length)} `,
    edge[0],
    ...signs,
    edge[1],
    ` ${length}`,
  );
  const tick = { tone: "muted" } as const;
  const right: Row =
    comparison === null
      ? rowOf(
          span("ends with ", tick),
          span(shown.trace.outcome, { bold: true, ...toned(shown.scene.tones.get(shown.trace.outcome)) }),
          span(` at ${length}  `, tick),
          ...pursuit(shown),
          " ",
        )
      : [];
  return rowWidth(left) + rowWidth(right) + 1 > columns ? fitTo(left, columns) : spread(left, right, columns);
}

/** Which goal the episode served, in a word. */
function pursuit({ trace }: Shown): Row {
  const { returns } = trace;
  const [words, tone]: [string, Tone] =
    returns.true > 0
      ? ["served the true goal", "true"]
      : returns.proxy > 0
        ? ["served the proxy goal", "proxy"]
        : ["served neither goal", "muted"];
  return [span(words, { tone })];
}
