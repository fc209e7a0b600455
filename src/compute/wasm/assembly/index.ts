// The kernels' door: jobs, and the threads that share them.
//
// A job is a number of independent tasks; whoever is free takes the next. What a task computes, and into which buffer, depends on its
// number only, so results do not depend on who took it. The control block holds, 4 bytes each:
//
//   0 epoch      counts jobs; workers sleep on it          4 remaining   tasks not yet taken; a take is one atomic decrement
//   8 done       tasks finished                           12 count       tasks of the job
//  16 kind      20 model                                  24 sleepers    workers about to sleep or asleep
//  28 quit
//
// kind, model and count are written while `remaining` is not positive, thus while nobody reads them, and published by `remaining`.

import { BLOCK_ROWS, CHUNKS, JOB_BACKWARD, JOB_FORWARD, JOB_REDUCE, STATS } from "../../fused/constants";
import { reduceSlice, stepSlice } from "./adam";
import { chainAll, seeAll } from "./convolution";
import { emitBlock, lossBlock, mixBlock } from "./loss";
import { exp as exponential, log as logarithm } from "./math";
import { backwardBlock, forwardBlock, transposeAll } from "./network";
import { Group, Hyper, Model } from "./records";

const EPOCH = 0;
const REMAINING = 4;
const DONE = 8;
const COUNT = 12;
const KIND = 16;
const MODEL = 20;
const SLEEPERS = 24;
const QUIT = 28;

/** Looks at a word before going to sleep on it: some fifty microseconds, the longest gap between two forward passes of a rollout. */
const SPINS = 20000;

@inline
function groupAt(model: Model, index: usize): Group {
  return changetype<Group>(model.groups + index * offsetof<Group>());
}

/** Rows [task * forwardTaskRows, ...) of the staged observations. */
function forwardTask(model: Model, scratch: usize, task: u32): void {
  const first = task * model.forwardTaskRows;
  const rows = min<u32>(model.forwardTaskRows, model.forwardRows - first);
  for (let row: u32 = 0; row < rows; row++) store<u32>(scratch + model.rows + (<usize>row << 2), first + row);
  forwardBlock(model, scratch, rows, model.stride, model.counts, model.features);
  mixBlock(model, scratch, (rows + 3) & ~3, model.lnScale);
  emitBlock(model, scratch, rows, first);
}

/** Chunk `task` of the minibatch: its loss, statistics and gradient, block by block. */
function backwardTask(model: Model, scratch: usize, task: u32): void {
  const batch = model.batch;
  // Equal pieces in whole quads of rows: a function of the minibatch's size alone.
  const size = ((batch + 4 * CHUNKS - 1) / (4 * CHUNKS)) * 4;
  const end = min<u32>(batch, (task + 1) * size);
  const gradient = model.gradients + <usize>task * model.parameterBytes;
  const stats = model.stats + <usize>task * STATS * 16;
  memory.fill(stats, 0, STATS * 16);
  for (let start = task * size; start < end; start += BLOCK_ROWS) {
    const rows = min<u32>(BLOCK_ROWS, end - start);
    const numbers = scratch + model.rows;
    memory.copy(numbers, model.indices + (<usize>start << 2), <usize>rows << 2);
    forwardBlock(model, scratch, rows, model.trainStride, model.trainCounts, model.trainFeatures);
    lossBlock(model, scratch, rows, gradient, stats);
    backwardBlock(model, scratch, rows, model.trainStride, model.trainCounts, model.trainFeatures, gradient);
  }
}

function perform(kind: u32, model: Model, thread: u32, task: u32): void {
  const scratch = model.scratch + <usize>thread * model.scratchBytes;
  if (kind == JOB_FORWARD) forwardTask(model, scratch, task);
  else if (kind == JOB_BACKWARD) backwardTask(model, scratch, task);
  else if (kind == JOB_REDUCE) reduceSlice(model, task);
  else stepSlice(model, task);
}

