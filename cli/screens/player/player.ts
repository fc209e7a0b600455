import type { EpisodeEntry } from "../../../src/runs/episodes.ts";
import { type ListPlace, moveSelection } from "../../tui/list.ts";
import { divergenceOf, type Lane } from "./divergence.ts";
import { arrange, EVERYTHING, type Filter, parseFilter, SORTS, type Sort, unheardOf } from "./filter.ts";
import type { Shown } from "./shown-episode.ts";

/** What is laid over the map. */
export const OVERLAYS = [
  "level",
  "policy",
  "value",
  "gate",
  "best true",
  "best proxy",
  "Q* true",
  "Q* proxy",
  "cost",
  "visits",
] as const;
type OverlayName = (typeof OVERLAYS)[number];

const LOOPS = ["once", "episode", "all"] as const;
const SLOWEST = 0.25;
const FASTEST = 64;

/** A text that is being typed at the last line. */
interface Prompt {
  readonly kind: "filter" | "episode" | "compare";
  readonly text: string;
  /** What the arrows go through, and where they are (-1: at the text as it was typed). */
  readonly suggestions: readonly string[];
  readonly at: number;
}

/** A level that is being changed. */
interface Edit {
  readonly map: string;
  readonly marks: ReadonlySet<number>;
  readonly cursor: number;
  /** An object that has been picked up: its letter and where it came from. */
  readonly carried: { readonly letter: string; readonly from: number } | null;
}

/** Several minds side by side. */
interface Comparison {
  /** What was asked for, the episode's own mind not counted. */
  readonly specs: readonly string[];
  readonly lanes: readonly Lane[];
  /** Whether the level is no longer the episode's own. */
  readonly edited: boolean;
}

/** All that the player's screen depends on. */
export interface Player {
  /** `route · seed 3 · step 2,000,000`. */
  readonly who: string;
  readonly goals: readonly string[];
  readonly entries: readonly EpisodeEntry[];
  /** Whether more entries may come. */
  readonly growing: boolean;
  readonly filter: Filter;
  /** The filter accepts none of the entries known so far: the first that it does accept is to be shown. */
  readonly seeking: boolean;
  readonly sort: Sort;
  /** Places in `entries`, filtered and sorted. */
  readonly order: readonly number[];
  /** The entry that is to be shown; the effect loads it. */
  readonly wanted: number;
  /** Where to stand when it has come. */
  readonly landing: "start" | "end" | "surprise" | number;
  /** The entry that is shown. */
  readonly at: number;
  readonly shown: Shown | null;
  /** States passed: 0 is the beginning, `shown.actions.length` the end. */
  readonly step: number;
  readonly playing: boolean;
  readonly speed: number;
  readonly loop: (typeof LOOPS)[number];
  readonly overlay: OverlayName;
  /** Index of the view whose policy, cost and probabilities are meant. */
  readonly view: number;
  readonly panel: "boards" | "list";
  readonly place: ListPlace;
  /** Rows of the list's page, as it was drawn last. */
  readonly page: number;
  readonly prompt: Prompt | null;
  readonly notice: { readonly text: string; readonly bad: boolean } | null;
  /** Steps that began on each cell, over all known episodes; null until it is asked for. */
  readonly visits: readonly number[] | null;
  readonly comparison: Comparison | null;
  readonly edit: Edit | null;
}

