import { describe, expect, test, vi } from "vitest";
import { galleryFolder, readGallery } from "../../../../cli/screens/demo/gallery.ts";
import { CLOCK, tourKeys } from "../../../../cli/screens/demo/program.ts";
import { ghosts, tourSceneOf, tourSeconds } from "../../../../cli/screens/demo/scenes.ts";
import {
  beatOf,
  beginTour,
  elapsedOf,
  isOver,
  type Tour,
  type TourAction,
  tourReducer,
} from "../../../../cli/screens/demo/tour.ts";
import { actionOf } from "../../../../cli/tui/keys.ts";

const scenes = (await readGallery(galleryFolder())).map(tourSceneOf);

/** Two scenes of two and three beats, of 1, 2, 4, 8 and 16 seconds. */
const beats = (...seconds: number[]) => seconds.map((each, step) => ({ step, seconds: each, caption: `step ${step}` }));
const TINY = beginTour([
  { ...scenes[0], beats: beats(1, 2) },
  { ...scenes[1], beats: beats(4, 8, 16) },
]);
const place = ({ scene, beat, playing, leaving }: Tour) => [scene, beat, playing, leaving];
const went = (...actions: TourAction[]) => place(actions.reduce(tourReducer, TINY));
const tick = { kind: "tick" } as const;
const by = (kind: "beat" | "scene", by: 1 | -1) => ({ kind, by }) as const;

describe("the tour", () => {
  test("plays from beat to beat and scene to scene, and stops on the last screen", () => {
    expect(went()).toEqual([0, 0, true, null]);
    expect(went(tick)).toEqual([0, 1, true, null]);
    expect(went(tick, tick)).toEqual([1, 0, true, null]);
    expect(went(tick, tick, tick, tick)).toEqual([1, 2, true, null]);
    expect(went(tick, tick, tick, tick, tick)).toEqual([2, 0, false, null]);
    expect(went(tick, tick, tick, tick, tick, tick)).toEqual([2, 0, false, null]);
  });

  test("space stops the clock and lets it go on; a tick that comes late moves nothing", () => {
    expect(went({ kind: "play" }, tick, tick)).toEqual([0, 0, false, null]);
    expect(went({ kind: "play" }, { kind: "play" }, tick)).toEqual([0, 1, true, null]);
  });

  test("a step by hand stops the clock, and goes over the scenes' edges", () => {
    expect(went(by("beat", 1), by("beat", 1))).toEqual([1, 0, false, null]);
    expect(went(by("beat", 1), by("beat", 1), by("beat", -1))).toEqual([0, 1, false, null]);
    expect(went(by("beat", -1))).toEqual([0, 0, false, null]);
    expect(went(by("scene", 1), by("scene", 1), by("beat", -1))).toEqual([1, 2, false, null]);
    expect(went(by("scene", 1), by("scene", 1), by("beat", 1), by("beat", -1))).toEqual([1, 2, false, null]);
  });

  test("another scene is shown from its beginning, and the clock goes on", () => {
    expect(went(tick, by("scene", 1))).toEqual([1, 0, true, null]);
    expect(went(tick, by("scene", -1))).toEqual([0, 0, true, null]);
    expect(went({ kind: "play" }, by("scene", 1))).toEqual([1, 0, false, null]);
    expect(went(by("scene", 1), by("scene", 1), by("scene", 1))).toEqual([2, 0, false, null]);
  });

  test("on the last screen space begins anew, and there is no level to be opened", () => {
    expect(went(by("scene", 1), by("scene", 1), { kind: "play" })).toEqual([0, 0, true, null]);
    expect(went(by("scene", 1), by("scene", 1), { kind: "player" })).toEqual([2, 0, false, null]);
    expect(went(tick, { kind: "player" })).toEqual([0, 1, false, "player"]);
    expect(went({ kind: "quit" })).toEqual([0, 0, true, "shell"]);
  });

  test("says how many seconds have passed", () => {
    const seconds: number[] = [];
    let tour: Tour = TINY;
    for (; !isOver(tour); tour = tourReducer(tour, tick)) seconds.push(elapsedOf(tour));
    expect([...seconds, elapsedOf(tour)]).toEqual([0, 1, 3, 7, 15, 31]);
    expect(beatOf(tour)).toBeUndefined();
  });
});

