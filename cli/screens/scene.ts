import type { Goal } from "../../src/core/goal.ts";
import type { World } from "../../src/envs/world.ts";
import type { Capabilities } from "../text/capabilities.ts";
import { type Row, span, type Tone, toned } from "../tui/span.ts";

/** What a screen must know of a world to draw its maps. */
export interface Scene {
  readonly height: number;
  readonly width: number;
  readonly horizon: number;
  readonly actions: readonly string[];
  /** Letter -> meaning. */
  readonly letters: ReadonlyMap<string, string>;
  /** The goal that an object serves, by its letter and by its event. */
  readonly tones: ReadonlyMap<string, Tone>;
  readonly marksVisible: boolean;
}

/** `goals`: the true one first, the proxy second. An event that the true goal rewards is `true`, another that the proxy rewards `proxy`. */
export function sceneOf(world: World, goals: readonly Goal[], marksVisible: boolean): Scene {
  const [trueGoal, proxyGoal] = goals;
  const tones = new Map<string, Tone>();
  world.events.forEach((event, e) => {
    const tone = trueGoal.rewards[e] > 0 ? "true" : proxyGoal.rewards[e] > 0 ? "proxy" : undefined;
    if (tone === undefined) return;
    tones.set(event, tone);
    for (const [letter, meaning] of world.letters) if (meaning.toLowerCase() === event) tones.set(letter, tone);
  });
  const { height, width, horizon, actions, letters } = world;
  return { height, width, horizon, actions, letters, tones, marksVisible };
}

/** The tone of a goal by its name: the two that are drawn have names of their own. */
export const toneOfGoal = (goal: string): Tone | undefined => (goal === "true" || goal === "proxy" ? goal : undefined);

/** What the letters of a map mean, and its brackets; walls and brackets where there are any. */
export function legendRow(
  { letters, tones }: Scene,
  { unicode }: Capabilities,
  { hasWalls, hasMarks }: { readonly hasWalls: boolean; readonly hasMarks: boolean },
): Row {
  const parts = [...letters]
    .filter(([letter]) => letter !== "." && (letter !== "#" || hasWalls))
    .flatMap(([letter, meaning]) => [
      span(` ${letter === "#" && unicode ? "█" : letter}`, { bold: true, ...toned(tones.get(letter)) }),
      span(` ${meaning} `, { tone: "muted" }),
    ]);
  const marks = [span(" [ ]", { bold: true }), span(" marked", { tone: "muted" })];
  return [span(" "), ...parts, ...(hasMarks ? marks : [])];
}