export type PlayerAction =
  | { readonly kind: "entries"; readonly entries: readonly EpisodeEntry[]; readonly growing: boolean }
  | { readonly kind: "shown"; readonly index: number; readonly shown: Shown }
  | { readonly kind: "step"; readonly by: number }
  | { readonly kind: "tick"; readonly steps: number }
  | { readonly kind: "go"; readonly to: number }
  | { readonly kind: "episode"; readonly by: number }
  | { readonly kind: "surprise"; readonly by: 1 | -1 }
  | { readonly kind: "select"; readonly by: number }
  | { readonly kind: "open" }
  | { readonly kind: "play" | "faster" | "slower" | "loop" | "panel" | "sort" | "back" | "edit" }
  | { readonly kind: "overlay" | "view"; readonly by: 1 | -1 }
  | {
      readonly kind: "prompt";
      readonly prompt: Prompt["kind"];
      readonly suggestions?: readonly string[];
    }
  /** A comparison that there cannot be: its text comes back to be mended. */
  | {
      readonly kind: "refused";
      readonly text: string;
      readonly suggestions: readonly string[];
      readonly message: string;
    }
  | { readonly kind: "type"; readonly key: string }
  | { readonly kind: "submit" | "cancel" }
  | { readonly kind: "notice"; readonly text: string; readonly bad?: boolean }
  | { readonly kind: "visits"; readonly visits: readonly number[] }
  /** `of`: the entry on whose level they were played; without it, whatever is shown. */
  | { readonly kind: "lanes"; readonly comparison: Comparison; readonly of?: number }
  | EditAction
  /** For the effect alone. */
  | { readonly kind: "rerun" | "save-svg" | "save-text" | "command" | "quit" | "start" };

/** A change of the level that is edited. */
type EditAction =
  | { readonly kind: "cursor"; readonly by: readonly [rows: number, columns: number] }
  | { readonly kind: "mark" | "carry" };

export function beginPlayer(who: string, goals: readonly string[], episode = 0, step = 0): Player {
  return {
    ...{ who, goals, entries: [], growing: true, filter: EVERYTHING, seeking: false, sort: "as recorded", order: [] },
    ...{ wanted: episode, landing: step, at: -1, shown: null, step: 0, playing: false, speed: 1, loop: "once" },
    ...{ overlay: "level", view: 0, panel: "boards", place: { selected: 0, first: 0 }, page: 10 },
    ...{ prompt: null, notice: null, visits: null, comparison: null, edit: null },
  };
}

/** The player after an action. Pure: what has to be fetched is asked for in `wanted`. */
export function playerReducer(player: Player, action: PlayerAction): Player {
  switch (action.kind) {
    case "entries":
      // What was counted over some is counted anew over all.
      return saidOfNone(
        toMatch(
          arranged({
            ...player,
            entries: action.entries,
            growing: action.growing,
            visits: action.growing ? player.visits : null,
          }),
          player.seeking,
        ),
      );
    case "shown":
      return landed(player, action.index, action.shown);
    case "step":
      return { ...goTo(player, player.step + action.by), playing: false };
    case "go":
      return { ...goTo(player, action.to), playing: false };
    case "tick":
      return ticked(player, action.steps);
    case "episode":
      return toEpisode(player, action.by, "start");
    case "surprise":
      return toSurprise(player, action.by);
    case "select":
      return { ...player, place: moveSelection(player.place, action.by, player.order.length, player.page) };
    case "open":
      return player.order.length === 0
        ? player
        : { ...player, panel: "boards", wanted: player.order[player.place.selected], landing: "start" };
    case "play":
      // At the end it begins anew.
      if (!player.playing && player.step >= lengthOf(player)) return { ...player, step: 0, playing: true };
      return { ...player, playing: !player.playing };
    case "faster":
      return { ...player, speed: Math.min(FASTEST, player.speed * 2) };
    case "slower":
      return { ...player, speed: Math.max(SLOWEST, player.speed / 2) };
    case "loop":
      return { ...player, loop: after(LOOPS, player.loop) };
    case "panel":
      return { ...player, panel: player.panel === "list" ? "boards" : "list" };
    case "sort":
      return arranged({ ...player, sort: after(SORTS, player.sort), notice: null });
    case "overlay": {
      const names = player.shown === null ? OVERLAYS : overlaysOf(player.shown);
      return { ...player, overlay: after(names, player.overlay, action.by) };
    }
    case "view": {
      const views = player.shown === null ? [] : viewsOf(player.shown);
      return views.length === 0 ? player : { ...player, view: (player.view + action.by + views.length) % views.length };
    }
    case "prompt":
      return {
        ...player,
        notice: null,
        prompt: {
          kind: action.prompt,
          text: action.prompt === "filter" ? player.filter.text : "",
          suggestions: action.suggestions ?? [],
          at: -1,
        },
      };
    case "refused": {
      const { text, suggestions, message } = action;
      // Unless something else is being typed by now.
      const prompt: Prompt = player.prompt ?? { kind: "compare", text, suggestions, at: -1 };
      return { ...player, prompt, notice: { text: message, bad: true } };
    }
    case "type":
      return player.prompt === null ? player : { ...player, prompt: typed(player.prompt, action.key), notice: null };
    case "submit":
      return submitted(player);
    case "cancel":
      return { ...player, prompt: null, notice: null };
    case "notice":
      return { ...player, notice: { text: action.text, bad: action.bad ?? false } };
    case "visits":
      return { ...player, visits: action.visits };
    case "lanes":
      // An answer to a question that is no longer asked.
      if (action.of !== undefined && action.of !== player.wanted) return { ...player, notice: null };
      return { ...player, comparison: action.comparison, edit: null, step: 0, playing: false, notice: null };
    case "back":
      if (player.edit !== null) return { ...player, edit: null };
      if (player.comparison !== null)
        return { ...player, comparison: null, step: Math.min(player.step, player.shown?.actions.length ?? 0) };
      return player.panel === "list" ? { ...player, panel: "boards" } : player;
    case "edit":
      return beginEdit(player);
    case "cursor":
    case "mark":
    case "carry": {
      if (player.edit === null || player.shown === null) return player;
      const edit = edited(player.edit, action, player.shown.scene);
      const isVain = action.kind === "carry" && edit === player.edit;
      const text = player.edit.carried === null ? "there is nothing to pick up here" : "something stands here already";
      return { ...player, edit, notice: isVain ? { text, bad: false } : null };
    }
    case "rerun":
    case "save-svg":
    case "save-text":
    case "command":
    case "quit":
    case "start":
      return player;
    default:
      return action satisfies never;
  }
}