/** Take tasks until none is left. */
function drain(control: usize, thread: u32): void {
  for (;;) {
    const left = atomic.sub<i32>(control + REMAINING, 1);
    if (left <= 0) return;
    const count = atomic.load<i32>(control + COUNT);
    const model = changetype<Model>(<usize>atomic.load<u32>(control + MODEL));
    perform(atomic.load<u32>(control + KIND), model, thread, count - left);
    if (atomic.add<i32>(control + DONE, 1) + 1 == count) atomic.notify(control + DONE, 1);
  }
}

/** Do all tasks of a job: alone, or with the workers that are awake when `share` is set. Thread 0. */
export function run(control: usize, kind: u32, model: usize, count: i32, share: bool): void {
  if (!share || count < 2) {
    for (let task = 0; task < count; task++) perform(kind, changetype<Model>(model), 0, task);
    return;
  }
  atomic.store<u32>(control + KIND, kind);
  atomic.store<u32>(control + MODEL, <u32>model);
  atomic.store<i32>(control + COUNT, count);
  atomic.store<i32>(control + DONE, 0);
  atomic.store<i32>(control + REMAINING, count);
  atomic.add<i32>(control + EPOCH, 1);
  if (atomic.load<i32>(control + SLEEPERS) > 0) atomic.notify(control + EPOCH, -1);
  drain(control, 0);
  for (let spin = 0; spin < SPINS; spin++) {
    if (atomic.load<i32>(control + DONE) == count) return;
  }
  for (;;) {
    const done = atomic.load<i32>(control + DONE);
    if (done == count) return;
    atomic.wait<i32>(control + DONE, done, -1);
  }
}

/** A worker's life: until `quit`. */
export function work(control: usize, thread: u32): void {
  while (atomic.load<i32>(control + QUIT) == 0) {
    // Read before looking for work: a job published after the look changes it, and the wait below returns at once.
    const epoch = atomic.load<i32>(control + EPOCH);
    let spin = 0;
    while (spin < SPINS && atomic.load<i32>(control + REMAINING) <= 0) spin++;
    if (spin == SPINS) {
      atomic.add<i32>(control + SLEEPERS, 1);
      atomic.wait<i32>(control + EPOCH, epoch, -1);
      atomic.sub<i32>(control + SLEEPERS, 1);
    }
    drain(control, thread);
  }
}

/** Tell the workers to end. */
export function quit(control: usize): void {
  atomic.store<i32>(control + QUIT, 1);
  atomic.add<i32>(control + EPOCH, 1);
  atomic.notify(control + EPOCH, -1);
}

/**
 * Look through the minibatch: mark the groups that some of its rows can move, and return how many rows have a gate target.
 * Groups are in order: modules, the gate if learned, output, critic.
 */
export function survey(at: usize): u32 {
  const model = changetype<Model>(at);
  const K = <usize>model.modules;
  const movesByTarget = changetype<Hyper>(model.hyper).gateCoef != 0;
  let targets: u32 = 0;
  let gate = false;
  for (let k: usize = 0; k < K; k++) groupAt(model, k).active = 0;
  for (let i: usize = 0; i < model.batch; i++) {
    const row = <usize>load<u32>(model.indices + (i << 2));
    let target = false;
    for (let k: usize = 0; k < K; k++) {
      if (load<f32>(model.moduleMask + ((row * K + k) << 2)) != 0) groupAt(model, k).active = 1;
      if (load<f32>(model.gateTarget + ((row * K + k) << 2)) != 0) target = true;
    }
    if (target) targets++;
    if (load<f32>(model.gateMask + (row << 2)) != 0 || (target && movesByTarget)) gate = true;
  }
  let g = K;
  if (model.learned) groupAt(model, g++).active = gate;
  groupAt(model, g).active = 1;
  groupAt(model, g + 1).active = 1;
  return targets;
}

/** Bring what is derived from the parameters up to date: transposed weights, and the first layers that convolutions make. */
export function derive(model: usize): void {
  transposeAll(changetype<Model>(model));
  seeAll(changetype<Model>(model));
}

/** The gradients behind convolutions, once the chunks are done and before they are reduced. */
export function chain(model: usize): void {
  chainAll(changetype<Model>(model));
}

export function exp(x: f64): f64 {
  return exponential(x);
}

export function log(x: f64): f64 {
  return logarithm(x);
}
