import type { Opinion } from "../../src/evaluation/mind.ts";
import type { Capabilities } from "../capabilities.ts";
import { short, thousands } from "../numbers.ts";
import { bar, sparkline, track } from "../tui/bars.ts";
import { type Board, cellWidth, drawBoard, type Overlay } from "../tui/board.ts";
import { arrow, type Glyphs, glyphsOf } from "../tui/glyphs.ts";
import { scrollbar } from "../tui/list.ts";
import { heading, rule } from "../tui/parts.ts";
import {
  beside,
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
  widthOf,
  wrapText,
} from "../tui/span.ts";
import { table } from "../tui/table.ts";
import { type Divergence, divergenceOf, type Lane } from "./compare.ts";
import { barPlace } from "./keys.ts";
import { lengthOf, type Player, viewsOf } from "./player.ts";
import { optimalPolicy, optimalValues, regret, type Shown } from "./shown.ts";

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
  return heading(whole(isNarrow ? who.split(" · ").slice(0, 2).join(" · ") : who), right, columns);
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
      if (names.length > 0) signs[placeOf(t + 1)] = span(glyphs.event, toneStyle(each.scene.tones.get(names[0])));
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
          span(shown.trace.outcome, { bold: true, ...toneStyle(shown.scene.tones.get(shown.trace.outcome)) }),
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

const toneStyle = (tone: Tone | undefined) => (tone === undefined ? {} : { tone });

/** The level, each view's policy beside it, the badges, and what is said here. */
function boardsFrame(player: Player, shown: Shown, { columns, rows }: Size, capabilities: Capabilities): Frame {
  const { scene } = shown;
  const views = shown.opinions === null ? [] : viewsOf(shown);
  const badges = badgeFrame(player, shown, capabilities);
  const badgeWidth = Math.max(...badges.map(rowWidth));
  const focus = Math.min(player.view, views.length - 1);
  const ordered = views.map((_, i) => (i + (player.view < 2 ? 0 : player.view - 1)) % views.length);
  const room = columns - 2 - badgeWidth - 3;
  const isHeat = overlayOf(player, shown)?.kind === "heat";
  const layout = layOut(scene.width, ordered.length, room, isHeat, views);
  const main: Board = boardOf(player, shown);
  const boards: Frame[] = [
    [
      line(`    ${overlayTitle(player, shown, capabilities)}`, { bold: true }),
      ...drawBoard(main, { cell: layout.main, axes: true }, capabilities),
    ],
    ...ordered.slice(0, layout.views).map((v) => {
      const title = span(
        v === focus ? `[${views[v]}]` : ` ${views[v]} `,
        v === focus ? { bold: true } : { tone: "muted" },
      );
      const board = { ...main, overlay: policyOverlay(shown, player.step, views[v]) };
      return [[title], [], ...drawBoard(board, { cell: layout.cell }, capabilities)];
    }),
  ];
  const widths = [
    3 + scene.width * layout.main,
    ...ordered.map((v) => Math.max(scene.width * layout.cell, views[v].length + 2)),
  ].slice(0, layout.views + 1);
  const top = beside([...boards, [[], ...badges]], 3, [...widths, badgeWidth]).map((row) => [span(" "), ...row]);
  const details = detailRows(player, shown, columns, capabilities);
  const legend = legendRow(shown, capabilities);
  const left = rows - top.length;
  if (left <= 0) return top.slice(0, rows);
  // What is said here before the legend, and air where there is room for it.
  const air = left > details.length + 3 ? 1 : 0;
  const below = [...(air ? [[]] : []), ...details.slice(0, left - air)];
  if (below.length + air + 1 <= left) below.push(...(air ? [[]] : []), legend);
  return [...top, ...below];
}