test("the clock rings once, after so many seconds, unless it is stopped before", () => {
  vi.useFakeTimers();
  try {
    const ring = vi.fn();
    CLOCK(2, ring);
    CLOCK(1, ring)();
    vi.advanceTimersByTime(1999);
    expect(ring).not.toHaveBeenCalled();
    vi.advanceTimersByTime(5000);
    expect(ring).toHaveBeenCalledOnce();
  } finally {
    vi.useRealTimers();
  }
});

test("keys", () => {
  const press = (tour: Tour, key: string) => actionOf(tourKeys(tour), key);
  expect(press(TINY, "space")).toEqual({ kind: "play" });
  expect(press(TINY, "left")).toEqual({ kind: "beat", by: -1 });
  expect(press(TINY, "right")).toEqual({ kind: "beat", by: 1 });
  expect(press(TINY, "up")).toEqual({ kind: "scene", by: -1 });
  expect(press(TINY, "down")).toEqual({ kind: "scene", by: 1 });
  expect(press(TINY, "r")).toEqual({ kind: "player" });
  for (const key of ["q", "escape", "ctrl-c"]) expect(press(TINY, key)).toEqual({ kind: "quit" });
  const over = { ...TINY, scene: 2 };
  expect(press(over, "r")).toBeUndefined();
  expect(press(over, "space")).toEqual({ kind: "play" });
  expect(press(over, "left")).toEqual({ kind: "beat", by: -1 });
});

describe("the scenes of the gallery", () => {
  test("take less than 90 seconds together, each caption time to be read at 30 letters a second", () => {
    expect(tourSeconds(scenes)).toBeLessThan(90);
    for (const { beats } of scenes) {
      for (const caption of new Set(beats.map((beat) => beat.caption))) {
        const seconds = beats.filter((beat) => beat.caption === caption).reduce((sum, beat) => sum + beat.seconds, 0);
        expect(caption.length / seconds).toBeLessThan(30);
      }
    }
  });

  test("show one that takes the Ghost and one that reaches the Diamond, as the captions say", () => {
    const outcomes = scenes.map(({ lanes }) => lanes.map(({ shown }) => shown.trace.outcome));
    expect(outcomes).toEqual([
      ["ghost", "diamond"],
      ["ghost", "diamond"],
      ["ghost", "diamond"],
    ]);
  });

  test("show what each agent is most inclined to: the likeliest action at every step, on the same level", () => {
    for (const { lanes } of scenes) {
      for (const { shown } of lanes) {
        const { opinions, acting, trace } = shown;
        expect(opinions).toHaveLength(trace.actions.length);
        opinions?.forEach(({ probabilities }, t) => {
          expect(probabilities[acting][trace.actions[t]]).toBe(Math.max(...probabilities[acting]));
        });
      }
      expect(lanes[0].shown.maps[0]).toBe(lanes[1].shown.maps[0]);
    }
  });

  test("say the rates that were measured, of the seed that is shown and of all", () => {
    for (const { lanes, beats } of scenes) {
      const caption = beats.at(-1)?.caption ?? "";
      for (const { measured, head } of lanes) {
        expect(measured[0].seed).toBe(head.seed);
        expect(caption).toContain(`${Math.round(100 * measured[0].rates.ghost)} %`);
        expect(caption).toContain(ghosts(measured));
        for (const { rates } of measured) {
          expect(Object.values(rates).reduce((sum, rate) => sum + rate)).toBeCloseTo(1, 9);
        }
      }
    }
  });

  test("rates in words", () => {
    const seed = (number: number, ghost: number) => ({ seed: number, levels: 10, all: true, rates: { ghost } });
    expect(ghosts([seed(0, 0.946)])).toBe("95 %");
    expect(ghosts([seed(0, 0.161), seed(1, 0.16)])).toBe("16 % (all 2 seeds)");
    expect(ghosts([seed(0, 0.5), seed(1, 0.994), seed(2, 0.2)])).toBe("50 % (20 to 99 over 3 seeds)");
  });
});
