import type { Capabilities } from "../../text/capabilities.ts";
import type { KeyMap } from "../../tui/keys.ts";
import type { Program } from "../../tui/program.ts";
import { beatOf, isOver, type Tour, type TourAction, tourReducer } from "./tour.ts";
import { viewTour } from "./tour-view.ts";

/** Do something after so many seconds, unless what is returned is called before. */
export type Clock = (seconds: number, action: () => void) => () => void;

export const CLOCK: Clock = (seconds, action) => {
  const timer = setTimeout(action, 1000 * seconds);
  return () => clearTimeout(timer);
};

/** The tour as a program, from where `start` stands; the clock begins with the first action. */
export function tourProgram(start: Tour, capabilities: Capabilities, clock: Clock): Program<Tour, TourAction | Begin> {
  let stop = (): void => {};
  return {
    title: "demo",
    start,
    reduce: (tour, action) => (action.kind === "begin" ? tour : tourReducer(tour, action)),
    view: (tour, size) => viewTour(tour, size, capabilities),
    keys: tourKeys,
    effect: (_, screen, tour) => {
      if (tour.leaving !== null) {
        stop();
        screen.close();
        return;
      }
      // A beat that is looked at again, or goes on, has all of its time.
      stop();
      const beat = beatOf(tour);
      stop =
        tour.playing && beat !== undefined ? clock(beat.seconds, () => screen.dispatch({ kind: "tick" })) : () => {};
    },
  };
}

/** The screen is open: time begins to pass. */
type Begin = { readonly kind: "begin" };

type Bindings = KeyMap<TourAction>["bindings"];

const MOVES: Bindings = [
  {
    keys: ["left", "right"],
    action: (key) => ({ kind: "beat", by: key === "left" ? -1 : 1 }),
    hint: "step",
    help: "a step back, a step ahead; stops the clock",
  },
  {
    keys: ["up", "down"],
    action: (key) => ({ kind: "scene", by: key === "up" ? -1 : 1 }),
    hint: "scene",
    help: "the scene before, the next scene",
  },
];
const LEAVE: Bindings = [
  { keys: ["q"], action: { kind: "quit" }, hint: "leave", help: "leave the tour" },
  { keys: ["escape", "ctrl-c"], action: { kind: "quit" }, help: "the same" },
];

/** What keys do in the tour, and on its last screen. */
export function tourKeys(tour: Tour): KeyMap<TourAction> {
  if (isOver(tour)) {
    const again: Bindings = [
      { keys: ["space"], action: { kind: "play" }, hint: "again", help: "once more, from the beginning" },
    ];
    return { bindings: [...again, ...MOVES, ...LEAVE] };
  }
  const clock: Bindings = [
    {
      keys: ["space"],
      action: { kind: "play" },
      hint: tour.playing ? "pause" : "go on",
      help: "stop the clock; let it go on",
    },
  ];
  const open: Bindings = [
    { keys: ["r"], action: { kind: "player" }, hint: "player", help: "open this level in the full player" },
  ];
  return { bindings: [...clock, ...MOVES, ...open, ...LEAVE] };
}
