/**
 * A block of observations, each the set of its active binary features.
 *
 * Worlds here show a handful of ones among many zeros, so a row stores the indices of its ones: the first layer of a
 * network is then a sum of weight rows. Row r's features are `indices[r * stride .. r * stride + counts[r])`,
 * each in [0, features), without repetition.
 */
export interface Observations {
  /** Slots per row; the most features that can be active at once. */
  readonly stride: number;
  /** Active features of each row, [rows]. */
  readonly counts: Uint16Array;
  /** Feature indices, [rows, stride]; slots past a row's count are unspecified. */
  readonly indices: Uint16Array;
}

/** Room for `rows` observations of at most `stride` active features. */
export function createObservations(rows: number, stride: number): Observations {
  return { stride, counts: new Uint16Array(rows), indices: new Uint16Array(rows * stride) };
}

/** Copy row `source` of `from` onto row `target` of `to`; both have the same stride. */
export function copyObservation(from: Observations, source: number, to: Observations, target: number): void {
  const { stride } = from;
  to.counts[target] = from.counts[source];
  to.indices.set(from.indices.subarray(source * stride, source * stride + from.counts[source]), target * stride);
}
