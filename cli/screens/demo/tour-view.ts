import type { Capabilities } from "../../text/capabilities.ts";
import { glyphsOf } from "../../tui/glyphs.ts";
import { heading, rule } from "../../tui/parts.ts";
import { type Frame, indent, line, type Row, rowOf, type Size, span, wrapText } from "../../tui/span.ts";
import { lanesFrame } from "../player/comparison-view.ts";
import { legendOf } from "../player/overlay.ts";
import { beginPlayer } from "../player/player.ts";
import { type TourScene, tourSeconds } from "./scenes.ts";
import { beatOf, elapsedOf, type Tour } from "./tour.ts";

/** Columns beyond which nothing gets easier to read. */
const WIDEST = 110;

/** The whole screen of the tour but for its last row. */
export function viewTour(tour: Tour, { columns, rows }: Size, capabilities: Capabilities): Frame {
  const { scenes, scene, playing } = tour;
  const beat = beatOf(tour);
  const glyphs = glyphsOf(capabilities);
  const shown = scenes[scene];
  const title = shown === undefined ? "the end" : `${scene + 1} of ${scenes.length}  ${shown.title}`;
  const head = [
    heading(
      rowOf(span("demo", { bold: true }), "  ", title),
      [span(playing ? glyphs.play : glyphs.pause, { bold: true })],
      columns,
    ),
    rule(columns, capabilities),
  ];
  const foot = [progressRow(tour, columns, capabilities)];
  const body = { columns, rows: rows - head.length - foot.length };
  const middle =
    beat === undefined || shown === undefined
      ? endFrame(body)
      : sceneFrame(shown, beat.step, beat.caption, body, capabilities);
  return [...head, ...Array.from({ length: body.rows }, (_, i) => middle[i] ?? []), ...foot];
}

/** A scene at a step: what is said of it, both agents, and where there is room what the signs mean and how the level was chosen. */
function sceneFrame(
  scene: TourScene,
  step: number,
  caption: string,
  { columns, rows }: Size,
  capabilities: Capabilities,
): Frame {
  const { beats, lanes } = scene;
  const width = Math.min(columns, WIDEST);
  const glyphs = glyphsOf(capabilities);
  const lines = (text: string): Frame => wrapText(text, width - 2);
  // As high as the longest of the scene, so that the boards stay where they are.
  const high = Math.max(...beats.map((beat) => lines(beat.caption).length));
  const said = lines(caption);
  const text = Array.from({ length: high }, (_, i) => said[i] ?? []);
  const boards = agentsFrame(scene, step, width, capabilities);
  const trail = rowOf(span(`  ${glyphs.dot}`, { bold: true }), span(" its way", { tone: "muted" }));
  const notes: Frame[] = [
    [[], [...legendOf(lanes[0].shown, capabilities).slice(1), ...trail]],
    indent(wrapText(scene.rule, width - 2, { tone: "muted" }), 1),
  ];
  const body: Row[] = indent(text, 1).concat(high + boards.length + 1 <= rows ? [[]] : [], boards);
  // Each note whole or not at all.
  for (const note of notes) if (body.length + note.length <= rows) body.push(...note);
  return body;
}

/** Both agents of a scene after so many steps. */
export function agentsFrame(
  { lanes, about, goals }: TourScene,
  step: number,
  columns: number,
  capabilities: Capabilities,
): Frame {
  const player = { ...beginPlayer("", goals), step };
  const named = lanes.map((lane, l) => ({ ...lane, about: about[l] }));
  return lanesFrame(player, named, columns, { axes: false, foretold: false }, capabilities);
}

/** Where the tour stands, in seconds, with a mark where each scene begins. */
function progressRow(tour: Tour, columns: number, capabilities: Capabilities): Row {
  const { scenes } = tour;
  const glyphs = glyphsOf(capabilities);
  const whole = tourSeconds(scenes);
  const passed = elapsedOf(tour);
  const width = Math.min(48, columns - 24);
  const placeOf = (seconds: number) => Math.min(width - 1, Math.round((seconds / whole) * (width - 1)));
  const signs = Array.from({ length: width }, () => span(glyphs.horizontal, { tone: "muted" }));
  for (const s of scenes.keys())
    signs[placeOf(tourSeconds(scenes.slice(0, s)))] = span(glyphs.tickDown, { tone: "muted" });
  signs[placeOf(passed)] = span(glyphs.dot, { bold: true });
  const seconds = String(Math.round(passed)).padStart(String(Math.round(whole)).length);
  return rowOf(" ", ...signs, span(`  ${seconds} of ${Math.round(whole)} s`, { tone: "muted" }));
}

/** Before {@link NEXT}: a clone has no `halfwatch` on the path. */
export const GO_ON = "Go on with (from a clone: npx halfwatch):";

/** What to do next: a command, and what it does. */
export const NEXT: readonly (readonly [string, string])[] = [
  ["halfwatch run scenarios/quickstart.yaml", "train 15 small agents, watch them learn"],
  ["halfwatch replay runs/quickstart-*", "see what each of them wants, and why"],
  ["halfwatch play scenarios/diamond-ghost.yaml", "walk yourself: were you watched?"],
  ["halfwatch list", "worlds, overseers, arms, scenarios"],
];

export const CAUTION =
  "Three levels, each chosen by a rule, of small networks on small maps. The rates beside them are exact; what they do not show is in the README.";

function endFrame({ columns, rows }: Size): Frame {
  const width = Math.min(columns, WIDEST) - 4;
  const said = wrapText(`That was goal misgeneralization. ${GO_ON}`, width, { tone: "note" });
  const caution = wrapText(CAUTION, width, { tone: "muted" });
  const steps = NEXT.map(
    ([command, does]): Frame => [line(command, { bold: true }), line(`  ${does}`, { tone: "muted" })],
  );
  const tight = [[], ...said, [], ...steps.flat(), [], ...caution];
  const roomy = [[], ...said, [], ...steps.flatMap((step) => [...step, []]), ...caution];
  return indent(roomy.length <= rows ? roomy : tight, 2);
}