/** How wide cells are, and how many views fit beside the level. */
function layOut(width: number, views: number, room: number, isHeat: boolean, names: readonly string[]) {
  const longest = Math.max(0, ...names.map((name) => name.length + 2));
  const mains = isHeat ? [5, 4, 2] : [4, 3, 2];
  for (let n = views; n > 0; n--) {
    for (const main of mains) {
      for (const cell of [3, 2]) {
        if (main < cell) continue;
        if (3 + width * main + n * (3 + Math.max(longest, width * cell)) <= room) return { main, cell, views: n };
      }
    }
  }
  return { main: cellWidth(width, room - 3, mains[0]), cell: 2, views: 0 };
}

function boardOf({ step, comparison, ...player }: Player, shown: Shown): Board {
  const { scene, maps, cells, trace } = shown;
  const at = Math.min(step, maps.length - 1);
  const { marks } = trace.beginning;
  return {
    map: maps[at],
    tones: scene.tones,
    marks: new Set([...marks.keys()].filter((cell) => marks[cell])),
    actions: scene.actions,
    trail: new Set(cells.slice(0, at)),
    overlay: overlayOf({ ...player, step, comparison }, shown),
  };
}

function policyOverlay(shown: Shown, step: number, view: string): Overlay | undefined {
  const { opinions } = shown.charts[Math.min(step, shown.charts.length - 1)];
  if (opinions === null) return undefined;
  return { kind: "arrows", probabilities: opinions.map((each) => each?.probabilities[view] ?? null) };
}

/** The chosen overlay at this step. */
function overlayOf(player: Player, shown: Shown): Overlay | undefined {
  const { overlay, step } = player;
  const at = Math.min(step, shown.charts.length - 1);
  const chart = shown.charts[at];
  // At the end there is no step left to choose; what is shown is the last choice there was.
  const stepsLeft = Math.max(1, shown.scene.horizon - at);
  const views = viewsOf(shown);
  const view = views[Math.min(player.view, views.length - 1)];
  const two = (value: number) => short(value, 2);
  const ofOpinions = (value: (opinion: Opinion) => number) =>
    chart.opinions?.map((each) => (each === null ? null : value(each))) ?? [];
  switch (overlay) {
    case "level":
      return undefined;
    case "policy":
      return policyOverlay(shown, step, view);
    case "value":
      return heat(
        ofOpinions((each) => each.value ?? 0),
        two,
        Number.POSITIVE_INFINITY,
      );
    case "gate": {
      const module = gateModule(shown);
      return module === undefined
        ? undefined
        : {
            ...heat(
              ofOpinions((each) => each.gate[module]),
              two,
            ),
            low: 0,
            high: 1,
          };
    }
    case "best true":
    case "best proxy": {
      const goal = overlay.slice("best ".length);
      return { kind: "arrows", probabilities: optimalPolicy(chart, goal, stepsLeft), tone: goal as Tone };
    }
    case "Q* true":
    case "Q* proxy":
      return heat(optimalValues(chart, overlay.slice("Q* ".length), stepsLeft), two);
    case "cost":
      return heat(regret(chart, view, "true", stepsLeft), two);
    case "visits": {
      const visits = player.visits ?? [];
      return heat([...visits], (value) => thousands(value));
    }
    default:
      return overlay satisfies never;
  }
}

/** Heat between the least and the greatest value that there is; the least is `from`, 0 unless given, where none is below. */
function heat(
  values: readonly (number | null)[],
  format: (value: number) => string,
  from = 0,
): Overlay & { kind: "heat" } {
  const known = values.filter((value) => value !== null);
  const low = Math.min(from, ...known);
  return { kind: "heat", values, low, high: Math.max(low + 1e-9, ...known), format };
}

/** The gate's module that is shown where one has to be chosen: the one that the proxy serves, else the last. */
function gateModule({ opinions, scene }: Shown): string | undefined {
  const modules = Object.keys(opinions?.[0]?.gate ?? {});
  if (modules.length < 2) return undefined;
  return modules.find((module) => scene.tones.get(module) === "proxy") ?? modules.at(-1);
}

