import { join } from "node:path";
import { attempt } from "../core/cleanup.ts";
import { createExclusively, listFolder, makeFolder, pathExists, readTouched, remove } from "./files.ts";
import { type Guard, LOCKS } from "./manifest.ts";

/** A process that holds a lock. */
export interface Owner {
  readonly host: string;
  readonly pid: number;
  /** Where the pid means something: this start of this machine, and the container. */
  readonly place: string;
  /** When the process was started, so that a later process with the same pid is not taken for it; empty where that cannot be known. */
  readonly born: string;
}

/** Who asks for locks, and what it can tell of other owners: `src/` asks neither the clock nor the system. */
export interface Claim {
  readonly owner: Owner;
  /** Whether a lock's owner is gone for good; null if it cannot be read. `touched`: when it was last seen, milliseconds since 1970. */
  isGone(owner: Owner | null, touched: number): boolean;
}

export interface Lock {
  /** The file to touch now and then, so that other hosts see that its owner is alive. */
  readonly path: string;
  /** False once another process has taken over, which happens to an owner that was given up for dead. */
  isOurs(): boolean;
  /** Let others have it. */
  release(): void;
  /** Remove it for good: what it guarded is done with. */
  discard(): void;
}

/*
 * A lock is a row of files `<name>.0`, `<name>.1`, ... in the run's folder `locks`: the highest one says who holds it, or that nobody
 * does. Taking it, taking it over and releasing it all mean to create the next file, which succeeds for one process only; no file is ever
 * changed or removed, so whoever decided by an outdated view tries to create a file that is there, and looks again.
 */
const FREE = "free";

/** Take a lock of a run. Returns its owner instead if that is alive; null if it cannot be read (yet). */
export function takeLock(run: string, name: string, claim: Claim): Lock | { readonly holder: Owner | null } {
  const folder = join(run, LOCKS);
  makeFolder(folder);
  for (;;) {
    const generation = latest(folder, name);
    const holder = holderAt(folder, name, generation, claim);
    if (holder !== undefined) return { holder };
    if (createExclusively(fileOf(folder, name, generation + 1), JSON.stringify(claim.owner))) {
      return lockAt(folder, name, generation + 1);
    }
  }
}

/** Who holds a lock; null if its owner cannot be read (yet), undefined if nobody does. */
export function holderOf(run: string, name: string, claim: Claim): Owner | null | undefined {
  const folder = join(run, LOCKS);
  return pathExists(folder) ? holderAt(folder, name, latest(folder, name), claim) : undefined;
}

/** {@link holderOf} for many locks at once, by name: the folder is listed once. Locks that nobody holds are left out. */
export function holdersIn(run: string, names: readonly string[], claim: Claim): Map<string, Owner | null> {
  const folder = join(run, LOCKS);
  const highest = pathExists(folder) ? generationsIn(folder) : new Map<string, number>();
  const holders = new Map<string, Owner | null>();
  for (const name of names) {
    const holder = holderAt(folder, name, highest.get(name) ?? -1, claim);
    if (holder !== undefined) holders.set(name, holder);
  }
  return holders;
}

/** A {@link Guard} by locks of a run; `pause` waits a moment, without giving way to anything. */
export function guardBy(run: string, claim: Claim, pause: () => void): Guard {
  return (name, action) => {
    for (;;) {
      const lock = takeLock(run, name, claim);
      if ("holder" in lock) {
        pause();
        continue;
      }
      try {
        const result = action();
        lock.discard();
        return result;
      } catch (error) {
        attempt(() => lock.release());
        throw error;
      }
    }
  };
}

function lockAt(folder: string, name: string, generation: number): Lock {
  const path = fileOf(folder, name, generation);
  const next = fileOf(folder, name, generation + 1);
  return {
    path,
    isOurs: () => !pathExists(next),
    release: () => void createExclusively(next, FREE),
    discard: () => {
      for (let g = generation; g >= 0; g--) remove(fileOf(folder, name, g));
    },
  };
}

function holderAt(folder: string, name: string, generation: number, claim: Claim): Owner | null | undefined {
  const found = generation < 0 ? undefined : readTouched(fileOf(folder, name, generation));
  if (found === undefined || found.text === FREE) return undefined;
  const owner = ownerIn(found.text);
  return claim.isGone(owner, found.touched) ? undefined : owner;
}

function ownerIn(text: string): Owner | null {
  try {
    const { host, pid, place, born } = JSON.parse(text);
    return typeof host === "string" && Number.isInteger(pid) && typeof place === "string" && typeof born === "string"
      ? { host, pid, place, born }
      : null;
  } catch {
    return null;
  }
}

/** The highest generation of a lock, -1 if it has none. */
function latest(folder: string, name: string): number {
  return generationsIn(folder).get(name) ?? -1;
}

/** The highest generation of each lock in a folder, by name. */
function generationsIn(folder: string): Map<string, number> {
  const highest = new Map<string, number>();
  for (const file of listFolder(folder)) {
    const [, name, digits] = /^(.+)\.(\d+)$/.exec(file) ?? [];
    if (name !== undefined) highest.set(name, Math.max(Number(digits), highest.get(name) ?? -1));
  }
  return highest;
}

function fileOf(folder: string, name: string, generation: number): string {
  return join(folder, `${name}.${generation}`);
}
