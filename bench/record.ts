import { appendFileSync, existsSync, readFileSync, truncateSync } from "node:fs";
import { Absent } from "./programs.ts";

/*
 * Measurements in a file, a line of JSON each, appended as they come: a benchmark that was killed loses nothing, and goes on where it
 * stopped.
 */

/** Measurements by their names. */
export interface Measured {
  has(name: string): boolean;
  /** The measurement of that name: the one that is there, or else `measure`'s, which is kept. */
  ask<Answer>(name: string, measure: () => Promise<Answer>): Promise<Answer>;
}

/**
 * Open a file of measurements, or begin one; null keeps them in memory.
 *
 * A last line that was cut off does not count.
 * @throws Absent when the file was written on another machine or with other versions, or is no such file.
 */
export function openRecord(path: string | null, machine: readonly string[]): Measured {
  const kept = new Map<string, unknown>();
  const append = (line: Line) => {
    if (path !== null) appendFileSync(path, `${JSON.stringify(line)}\n`);
  };
  const text = path !== null && existsSync(path) ? readFileSync(path, "utf8") : "";
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  const [head, ...lines] = linesOf(path, whole);
  if (head !== undefined && JSON.stringify(head.machine) !== JSON.stringify(machine)) {
    throw new Absent(
      `--out: ${path} was measured on ${JSON.stringify(head.machine)}, this is ${JSON.stringify(machine)}`,
    );
  }
  if (path !== null && text !== whole) truncateSync(path, Buffer.byteLength(whole));
  if (head === undefined) append({ machine });
  for (const { name, answer } of lines) kept.set(String(name), answer);
  return {
    has: (name) => kept.has(name),
    async ask<Answer>(name: string, measure: () => Promise<Answer>): Promise<Answer> {
      if (!kept.has(name)) {
        const answer = await measure();
        kept.set(name, answer);
        append({ name, answer });
      }
      return kept.get(name) as Answer;
    },
  };
}

interface Line {
  readonly machine?: readonly string[];
  readonly name?: string;
  readonly answer?: unknown;
}

function linesOf(path: string | null, text: string): Line[] {
  const lines = text.split("\n").slice(0, -1);
  return lines.map((line, i) => {
    try {
      return JSON.parse(line) as Line;
    } catch {
      throw new Absent(`--out: line ${i + 1} of ${path} is no JSON, expected measurements of an earlier run`);
    }
  });
}
