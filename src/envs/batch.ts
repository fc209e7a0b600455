import { createObservations, type Observations } from "../core/observations.ts";
import type { Stream } from "../core/random.ts";
import { observedFeatures, observeMarked } from "./observe.ts";
import type { World } from "./world.ts";

export interface EnvBatchOptions<Level> {
  readonly world: World<Level>;
  /** N, how many worlds step side by side. */
  readonly worlds: number;
  /** The level of world n's episode e is drawn from (n, e) of this stream. */
  readonly levels: Stream;
  /** First states and transitions of world n's episode e draw from (n, e) of this stream. */
  readonly chance: Stream;
  /**
   * An episode begins: set the marks that its observations show. `marks` [cells] is all 0 on entry and is not changed until
   * the episode ends.
   */
  begin(n: number, episode: number, level: Level, marks: Uint8Array): void;
  /** Slots of an observation: the world's `maxActive` and the most visible marks. */
  readonly maxActive: number;
  /** Whether marks are features, a plane after the world's own; if not, they are recorded only. */
  readonly visible: boolean;
}

/** What a batch is doing, as plain data. Levels are not in it: they are drawn again from their stream. */
export interface EnvBatchState {
  /** [N] */
  readonly episode: number[];
  /** Steps taken in the episode that runs, [N]. */
  readonly steps: number[];
  /** Draws of chance used by the episode that runs, [N]. */
  readonly draws: number[];
  /** [N, stateSize] */
  readonly states: number[];
  /** [N, cells] */
  readonly marks: number[];
}

/**
 * N worlds that step side by side and reset themselves, with explicit final observations.
 *
 * `step` writes what happened into public arrays, row n for world n; each `step` overwrites them. Where an episode ended,
 * `finals`, `finalCell` and `finalMarks` hold its last moment; where none did, they are empty (count 0, -1, all 0), so that
 * nothing stale can be read. What follows a reset is seen by `observeInto`, `state`, `level`, `marks` and `steps` alone.
 * World n's numbers depend on (n, its episode, its actions) only, never on the other worlds.
 */
export class EnvBatch<Level> {
  readonly world: World<Level>;
  readonly worlds: number;
  /** Features of an observation, those of the marks included. */
  readonly features: number;
  readonly maxActive: number;

  /** Events of the step, [N]. */
  readonly events: Uint32Array;
  /** 1 where the step reached a terminal state, [N]. */
  readonly terminated: Uint8Array;
  /** 1 where the step was the horizon's last and did not terminate, [N]. */
  readonly truncated: Uint8Array;
  /** Number of the episode that the step belonged to, from 0, [N]. */
  readonly episode: Int32Array;
  /** The agent's cell at the end of the episode, -1 where none ended, [N]. */
  readonly finalCell: Int32Array;
  /** Observation that the step led to, taken before the reset, N rows; count 0 where no episode ended. */
  readonly finals: Observations;
  /** Marks of the episode that ended, all 0 where none did, [N, cells]. */
  readonly finalMarks: Uint8Array;
  /** Steps taken in the episode that runs, [N]. */
  readonly steps: Int32Array;

  private readonly options: EnvBatchOptions<Level>;
  private readonly cells: number;
  private readonly running: Int32Array;
  private readonly draws: Float64Array;
  private readonly levels: Level[];
  private readonly states: Int32Array;
  private readonly stateViews: Int32Array[];
  private readonly markCells: Uint8Array;
  private readonly markViews: Uint8Array[];

  /** Begins episode 0 of every world. @throws RangeError when an option is out of its range. */
  constructor(options: EnvBatchOptions<Level>) {
    const { world, worlds, maxActive, visible } = options;
    if (!Number.isInteger(worlds) || worlds < 1) {
      throw new RangeError(`EnvBatch: worlds is ${worlds}, expected an integer of at least 1`);
    }
    if (maxActive < world.maxActive) {
      throw new RangeError(`EnvBatch: maxActive is ${maxActive}, expected at least the world's ${world.maxActive}`);
    }
    const cells = world.height * world.width;
    this.options = options;
    this.world = world;
    this.worlds = worlds;
    this.features = observedFeatures(world as World, visible);
    if (this.features > 65_536) {
      throw new RangeError(`EnvBatch: an observation has ${this.features} features, expected at most 65,536`);
    }
    this.maxActive = maxActive;
    this.events = new Uint32Array(worlds);
    this.terminated = new Uint8Array(worlds);
    this.truncated = new Uint8Array(worlds);
    this.episode = new Int32Array(worlds);
    this.finalCell = new Int32Array(worlds).fill(-1);
    this.finals = createObservations(worlds, maxActive);
    this.finalMarks = new Uint8Array(worlds * cells);
    this.steps = new Int32Array(worlds);
    this.cells = cells;
    this.running = new Int32Array(worlds);
    this.draws = new Float64Array(worlds);
    this.levels = [];
    this.states = new Int32Array(worlds * world.stateSize);
    this.stateViews = [];
    this.markCells = new Uint8Array(worlds * cells);
    this.markViews = [];
    for (let n = 0; n < worlds; n++) {
      this.stateViews.push(this.states.subarray(n * world.stateSize, (n + 1) * world.stateSize));
      this.markViews.push(this.markCells.subarray(n * cells, (n + 1) * cells));
      this.levels.push(world.sample(options.levels.seek(n, 0)));
      this.reset(n);
    }
  }