/** Steps of what is shown: of the longest lane where several are. */
export function lengthOf({ shown, comparison }: Player): number {
  if (comparison !== null) return Math.max(0, ...comparison.lanes.map((lane) => lane.shown.actions.length));
  return shown?.actions.length ?? 0;
}

/** The views whose opinions are known, the acting one first. */
export const viewsOf = ({ opinions, acting }: Shown): string[] =>
  Object.keys(opinions?.[0]?.probabilities ?? { [acting]: [] });

/** Overlays that there is something to show of. */
function overlaysOf({ charts, opinions }: Shown): OverlayName[] {
  const [chart] = charts;
  const hasMind = chart.opinions !== null;
  const hasGate = Object.keys(opinions?.[0]?.gate ?? {}).length > 1;
  return OVERLAYS.filter((name) => {
    if (name === "policy" || name === "value") return hasMind;
    if (name === "gate") return hasMind && hasGate;
    if (name === "cost") return hasMind && chart.exact !== null;
    return /^(best|Q\*)/.test(name) ? chart.exact !== null : true;
  });
}

function after<T>(all: readonly T[], one: T, by = 1): T {
  return all[(all.indexOf(one) + by + all.length) % all.length];
}

/** Where a filter accepts none of all episodes, it says which of its values there is not. */
function saidOfNone(player: Player): Player {
  const { filter, entries, order, growing } = player;
  const odd = order.length > 0 || growing ? null : unheardOf(filter, entries);
  return odd === null ? player : { ...player, notice: { text: odd, bad: true } };
}

function goTo(player: Player, step: number): Player {
  return { ...player, step: Math.max(0, Math.min(lengthOf(player), step)), notice: null };
}