function overlayTitle(player: Player, shown: Shown, capabilities: Capabilities): string {
  const views = viewsOf(shown);
  const view = views[Math.min(player.view, views.length - 1)];
  switch (player.overlay) {
    case "level":
      return "level";
    case "policy":
      return `policy of ${view}`;
    case "value":
      return "critic's value";
    case "gate":
      return `gate: weight of ${gateModule(shown)}`;
    case "best true":
    case "best proxy":
      return `best for ${player.overlay.slice(5)}`;
    case "Q* true":
    case "Q* proxy":
      return `max Q* ${player.overlay.slice(3)}`;
    case "cost":
      return `cost of ${view}, true`;
    case "visits":
      return player.visits === null
        ? `visits ${capabilities.unicode ? "…" : "..."}`
        : `visits (${thousands(player.order.length)})`;
    default:
      return player.overlay satisfies never;
  }
}

/** Gathered rewards, label, marks, value. */
function badgeFrame({ step, goals }: Player, shown: Shown, capabilities: Capabilities): Frame {
  const { trace, gathered, opinions, scene } = shown;
  const at = Math.min(step, gathered.true.length - 1);
  const isOver = at === trace.actions.length;
  const name = (text: string) => span(text.padEnd(7), { tone: "muted" });
  const marked = trace.beginning.marks.reduce((sum, mark) => sum + mark, 0);
  const value = opinions?.[Math.min(at, opinions.length - 1)]?.value;
  const { minus } = glyphsOf(capabilities);
  const label = !isOver ? minus : trace.label;
  return [
    ...goals.map((goal) => {
      const tone = goal === "true" || goal === "proxy" ? goal : undefined;
      return rowOf(name(goal), span(gathered[goal][at].toFixed(2).padStart(6), { bold: true, ...toneStyle(tone) }));
    }),
    rowOf(
      name("label"),
      span(label.padEnd(10), label === "unlabelled" || !isOver ? { tone: "muted" } : toneStyle(scene.tones.get(label))),
    ),
    rowOf(name("marks"), `${marked === 0 ? "none" : marked}${scene.marksVisible ? "" : " hidden"}`),
    ...(value === null || value === undefined ? [] : [rowOf(name("value"), short(value, 2).padStart(6))]),
  ];
}

