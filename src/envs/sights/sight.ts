/** Where the planes of an observation show a cell of the map, and what they show beside the objects. */
export interface Sight {
  /** Rows and columns of a plane. */
  readonly height: number;
  readonly width: number;
  /** Names of the planes before those of the objects, and after them. */
  readonly before: readonly string[];
  readonly after: readonly string[];
  /** The most places that are on in those planes. */
  readonly maxActive: number;
  /** Where a plane shows a cell, row * width + column; -1 where it is out of sight. */
  place(agent: number, cell: number): number;
  /** Write the features of the planes `after`, which begin at feature `base`, into `out` from `at` on; returns where they end. */
  groundInto(walls: Uint8Array, agent: number, base: number, out: Uint16Array, at: number): number;
}