function ticked(player: Player, steps: number): Player {
  if (!player.playing || player.shown === null) return player;
  const end = lengthOf(player);
  if (player.step < end) return { ...player, step: Math.min(end, player.step + steps) };
  if (player.loop === "once") return { ...player, playing: false };
  if (player.loop === "episode" || player.comparison !== null) return { ...player, step: 0 };
  return toEpisode(player, 1, "start", true);
}

function arranged(player: Player): Player {
  const order = arrange(player.entries, player.filter, player.sort);
  return { ...player, order, place: moveSelection(player.place, 0, order.length, player.page) };
}

/** A filter opens on an episode that it accepts: the one that is shown, else the next one, else the first; as soon as one is known. */
function toMatch(player: Player, isSought: boolean): Player {
  const { order, wanted } = player;
  if (!isSought || order.length === 0 || order.includes(wanted))
    return { ...player, seeking: isSought && order.length === 0 };
  const next = order.find((index) => index > wanted) ?? order[0];
  return { ...player, seeking: false, wanted: next, landing: "start", comparison: null, edit: null };
}

/** Another episode of the list, as it is filtered and sorted; from the last one back to the first if `around`. */
function toEpisode(player: Player, by: number, landing: Player["landing"], around = false): Player {
  const { order, wanted } = player;
  if (order.length === 0) return { ...player, playing: false };
  const here = order.indexOf(wanted);
  const next = here < 0 ? 0 : here + by;
  const inside = around ? (next + order.length) % order.length : Math.max(0, Math.min(order.length - 1, next));
  if (order[inside] === wanted) {
    if (around) return { ...player, step: 0 };
    return {
      ...player,
      notice: {
        text: by > 0 ? "this is the last episode of the list" : "this is the first episode of the list",
        bad: false,
      },
    };
  }
  return { ...player, wanted: order[inside], landing, notice: null };
}

function toSurprise(player: Player, by: 1 | -1): Player {
  const { shown, step, comparison } = player;
  if (shown === null) return player;
  if (comparison !== null) return toParting(player, comparison.lanes, by);
  const ahead = shown.surprises.filter((each) => (by > 0 ? each.step > step : each.step < step));
  const next = by > 0 ? ahead[0] : ahead.at(-1);
  if (next !== undefined) {
    const about = shown.surprises.filter((each) => each.step === next.step).map((each) => each.about);
    return { ...player, step: next.step, playing: false, notice: { text: about.join("; "), bad: false } };
  }
  return { ...toEpisode(player, by, by > 0 ? "surprise" : "end"), playing: false };
}

/** Of a comparison the one surprise is the step at which its minds part. */
function toParting(player: Player, lanes: readonly Lane[], by: 1 | -1): Player {
  const parted = divergenceOf(lanes);
  const say = (text: string): Player => ({ ...player, playing: false, notice: { text, bad: false } });
  if (parted === null) return say("they never part");
  const isThere = by > 0 ? player.step < parted.step : player.step > parted.step;
  return isThere
    ? { ...say("they part here"), step: parted.step }
    : say(player.step === parted.step ? "they part here" : `they part at step ${parted.step}`);
}

function landed(player: Player, index: number, shown: Shown): Player {
  // An answer to a question that is no longer asked.
  if (index !== player.wanted) return player;
  const { landing } = player;
  const end = shown.actions.length;
  const first = shown.surprises[0];
  const step =
    landing === "surprise"
      ? (first?.step ?? 0)
      : landing === "end"
        ? end
        : landing === "start"
          ? 0
          : Math.min(end, landing);
  const views = viewsOf(shown);
  return {
    ...player,
    ...{ at: index, shown, step, landing: "start" },
    view: Math.min(player.view, views.length - 1),
    overlay: overlaysOf(shown).includes(player.overlay) ? player.overlay : "level",
    place: moveSelection(
      player.place,
      Math.max(0, player.order.indexOf(index)) - player.place.selected,
      player.order.length,
      player.page,
    ),
    notice: landing === "surprise" && first !== undefined ? { text: first.about, bad: false } : player.notice,
  };
}

