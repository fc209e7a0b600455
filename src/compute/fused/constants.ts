/** Rows that pass through the networks together. Fixed: a thread's scratch is small, and no order of summation depends on the caller. */
export const BLOCK_ROWS = 64;
/** Pieces of a minibatch, each with its own gradient: the order of summation, whatever the number of threads. */
export const CHUNKS = 8;
/** Kinds of jobs, see ../wasm/assembly/index.ts. */
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
