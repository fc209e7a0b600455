import { type Beat, type TourScene, tourSeconds } from "./scenes.ts";

/** All that the tour's screen depends on. */
export interface Tour {
  readonly scenes: readonly TourScene[];
  /** Which scene is shown; as many as there are: the last screen. */
  readonly scene: number;
  /** Which of its beats. */
  readonly beat: number;
  readonly playing: boolean;
  /** What the screen is left for. */
  readonly leaving: "player" | "shell" | null;
}

export type TourAction =
  | { readonly kind: "beat" | "scene"; readonly by: 1 | -1 }
  | { readonly kind: "tick" | "play" | "player" | "quit" };

export function beginTour(scenes: readonly TourScene[], scene = 0): Tour {
  return { scenes, scene, beat: 0, playing: true, leaving: null };
}

export const isOver = ({ scenes, scene }: Tour): boolean => scene >= scenes.length;

/** The beat that is shown; undefined on the last screen. */
export const beatOf = ({ scenes, scene, beat }: Tour): Beat | undefined => scenes[scene]?.beats[beat];

/** Seconds of the tour that have passed before this beat. */
export function elapsedOf(tour: Tour): number {
  const { scenes, scene, beat } = tour;
  const before = (scenes[scene]?.beats ?? []).slice(0, beat);
  return tourSeconds(scenes.slice(0, scene)) + before.reduce((sum, { seconds }) => sum + seconds, 0);
}

/** The tour after an action. Whoever steps by hand is not hurried on: it pauses. */
export function tourReducer(tour: Tour, action: TourAction): Tour {
  switch (action.kind) {
    case "tick":
      return tour.playing ? toBeat(tour, 1) : tour;
    case "beat":
      return { ...toBeat(tour, action.by), playing: false };
    case "scene": {
      const scene = Math.max(0, Math.min(tour.scenes.length, tour.scene + action.by));
      return { ...tour, scene, beat: 0, playing: tour.playing && scene < tour.scenes.length };
    }
    case "play":
      // At the end it begins anew.
      return isOver(tour) ? beginTour(tour.scenes) : { ...tour, playing: !tour.playing };
    case "player":
      return isOver(tour) ? tour : { ...tour, playing: false, leaving: "player" };
    case "quit":
      return { ...tour, leaving: "shell" };
    default:
      return action satisfies never;
  }
}

function toBeat(tour: Tour, by: 1 | -1): Tour {
  const { scenes, scene, beat } = tour;
  const next = beat + by;
  if (isOver(tour) && by > 0) return tour;
  if (scenes[scene]?.beats[next] !== undefined) return { ...tour, beat: next };
  if (by > 0) return { ...tour, scene: scene + 1, beat: 0, playing: tour.playing && scene + 1 < scenes.length };
  return scene === 0 ? tour : { ...tour, scene: scene - 1, beat: scenes[scene - 1].beats.length - 1 };
}
