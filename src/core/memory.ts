/*
 * That memory has run out is a limit of the machine or of an engine, and no bug of ours: it is told as what it is, with what to lower.
 */

export const OUT_OF_MEMORY = "memory ran out";
export const LESS_MEMORY = "lower --jobs, train.worlds, train.rollout or the widths in agent";

/**
 * What V8 and WebAssembly throw where they cannot have memory; typed arrays longer than any can be among it. A length that is negative, or no
 * number, is a bug of ours.
 */
const REFUSALS =
  /Array buffer allocation failed|Maximum memory size exceeded|could not allocate memory|Invalid typed array length: \d{10,}|out of memory|Failed to (allocate|grow)/i;

/** What a process writes to stderr when V8 ends it for want of memory. */
const LAST_WORDS = /heap out of memory|Fatal process out of memory|Committing semi space failed|OOM error/i;

export function isOutOfMemory(error: unknown): boolean {
  if (error instanceof Error && "code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY") return true;
  return error instanceof RangeError && REFUSALS.test(error.message);
}

/** Whether a process that wrote this to stderr ended for want of memory. */
export const diedOutOfMemory = (stderr: string): boolean => LAST_WORDS.test(stderr) || REFUSALS.test(stderr);