/** Each view's probabilities here, the gate, and what would be best. */
function detailRows(player: Player, shown: Shown, columns: number, capabilities: Capabilities): Frame {
  const { opinions, best, actions, scene } = shown;
  const glyphs = glyphsOf(capabilities);
  const step = Math.min(player.step, Math.max(0, actions.length - 1));
  const opinion = opinions?.[step];
  const rows: Row[] = [];
  const isOver = player.step >= actions.length;
  if (opinion !== undefined) {
    const names = Object.keys(opinion.probabilities);
    const wide = Math.max(...names.map((name) => name.length), 4) + 2;
    const barWidth = columns >= 90 ? 8 : columns >= 76 ? 4 : 0;
    for (const [v, name] of names.entries()) {
      const row = opinion.probabilities[name];
      const likeliest = Math.max(...row);
      const cells = scene.actions.flatMap((action, a): Span[] => {
        const style = row[a] === likeliest ? { bold: true } : ({ tone: "muted" } as const);
        const taken = v === 0 && action === actions[step];
        const text = `${arrow(glyphs, action, 0.5)} ${short(row[a], 2).padStart(4)} `;
        return [
          span(taken ? ">" : " ", { tone: "note", bold: true }),
          span(text, style),
          // What is written as .00 has no bar.
          ...(barWidth > 0
            ? [span(`${(row[a] < 0.005 ? "" : bar(row[a], barWidth, glyphs)).padEnd(barWidth)} `, style)]
            : []),
        ];
      });
      const mark = v === player.view ? span(`${glyphs.selected} `, { tone: "note" }) : span("  ");
      rows.push(rowOf(mark, span(name.padEnd(wide), v === 0 ? { bold: true } : {}), ...cells));
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
      span(module, toneStyle(tone)),
      span(` ${track(weight, 10, glyphs)} ${short(weight, 2).padStart(4)}  `),
      span(sparkline(history, 24, [0, 1], glyphs).padEnd(Math.min(24, actions.length)), toneStyle(tone)),
    );
  }
  const bestRow = best === null || isOver ? [] : bestSpans(best, step, scene.actions, glyphs);
  if (gateRow.length > 0 && bestRow.length > 0 && rowWidth(gateRow) + rowWidth(bestRow) + 3 <= columns)
    rows.push(spread(gateRow, [...bestRow, span("  ")], columns));
  else
    rows.push(
      ...[gateRow, bestRow]
        .filter((row) => row.length > 0)
        .map((row) => [...(row === bestRow ? [span("  ")] : []), ...row]),
    );
  const values = actionValuesRow(player, shown, glyphs);
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

/** Q* of every action here, where that overlay is on. */
function actionValuesRow(player: Player, { charts, cells, scene, actions }: Shown, glyphs: Glyphs): Row | null {
  const goal = /^Q\* (.*)$/.exec(player.overlay)?.[1];
  if (goal === undefined || player.step >= actions.length) return null;
  const chart = charts[player.step];
  const solution = chart.exact?.solutions.get(goal);
  if (solution === undefined || chart.exact === null) return null;
  const { graph, reward, discount, values } = solution;
  const s = chart.exact.states[cells[player.step]];
  const left = scene.horizon - player.step - 1;
  const Q = scene.actions.map(
    (_, a) => reward[s * graph.actions + a] + discount * values[left * graph.size + graph.next[s * graph.actions + a]],
  );
  return rowOf(
    span(`  Q* ${goal}, here  `, { tone: "muted" }),
    ...scene.actions.map((action, a) =>
      span(
        `${arrow(glyphs, action, 0.5)} ${short(Q[a], 3).padStart(6)}  `,
        Q[a] >= Math.max(...Q) - 1e-12 ? { bold: true } : { tone: "muted" },
      ),
    ),
  );
}

/** What the letters of a map mean. */
export function legendRow({ scene }: Shown, { unicode }: Capabilities): Row {
  const parts = [...scene.letters]
    .filter(([letter]) => letter !== ".")
    .flatMap(([letter, meaning]) => [
      span(` ${letter === "#" && unicode ? "█" : letter}`, { bold: true, ...toneStyle(scene.tones.get(letter)) }),
      span(` ${meaning} `, { tone: "muted" }),
    ]);
  return [span(" "), ...parts, span(" [ ]", { bold: true }), span(" marked", { tone: "muted" })];
}

/** Rows of a page of the list in a body of so many. */
export const pageOf = (rows: number): number => Math.max(1, rows - 2);

function listFrame(player: Player, { columns, rows }: Size, capabilities: Capabilities): Frame {
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
      { head: "episode", align: "right", width: 8, cell: (i) => line(thousands(entries[i].number)) },
      { head: "shift", cell: (i) => line(entries[i].shift), yields: 2 },
      { head: "view", cell: (i) => line(entries[i].view), yields: 3 },
      {
        head: "ended with",
        width: 10,
        cell: (i) => [span(entries[i].outcome, toneStyle(tones?.get(entries[i].outcome)))],
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
        cell: (i: number) => [
          span(short(entries[i].returns[goal], 2), goal === "true" || goal === "proxy" ? { tone: goal as Tone } : {}),
        ],
      })),
    ],
    shown,
    columns - 4,
  );
  const side = [
    [span(" ")],
    ...scrollbar(first, page, order.length, Math.min(page, shown.length), capabilities.unicode),
  ];
  return [[], ...body.map((row, i) => [span(" "), ...row, span(" "), ...(side[i] ?? [])])];
}

/** Columns of a lane below which its returns have a row of their own. */
const NARROW_LANE = 36;