  /** Write the observation that world n acts on now into row firstRow + n, for every world. */
  observeInto(observations: Observations, firstRow: number): void {
    if (observations.stride !== this.maxActive) {
      throw new RangeError(
        `EnvBatch.observeInto: observations have ${observations.stride} slots, expected ${this.maxActive}`,
      );
    }
    for (let n = 0; n < this.worlds; n++) this.observeWorld(n, observations, firstRow + n);
  }

  /**
   * Take action `actions[n]` in world n, for every world; where an episode ended, begin the next one.
   *
   * Shapes: actions [N], each in [0, world.actions.length).
   */
  step(actions: Uint8Array): void {
    const { world, worlds, options, cells } = this;
    const { chance } = options;
    for (let n = 0; n < worlds; n++) {
      if (actions[n] >= world.actions.length) {
        throw new RangeError(
          `EnvBatch.step: action of world ${n} is ${actions[n]}, expected less than ${world.actions.length}`,
        );
      }
      if (this.finalCell[n] !== -1) {
        this.finals.counts[n] = 0;
        this.finalCell[n] = -1;
        this.finalMarks.fill(0, n * cells, (n + 1) * cells);
      }
      const level = this.levels[n];
      const state = this.stateViews[n];
      if (world.deterministic) {
        this.events[n] = world.step(level, state, actions[n], chance);
      } else {
        chance.seek(n, this.running[n], this.draws[n]);
        this.events[n] = world.step(level, state, actions[n], chance);
        this.draws[n] = chance.position;
      }
      this.steps[n]++;
      const terminated = world.terminal(level, state);
      const truncated = !terminated && this.steps[n] >= world.horizon;
      this.terminated[n] = terminated ? 1 : 0;
      this.truncated[n] = truncated ? 1 : 0;
      this.episode[n] = this.running[n];
      if (terminated || truncated) {
        this.observeWorld(n, this.finals, n);
        this.finalCell[n] = world.cell(level, state);
        this.finalMarks.set(this.markViews[n], n * cells);
        this.running[n]++;
        this.levels[n] = world.sample(options.levels.seek(n, this.running[n]));
        this.reset(n);
      }
    }
  }

  /** The level that world n is on now. */
  level(n: number): Level {
    return this.levels[n];
  }

  /** The state that world n is in now, [stateSize]: a view, to be read only. */
  state(n: number): Int32Array {
    return this.stateViews[n];
  }

  /** The marks of the episode that world n plays now, [cells]: a view, to be read only. */
  marks(n: number): Uint8Array {
    return this.markViews[n];
  }

  getState(): EnvBatchState {
    return {
      episode: [...this.running],
      steps: [...this.steps],
      draws: [...this.draws],
      states: [...this.states],
      marks: [...this.markCells],
    };
  }

  /**
   * Go on from a state that `getState` gave, in a batch with the same options. `begin` is not called, but the constructor
   * called it for episode 0: an overseer that counts restores its own state after this. The arrays that `step` writes are
   * meaningless until the next step.
   * @throws RangeError when an array has the wrong length.
   */
  setState(state: EnvBatchState): void {
    const { worlds, cells, world } = this;
    const lengths = {
      episode: worlds,
      steps: worlds,
      draws: worlds,
      states: this.states.length,
      marks: worlds * cells,
    };
    for (const [name, length] of Object.entries(lengths)) {
      const found = state[name as keyof EnvBatchState].length;
      if (found !== length) {
        throw new RangeError(`EnvBatch.setState: ${name} has ${found} elements, expected ${length}`);
      }
    }
    this.running.set(state.episode);
    this.steps.set(state.steps);
    this.draws.set(state.draws);
    this.states.set(state.states);
    this.markCells.set(state.marks);
    this.finals.counts.fill(0);
    this.finalCell.fill(-1);
    this.finalMarks.fill(0);
    for (let n = 0; n < worlds; n++) {
      this.levels[n] = world.sample(this.options.levels.seek(n, this.running[n]));
    }
  }

  /** Begin the episode `running[n]` on the level drawn for it. */
  private reset(n: number): void {
    const { world, options } = this;
    const { chance, visible, maxActive } = options;
    const level = this.levels[n];
    world.start(level, chance.seek(n, this.running[n]), this.stateViews[n]);
    this.draws[n] = chance.position;
    this.steps[n] = 0;
    const marks = this.markViews[n];
    marks.fill(0);
    options.begin(n, this.running[n], level, marks);
    if (!visible) return;
    let marked = 0;
    for (let cell = 0; cell < this.cells; cell++) if (marks[cell]) marked++;
    if (world.maxActive + marked > maxActive) {
      throw new RangeError(
        `EnvBatch: begin marked ${marked} cells of world ${n}, expected at most ${maxActive - world.maxActive}`,
      );
    }
  }

  private observeWorld(n: number, observations: Observations, row: number): void {
    const { indices, stride } = observations;
    const marks = this.options.visible ? this.markViews[n] : null;
    observations.counts[row] = observeMarked(
      this.world,
      this.levels[n],
      this.stateViews[n],
      marks,
      indices,
      row * stride,
    );
  }
}
