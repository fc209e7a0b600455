import { appendFileSync } from "node:fs";
import { isMainThread } from "node:worker_threads";
import type { UsageLine } from "./usage-cost.ts";

/*
 * Loaded before a program by `node --import`, and by the processes that it forks: writes down once a second, and at the end, the processor
 * time that the process has used, all threads together.
 */
const path = process.env.HALFWATCH_USAGE;

function write(isEnd: boolean): void {
  const { user, system } = process.cpuUsage();
  const line: UsageLine = { pid: process.pid, at: Date.now(), processor: (user + system) / 1e6, isEnd };
  appendFileSync(String(path), `${JSON.stringify(line)}\n`);
}

if (isMainThread && path !== undefined) {
  write(false);
  setInterval(write, 1000, false).unref();
  process.on("exit", () => write(true));
}
