import { grouped } from "../../../src/report/format.ts";
import type { Capabilities } from "../../text/capabilities.ts";
import { glyphsOf } from "../../tui/glyphs.ts";
import { heading, rule } from "../../tui/parts.ts";
import {
  type Frame,
  fitTo,
  indent,
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
  wrapText,
} from "../../tui/span.ts";
import { boardsFrame } from "./boards-view.ts";
import { compareFrame } from "./comparison-view.ts";
import { divergenceOf } from "./divergence.ts";
import { editFrame } from "./edit-view.ts";
import { barPlace } from "./keys.ts";
import { listFrame } from "./list-view.ts";
import { lengthOf, type Player } from "./player.ts";
import type { Shown } from "./shown-episode.ts";

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
  const place = entry === undefined ? "" : `episode ${grouped(entry.number)} · ${entry.shift}`;
  const acting = shown === null || comparison !== null ? "" : ` · ${shown.acting}`;
  const name = comparison === null ? place : `${place}${comparison.edited ? " · edited level" : ""} · same draws`;
  const loops = loop === "once" ? "" : `loop ${loop}  `;
  const right = rowOf(
    span(`${loops}${speed}x `, { tone: "muted" }),
    span(playing ? glyphs.play : glyphs.pause, { bold: true }),
  );
  const whole = (actor: string) => rowOf(span(actor, { bold: true }), span(acting, { tone: "muted" }), "   ", name);
  const rows = namesOf(who).map(whole);
  const fits = rows.find((row) => rowWidth(row) + rowWidth(right) + 3 <= columns);
  return heading(fits ?? rows[rows.length - 1], right, columns);
}

/** Who acts, the fullest name first. Where it is narrow the steps of training go, then the paths of swept keys, then the point. */
function namesOf(who: string): string[] {
  const [arm, seed, ...rest] = who.split(" · ");
  const point = rest.slice(0, -1);
  const keys = point.map((each) => each.replace(/^\S+\.(?=\S+ )/, ""));
  return [[arm, seed, ...rest], [arm, seed, ...point], [arm, seed, ...keys], [arm, seed], [arm]].map((parts) =>
    parts.filter(Boolean).join(" · "),
  );
}

/** A rule, the bar of steps, and a row for what is said or typed. What takes two rows takes the rule's. */
function footRows(player: Player, columns: number, capabilities: Capabilities): Frame {
  const { prompt, notice } = player;
  const bar = stepBar(player, columns, capabilities);
  const line = rule(columns, capabilities);
  const said =
    notice === null ? [] : indent(wrapText(notice.text, columns - 2, { tone: notice.bad ? "bad" : "note" }), 1);
  if (prompt !== null) {
    // As many words as fit.
    const above =
      said.length > 0 ? said : indent(wrapText(helpOf(player), columns - 2, { tone: "muted" }), 1).slice(0, 1);
    return [...(above.length > 1 ? above.slice(0, 2) : [line, ...above]), promptRow(prompt, columns, capabilities)];
  }
  if (said.length > 1) return [bar, ...said.slice(0, 2)];
  return [line, bar, said[0] ?? statusRow(player, columns)];
}

/** What may be typed. */
function helpOf({ prompt, entries }: Player): string {
  switch (prompt?.kind) {
    case "filter":
      return "as outcome:ghost,timeout label:unlabelled shift:NAME marked:no return<0 steps>5 -view:full";
    case "compare":
      return `as ${prompt.suggestions.join(" ")}`;
    default:
      return `0 to ${grouped(entries.length - 1)}`;
  }
}

/** A text as it is typed: its end, where it has no room. */
function promptRow({ kind, text }: NonNullable<Player["prompt"]>, columns: number, capabilities: Capabilities): Row {
  const label = ` ${{ filter: "filter", episode: "episode number", compare: "compare with" }[kind]}: `;
  const letters = [...text];
  const room = columns - label.length - 2;
  const shown = letters.length <= room ? text : `${glyphsOf(capabilities).ellipsis}${letters.slice(1 - room).join("")}`;
  return rowOf(span(label, { tone: "note" }), span(shown, { bold: true }), span(" ", { inverse: true }));
}

function statusRow({ entries, growing, filter, order, sort }: Player, columns: number): Row {
  const known = `${grouped(entries.length)}${growing ? "+" : ""} ${entries.length === 1 && !growing ? "episode" : "episodes"}`;
  const parts = [
    filter.text === "" ? known : `${grouped(order.length)} of ${known} · filter ${filter.text}`,
    ...(sort === "as recorded" ? [] : [`sorted: ${sort}`]),
  ];
  return fitTo(rowOf(span(` ${parts.join(" · ")}`, { tone: "muted" })), columns);
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
  const ends = rowOf(
    span("ends with ", tick),
    span(shown.trace.outcome, { bold: true, ...toned(shown.scene.tones.get(shown.trace.outcome)) }),
    span(` at ${length} `, tick),
  );
  const forms = comparison === null ? [[...ends, span(" "), ...pursuit(shown), span(" ")], ends] : [];
  const right = forms.find((each) => rowWidth(left) + rowWidth(each) + 1 <= columns) ?? [];
  return spread(left, right, columns);
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
