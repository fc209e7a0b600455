import type { TrainingRows } from "../engine.ts";

/** What stands in a row of the device's table before the masks and targets [2 K] and the features [stride]. */
const SINGLES = ["actions", "logProbabilities", "values", "advantages", "returns", "gateMask"] as const;

/** One replica's rows, as loaded. */
export interface Rows {
  readonly rows: number;
  readonly stride: number;
  /** [rows, singles + 2 K], float32. */
  readonly columns: Float32Array;
  /** [rows, stride], -1 where there is none. */
  readonly features: Int32Array;
  /** How many of some rows have a gate target. */
  targetsAmong(indices: Int32Array): number;
  /** Who may learn from some rows' policy loss: each module, and the gate. */
  learnersAmong(indices: Int32Array): { readonly modules: readonly boolean[]; readonly gate: boolean };
}

/** A copy of the first `rows` rows; K modules. */
export function rowsOf(data: TrainingRows, rows: number, K: number): Rows {
  const width = SINGLES.length + 2 * K;
  const { stride, counts, indices } = data.observations;
  const columns = new Float32Array(rows * width);
  const features = new Int32Array(rows * stride).fill(-1);
  const hasTarget = new Uint8Array(rows);
  for (let row = 0; row < rows; row++) {
    let at = row * width;
    for (const name of SINGLES) columns[at++] = data[name][row];
    for (let k = 0; k < K; k++) columns[at++] = data.moduleMask[row * K + k];
    for (let k = 0; k < K; k++) {
      columns[at++] = data.gateTarget[row * K + k];
      if (data.gateTarget[row * K + k] !== 0) hasTarget[row] = 1;
    }
    features.set(indices.subarray(row * stride, row * stride + counts[row]), row * stride);
  }
  const isAnywhere = (chosen: Int32Array, column: number) => chosen.some((row) => columns[row * width + column] !== 0);
  return {
    ...{ rows, stride, columns, features },
    targetsAmong: (chosen) => chosen.reduce((count, row) => count + hasTarget[row], 0),
    learnersAmong: (chosen) => ({
      modules: Array.from({ length: K }, (_, k) => isAnywhere(chosen, SINGLES.length + k)),
      gate: isAnywhere(chosen, SINGLES.length - 1),
    }),
  };
}

/**
 * Everybody's rows in one table [P * most, singles + 2 K + stride], replica r's from r * most on; features stand in it as float32, which
 * holds integers to 2^24 exactly.
 */
export function tableOf(
  replicas: readonly (Rows | undefined)[],
  most: number,
  stride: number,
  K: number,
): Float32Array {
  const own = SINGLES.length + 2 * K;
  const width = own + stride;
  const table = new Float32Array(replicas.length * most * width);
  replicas.forEach((data, replica) => {
    for (let row = 0; data !== undefined && row < data.rows; row++) {
      let to = (replica * most + row) * width;
      for (let from = row * own; from < (row + 1) * own; from++) table[to++] = data.columns[from];
      for (let slot = 0; slot < stride; slot++) {
        table[to++] = slot < data.stride ? data.features[row * data.stride + slot] : -1;
      }
    }
  });
  return table;
}
