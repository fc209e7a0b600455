/** Rows that pass through the networks together. Fixed: a thread's scratch is small, and no order of summation depends on the caller. */
export const BLOCK_ROWS = 64;
/** Columns of a panel: activations and dense weights are stored as panels of eight columns, see assembly/dense.ts. */
export const PANEL = 8;
/** Bytes from one panel of activations to the next: BLOCK_ROWS * PANEL * 4. */
export const PANEL_BYTES = 2048;
/** Pieces of a minibatch, each with its own gradient: the order of summation, whatever the number of threads. */
export const CHUNKS = 8;
/** Kinds of jobs, see assembly/index.ts. */
export const JOB_FORWARD = 0;
export const JOB_BACKWARD = 1;
export const JOB_REDUCE = 2;
export const JOB_STEP = 3;
/** Statistics of a chunk, two f64 each (even rows, odd rows), in this order. */
export const STAT_POLICY = 0;
export const STAT_VALUE = 1;
export const STAT_ENTROPY = 2;
export const STAT_GATE = 3;
export const STAT_KL = 4;
export const STAT_CLIPPED = 5;
export const STATS = 8;
