import seedrandom from "seedrandom";

/** A source of uniform numbers in [0, 1). */
export interface Rng {
  next(): number;
}

/**
 * Finite chance: all that a world may draw from. It can be sampled from a stream, or followed every way with its probability
 * (envs/chance.ts), so that one rule serves both.
 */
export interface Chance {
  /** An integer in [0, n), each as likely as any other. */
  below(n: number): number;
  /** True with probability p. */
  flip(p: number): boolean;
}

const TWO_POW_MINUS_32 = 2 ** -32;

/**
 * One named random stream: `new Stream(seed, "level")` is keyed by the path `<seed>/level`, never by order of use.
 *
 * Seeding costs microseconds, as much as several environment steps, so seedrandom's `alea` seeds each *named* stream
 * once, and the latest names are remembered; inside it, draws are indexed by (major, minor, draw) through a counter-based hash. The same index gives the
 * same number whatever was drawn before, so results do not depend on threads, resuming or logging.
 *
 * The hash is MurmurHash3's block function over the three counters with two 32-bit keys, finalised twice
 * (Appleby 2011, public domain); uniformity and the independence of neighbours are tested in test/core.
 */
export class Stream implements Rng, Chance {
  readonly path: string;
  private readonly key0: number;
  private readonly key1: number;
  private prefix = 0;
  private counter = 0;

  constructor(...path: readonly (string | number)[]) {
    this.path = path.join("/");
    [this.key0, this.key1] = keysOf(this.path);
    this.seek(0, 0);
  }

  /**
   * Go to draw `counter` of (major, minor), for example (world, episode); all three are integers in [0, 2^32).
   * `seek(major, minor, position)` goes on where {@link position} was read.
   */
  seek(major: number, minor = 0, counter = 0): this {
    this.prefix = mixIn(mixIn(this.key0, major), minor);
    this.counter = counter;
    return this;
  }

  /** Number of the next draw within the current (major, minor), counted from 0. */
  get position(): number {
    return this.counter;
  }

  /** The next draw of the current (major, minor), uniform on the multiples of 2^-32 in [0, 1). */
  next(): number {
    const hashed = finalise(finalise(mixIn(this.prefix, this.counter++)) ^ this.key1);
    return (hashed >>> 0) * TWO_POW_MINUS_32;
  }

  /** An integer uniform in [0, n); its bias is below n * 2^-32. */
  below(n: number): number {
    return Math.floor(this.next() * n);
  }

  flip(p: number): boolean {
    return this.next() < p;
  }
}

/** The keys of the paths that were asked for last, since an episode asks for the same few again. */
const KEYS = new Map<string, readonly [number, number]>();
const KEPT = 64;

function keysOf(path: string): readonly [number, number] {
  let keys = KEYS.get(path);
  if (keys === undefined) {
    const seeded = seedrandom.alea(path);
    keys = [seeded.int32(), seeded.int32()];
    if (KEYS.size >= KEPT) KEYS.clear();
    KEYS.set(path, keys);
  }
  return keys;
}

function mixIn(hash: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = (k << 15) | (k >>> 17);
  let h = hash ^ Math.imul(k, 0x1b873593);
  h = (h << 13) | (h >>> 19);
  return (Math.imul(h, 5) + 0xe6546b64) | 0;
}

function finalise(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** Integer uniform in [0, n) from any source. */
export function below(rng: Rng, n: number): number {
  return Math.floor(rng.next() * n);
}

/**
 * Shuffle `items` in place, every order equally likely (Fisher and Yates; Durstenfeld 1964).
 */
export function shuffle(items: Int32Array, chance: Pick<Chance, "below">): void {
  for (let i = items.length - 1; i > 0; i--) {
    const j = chance.below(i + 1);
    const swap = items[i];
    items[i] = items[j];
    items[j] = swap;
  }
}