/** Lanes side by side, with where they part before and the letters below. The gist comes first: maps may be high. */
function compareFrame(player: Player, lanes: readonly Lane[], size: Size, capabilities: Capabilities): Frame {
  const { columns, rows } = size;
  if (lanes.length === 0) return [line(""), line("  playing ...", { tone: "muted" })];
  const glyphs = glyphsOf(capabilities);
  const said = firstDifference(lanes, divergenceOf(lanes), glyphs, columns - 2).map((row) => [span(" "), ...row]);
  const { height } = lanes[0].shown.scene;
  const axes = said.length + 4 + height <= rows;
  const named = lanes.map((lane, l) => ({ ...lane, ...(l === 0 && { about: "this episode" }) }));
  const top = lanesFrame(player, named, columns, { axes, foretold: true }, capabilities);
  const legend = [
    [],
    legendRow(lanes[0].shown, capabilities),
    line(` the ${glyphs.dot} are the steps that are still to come`, { tone: "muted" }),
  ];
  const air = said.length + top.length + 2 <= rows ? [[]] : [];
  return [...said, ...air, ...top, ...legend].slice(0, rows);
}

/** How lanes are drawn. */
interface LanesOptions {
  /** Numbers of rows and columns at the edges of the boards. */
  readonly axes: boolean;
  /** Whether how a lane ends, and the way that it will take, are shown before it has ended. */
  readonly foretold: boolean;
}

/** Lanes side by side, aligned by step: what each ends on, its board, what it may do here. `about` stands beside a name, where it has room. */
export function lanesFrame(
  player: Player,
  lanes: readonly (Lane & { readonly about?: string })[],
  columns: number,
  { axes, foretold }: LanesOptions,
  capabilities: Capabilities,
): Frame {
  const { step } = player;
  const glyphs = glyphsOf(capabilities);
  const each = Math.floor((columns - 2 - 3 * (lanes.length - 1)) / lanes.length);
  const frames = lanes.map(({ name, about = "", shown }): Frame => {
    const at = Math.min(step, shown.actions.length);
    const isOver = step >= shown.actions.length;
    const board = boardOf(player, shown);
    const widest = player.overlay === "level" || player.overlay === "policy" ? 4 : 5;
    const cell = cellWidth(shown.scene.width, each - (axes ? 3 : 0), widest);
    const way: Board = foretold ? { ...board, trail: new Set(shown.cells.slice(at + 1)) } : board;
    const sums = player.goals.map((goal) => `${goal} ${signed(shown.gathered[goal].at(-1) ?? 0)}`).join(", ");
    const outcome = rowOf(
      span(`at ${shown.actions.length}: `, { tone: "muted" }),
      span(shown.trace.outcome, { bold: true, ...toneStyle(shown.scene.tones.get(shown.trace.outcome)) }),
    );
    const returns = line(sums, isOver ? {} : { tone: "muted" });
    const isNarrow = each < NARROW_LANE;
    const whole: Row = [...outcome, span("  "), ...returns];
    const here = choiceRow(shown, at, each, glyphs);
    const remark = about !== "" && widthOf(name) + 2 + widthOf(about) <= each ? `  ${about}` : "";
    return [
      rowOf(span(name, { bold: true }), remark),
      ...(foretold ? (isNarrow ? [outcome, returns] : [whole]) : []),
      ...drawBoard(player.overlay === "level" ? way : board, { cell, axes }, capabilities),
      !isOver ? here : foretold ? line("over", { tone: "muted" }) : isNarrow ? outcome : whole,
    ].map((row) => fitTo(row, each));
  });
  const separated = frames.flatMap((frame, i): Frame[] =>
    i === 0 ? [frame] : [frame.map(() => [span(` ${glyphs.vertical} `, { tone: "muted" })]), frame],
  );
  const widths = separated.map((frame) => Math.max(...frame.map(rowWidth)));
  return beside(separated, 0, widths).map((row) => [span(" "), ...row]);
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

function editFrame({ edit }: Player, shown: Shown, { columns }: Size, capabilities: Capabilities): Frame {
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
    line(" space picks an object up and puts it down, m marks a cell, enter plays both levels", { tone: "muted" }),
  ];
}
