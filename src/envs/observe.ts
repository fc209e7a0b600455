import type { World } from "./world.ts";

/** Features of an observation: the world's own, and a plane of marks where they are visible. */
export function observedFeatures(world: World, visible: boolean): number {
  return world.features + (visible ? world.planeHeight * world.planeWidth : 0);
}

/** What the world's part of an observation is made of, for people. */
export function describePlanes({ planes, planeHeight, planeWidth }: World): string {
  return `planes ${planes.join(", ")} of ${planeHeight} x ${planeWidth}`;
}

/**
 * Write an observation with its visible marks (null: hidden) into `out` from `at` on; returns the number of active features.
 *
 * `marks` [cells] are cells of the map; a marked cell that the planes do not show is not shown.
 */
export function observeMarked<Level>(
  world: World<Level>,
  level: Level,
  state: Int32Array,
  marks: Uint8Array | null,
  out: Uint16Array,
  at: number,
): number {
  let active = world.observe(level, state, out, at);
  if (marks !== null) {
    for (let cell = 0; cell < marks.length; cell++) {
      if (!marks[cell]) continue;
      const place = world.placeInPlane(state, cell);
      if (place >= 0) out[at + active++] = world.features + place;
    }
  }
  return active;
}
