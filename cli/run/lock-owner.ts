import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import type { Claim, Owner } from "../../src/runs/lock.ts";

/** Milliseconds after which an owner on another host, who touches its locks every {@link HEARTBEAT}, is given up. */
const GIVEN_UP = 60_000;
/** Milliseconds between two touches of a lock. */
export const HEARTBEAT = 5_000;

/** This process, asking for locks. */
export function ownClaim(): Claim {
  const owner: Owner = { host: hostname(), pid: process.pid, place: placeOfPids(), born: birthOf(process.pid) ?? "" };
  return {
    owner,
    isGone: (other, touched) => {
      if (other?.place === owner.place) return !isAlive(other);
      return Date.now() - touched > GIVEN_UP;
    },
  };
}

/** Same text, same pids: a host, its boot, its container. */
function placeOfPids(): string {
  const linux = [
    () => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim(),
    () => readlinkSync("/proc/self/ns/pid"),
  ];
  return [hostname(), ...linux.map((read) => ifReadable(read) ?? "")].join(" ");
}

function isAlive({ pid, born }: Owner): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it is there, and not ours.
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
  return born === "" || birthOf(pid) === born;
}

/** When a process was started, in ticks since the boot; undefined for one that is a zombie, or where there is no /proc. */
function birthOf(pid: number): string | undefined {
  const stat = ifReadable(() => readFileSync(`/proc/${pid}/stat`, "utf8"));
  // The second field is the program's name in brackets, which may hold spaces and brackets itself.
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields === undefined || fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
}

function ifReadable<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}

/** Wait without giving way to anything, as one does for a lock that is held for milliseconds. */
export function sleepHere(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
