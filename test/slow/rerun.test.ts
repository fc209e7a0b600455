import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { halfwatch, ROOT } from "../cli/halfwatch.ts";

/* Every shipped scenario, with few steps: a cell that is trained again has the same bytes. */

const TINY = [
  ...["train.steps=1024", "train.worlds=16", "train.rollout=16", "agent.hidden=[8]", "agent.critic=[8]", "sweep={}"],
  ...["evaluation.levels=20", "evaluation.validationEpisodes=40"],
].flatMap((change) => ["--set", change]);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "halfwatch-rerun-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each(readdirSync(join(ROOT, "scenarios")).filter((name) => name.endsWith(".yaml")))(
  "%s repeats to the byte, and so does the scenario.json of its report",
  (name) => {
    const train = (path: string, out: string): string => {
      const { code, stdout, stderr } = halfwatch(
        [
          "run",
          path,
          ...(path.endsWith(".yaml") ? TINY : []),
          "--seeds",
          "1",
          "--arms",
          "naive,route",
          "--out",
          out,
          "--json",
        ],
        folder,
      );
      expect([code, code === 0 ? "" : stderr]).toEqual([0, ""]);
      return JSON.parse(stdout).run;
    };
    const run = train(join(ROOT, "scenarios", name), "runs");
    const { stdout } = halfwatch(["verify", run, "--rerun", "2"], folder);
    expect(stdout.match(/, byte for byte/g)).toHaveLength(2);
    expect(halfwatch(["report", run], folder).code).toBe(0);
    const again = train(join(folder, run, "report", "scenario.json"), "again");
    const bytes = (dir: string) => halfwatch(["verify", dir, "--json"], folder).stdout;
    expect(JSON.parse(bytes(again)).sound).toBe(true);
    for (const cell of readdirSync(join(folder, run, "cells"))) {
      expect(readdirSync(join(folder, again, "cells"))).toContain(cell);
    }
  },
);
