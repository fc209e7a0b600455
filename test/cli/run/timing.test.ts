import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { inTinyFolder, kill, linesIn, runIn, startRun, until } from "../processes.ts";

test("the time of a cell that goes on is that of all its attempts, of one that begins anew its own", async () => {
  await inTinyFolder(async (folder) => {
    const run = startRun(folder, ["--jobs", "2"]);
    await until(() => linesIn(folder) >= 40);
    kill(run.pid, "SIGTERM");
    expect((await run.done).code).toBe(130);
    const cells = join(runIn(folder), "cells");
    const timing = (id: string) => join(cells, id, "timing.json");
    const stopped = readdirSync(cells).filter((id) => readdirSync(join(cells, id)).includes("resume.safetensors"));
    expect(stopped.length).toBeGreaterThan(0);
    for (const id of stopped) {
      const written = JSON.parse(readFileSync(timing(id), "utf8"));
      expect(written).toEqual({ seconds: expect.any(Number), peakMemory: expect.any(Number) });
      writeFileSync(timing(id), JSON.stringify({ ...written, seconds: 7000 }));
    }
    const again = await startRun(folder, ["--jobs", "2"]).done;
    expect(again.code).toBe(0);
    expect(again.stderr.match(/done in 7\d\d\d\.\d s/g)).toHaveLength(stopped.length);
    const seconds = readdirSync(cells).map((id) => [id, JSON.parse(readFileSync(timing(id), "utf8")).seconds] as const);
    expect(seconds.filter(([, each]) => each > 7000).map(([id]) => id)).toEqual(stopped);
  });
}, 180_000);