function typed(prompt: Prompt, key: string): Prompt {
  const { text, suggestions, at } = prompt;
  if (key === "backspace") return { ...prompt, text: text.slice(0, -1), at: -1 };
  if (key === "space") return { ...prompt, text: `${text} `, at: -1 };
  if (key === "ctrl-u") return { ...prompt, text: "", at: -1 };
  if (key === "ctrl-w") return { ...prompt, text: text.replace(/\S*\s*$/, ""), at: -1 };
  if (key === "up" || key === "down" || key === "tab") {
    if (suggestions.length === 0) return prompt;
    const next =
      (at + (key === "up" ? -1 : 1) + (at < 0 && key === "up" ? 1 : 0) + suggestions.length) % suggestions.length;
    return { ...prompt, at: next, text: suggestions[next] };
  }
  return [...key].length === 1 ? { ...prompt, text: text + key, at: -1 } : prompt;
}

/** What Enter makes of a prompt; a mistake is said, and the text stays to be mended. */
function submitted(player: Player): Player {
  const { prompt } = player;
  if (prompt === null) return player;
  switch (prompt.kind) {
    case "filter":
      try {
        const filter = parseFilter(prompt.text, player.goals);
        const place = { selected: 0, first: 0 };
        return saidOfNone(
          toMatch(arranged({ ...player, filter, prompt: null, notice: null, visits: null, place }), true),
        );
      } catch (error) {
        return { ...player, notice: { text: messageOf(error), bad: true } };
      }
    case "episode": {
      const number = /^\d+$/.test(prompt.text.trim()) ? Number(prompt.text) : Number.NaN;
      if (!(number < player.entries.length)) {
        const last = player.entries.length - 1;
        return {
          ...player,
          notice: { text: `episode ${prompt.text || "?"}: expected a number from 0 to ${last}`, bad: true },
        };
      }
      return { ...player, prompt: null, wanted: number, landing: "start", notice: null };
    }
    case "compare":
      // The effect sees the prompt that was and plays the lanes.
      return {
        ...player,
        prompt: null,
        notice: prompt.text === "" ? null : { text: `playing ${prompt.text}`, bad: false },
      };
    default:
      return prompt.kind satisfies never;
  }
}

export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const hint = "hint" in error && typeof error.hint === "string" ? ` (${error.hint})` : "";
  return `${error.message}${hint}`;
}

function beginEdit(player: Player): Player {
  const source = player.comparison?.lanes[0]?.shown ?? player.shown;
  if (source === null) return player;
  const { marks } = source.trace.beginning;
  const edit: Edit = {
    map: source.maps[0],
    marks: new Set([...marks.keys()].filter((cell) => marks[cell])),
    cursor: source.cells[0],
    carried: null,
  };
  return { ...player, edit, playing: false, notice: null };
}

function edited(edit: Edit, action: EditAction, { height, width }: Shown["scene"]): Edit {
  const { map, marks, cursor, carried } = edit;
  if (action.kind === "cursor") {
    const row = Math.max(0, Math.min(height - 1, Math.floor(cursor / width) + action.by[0]));
    const column = Math.max(0, Math.min(width - 1, (cursor % width) + action.by[1]));
    return { ...edit, cursor: row * width + column };
  }
  if (action.kind === "mark") {
    const next = new Set(marks);
    if (!next.delete(cursor)) next.add(cursor);
    return { ...edit, marks: next };
  }
  const letters = [...map];
  const at = (cell: number) => cell + Math.floor(cell / width); // a line feed after each row
  const letter = letters[at(cursor)];
  if (carried === null) return letter === "." ? edit : { ...edit, carried: { letter, from: cursor } };
  if (letter !== "." && cursor !== carried.from) return edit;
  letters[at(carried.from)] = ".";
  letters[at(cursor)] = carried.letter;
  // Its mark comes along.
  const moved = new Set(marks);
  if (moved.delete(carried.from)) moved.add(cursor);
  return { ...edit, map: letters.join(""), marks: moved, carried: null };
}
