import type { Setting } from "../../../src/scenario/setting.ts";
import { classOf, type LevelClass } from "./level.ts";

const FILTERS = ["all", "agreeing", "distinguishing", "tie"] as const;

/** A distribution of levels, by its name. */
export interface Shelf {
  readonly name: string;
  readonly setting: Setting;
}

/** Training levels at the left, those of a shift at the right. */
export interface Browser {
  readonly seed: number;
  /** The training distribution first, then the shifts. */
  readonly shelves: readonly Shelf[];
  /** Which shelf stands at the right; 0 where there is none. */
  readonly right: number;
  readonly filter: (typeof FILTERS)[number];
  /** Number of the level at the left and at the right; null where none was found. */
  readonly shown: readonly [number | null, number | null];
  /** Which side is shown where there is no room for both. */
  readonly side: 0 | 1;
  /** Whose way comes first, and alone where there is no room for both. */
  readonly first: "true" | "proxy";
  /** Rows of a map that are scrolled past, where there is no room for all. */
  readonly top: number;
  /** What has been typed of a number to jump to; null unless one is being typed. */
  readonly typed: string | null;
}

export type BrowserAction =
  | "next"
  | "previous"
  | "filter"
  | "shift"
  | "side"
  | "goal"
  | "up"
  | "down"
  | "jump"
  | "go"
  | "cancel"
  | "quit"
  | { readonly type: string };

/** Levels that are looked at for one that passes the filter. */
const FARTHEST = 500;
const MOST_DIGITS = 9;

export function beginBrowser(shelves: readonly Shelf[], seed: number, right: number): Browser {
  const view = { side: 0, first: "true", top: 0 } as const;
  return place({ seed, shelves, right, filter: "all", shown: [0, 0], ...view, typed: null }, 0);
}

export function browse(browser: Browser, action: BrowserAction): Browser {
  const { shelves, right, filter, shown, side, first, top, typed } = browser;
  if (typeof action === "object") {
    if (typed === null) return browser;
    if (action.type === "backspace") return { ...browser, typed: typed.slice(0, -1) };
    const isDigit = /^[0-9]$/.test(action.type) && typed.length < MOST_DIGITS;
    return isDigit ? { ...browser, typed: typed + action.type } : browser;
  }
  switch (action) {
    case "next":
    case "previous": {
      const by = action === "next" ? 1 : -1;
      const moved = [0, 1].map((side) => {
        const from = shown[side];
        return from === null ? null : (find(browser, side, from + by, by) ?? from);
      });
      return { ...browser, shown: [moved[0], moved[1]] };
    }
    case "filter":
      return place({ ...browser, filter: FILTERS[(FILTERS.indexOf(filter) + 1) % FILTERS.length] }, 0);
    case "shift":
      if (shelves.length < 3) return browser;
      return place({ ...browser, right: (right % (shelves.length - 1)) + 1 }, shown[0] ?? 0);
    case "side":
      return right === 0 ? browser : { ...browser, side: side === 0 ? 1 : 0 };
    case "goal":
      return { ...browser, first: first === "true" ? "proxy" : "true" };
    case "up":
    case "down": {
      const last = shelves[0].setting.world.height - 1;
      return { ...browser, top: Math.max(0, Math.min(last, top + (action === "up" ? -1 : 1))) };
    }
    case "jump":
      return { ...browser, typed: "" };
    case "go":
      return typed === null || typed === ""
        ? { ...browser, typed: null }
        : place({ ...browser, typed: null }, Number(typed));
    case "cancel":
      return { ...browser, typed: null };
    case "quit":
      return browser;
    default:
      return action satisfies never;
  }
}

/** Both sides at the first level from a number on that passes the filter. */
function place(browser: Browser, from: number): Browser {
  return { ...browser, shown: [find(browser, 0, from, 1), find(browser, 1, from, 1)] };
}

function find({ shelves, right, seed, filter }: Browser, side: number, from: number, by: 1 | -1): number | null {
  const { setting } = shelves[side === 0 ? 0 : right];
  for (let number = from; number >= 0 && Math.abs(number - from) < FARTHEST; number += by) {
    if (filter === "all" || classOf(setting, seed, number) === (filter satisfies LevelClass)) return number;
  }
  return null;
}
