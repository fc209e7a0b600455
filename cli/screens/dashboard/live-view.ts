import type { Capabilities } from "../../text/capabilities.ts";
import { short } from "../../text/numbers.ts";
import { drawBoard } from "../../tui/board.ts";
import { arrow, glyphsOf } from "../../tui/glyphs.ts";
import { beside, type Frame, fitFrame, line, type Row, rowOf, type Size, span } from "../../tui/span.ts";
import { brief } from "./curves.ts";
import type { LiveEpisode } from "./live-episode.ts";
import type { Live } from "./model.ts";

/** Columns of the words, and of the curves that must be left beside the board: where they are few, the words stand below it. */
const WORDS = 24;
const LEAST_CURVES = 44;
const WIDE_CURVES = 58;
const GAP = 2;

/** How the board stands beside the curves. */
export interface LivePlace {
  /** Columns of board and words. */
  readonly width: number;
  /** Columns of a cell of the map. */
  readonly cell: number;
  readonly isBeside: boolean;
}

/** Where a board has its place beside curves in so much room; null where it has none. */
export function livePlace(
  map: { readonly height: number; readonly width: number },
  { columns, rows }: Size,
): LivePlace | null {
  const cell = columns >= 110 && map.width <= 7 ? 3 : 2;
  const wide = map.width * cell + GAP + WORDS;
  if (rows > Math.max(map.height, 4) && columns - wide - GAP >= WIDE_CURVES) {
    return { width: wide, cell, isBeside: true };
  }
  const narrow = Math.max(map.width * 2, WORDS);
  if (rows >= map.height + 3 && columns - narrow - GAP >= LEAST_CURVES) {
    return { width: narrow, cell: 2, isBeside: false };
  }
  return null;
}

/** The columns that a place takes of the room, with the gap before it. */
export const columnsOf = ({ width }: LivePlace): number => width + GAP;

/** What the selected cell's policy does now. Null: no episode has been played yet. */
export function drawLive(live: Live | null, place: LivePlace, rows: number, capabilities: Capabilities): Frame {
  const head = (text: string): Row => rowOf(span("live", { bold: true }), span(`  ${text}`, { tone: "muted" }));
  const size = { columns: place.width, rows };
  if (live === null) return fitFrame([head("")], size);
  const { episode, at } = live;
  if (episode === null) return fitFrame([head("nothing saved yet")], size);
  const { scene, maps, marks } = episode;
  const board = drawBoard(
    { map: maps[at], tones: scene.tones, marks, actions: scene.actions },
    { cell: place.cell },
    capabilities,
  );
  const words = wordsOf(episode, at, capabilities);
  const body = place.isBeside ? beside([board, words], GAP) : [...board, ...words];
  return fitFrame([head(`as of step ${brief(episode.trained)}`), ...body], size);
}

/** How far it is or how it ended; then for each view the action it wants most, the acting view first. */
function wordsOf(
  { actions, opinions, outcome, label, acting, scene }: LiveEpisode,
  at: number,
  capabilities: Capabilities,
) {
  const glyphs = glyphsOf(capabilities);
  const steps = actions.length;
  const tone = scene.tones.get(outcome);
  // Mostly the label is the outcome; a timeout's is `nothing`.
  const seen = label === "unlabelled" ? "unseen" : label === outcome ? "labelled" : label;
  const state: Row =
    at < steps
      ? line(`step ${at + 1}`)
      : rowOf(span(outcome, { bold: true, ...(tone && { tone }) }), span(` at ${steps}, ${seen}`));
  const opinion = opinions[Math.min(at, steps - 1)];
  // An episode can be over before its first step.
  if (opinion === undefined) return [state];
  const views = Object.entries(opinion.probabilities);
  const wide = Math.min(WORDS - 9, Math.max(...views.map(([name]) => name.length)));
  const rows = views.map(([name, probabilities]): Row => {
    const p = Math.max(...probabilities);
    const action = scene.actions[probabilities.indexOf(p)];
    const isActing = name === acting;
    const pointer = isActing ? `${glyphs.selected} ` : "  ";
    return rowOf(
      span(`${pointer}${name.slice(0, wide).padEnd(wide)}`, isActing ? { bold: true } : undefined),
      span(`  ${arrow(glyphs, action, p)} ${short(p, 2)}`),
    );
  });
  return [state, ...rows];
}
