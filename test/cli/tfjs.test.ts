import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { halfwatch, MAIN } from "./halfwatch.ts";
import { cellsOf, inTinyFolder, kill, linesIn, runIn, startRun, TINY, until } from "./processes.ts";

/** 6 updates, each a point of the curve, with little to evaluate: TensorFlow.js is slow in plain JavaScript. */
const SMALL = `${TINY.replace("steps: 60000", "steps: 1920").replace("horizon: 12", "horizon: 4")}
evaluation: { validationEpisodes: 16 }
`;
const ARGS = ["--engine", "tfjs:cpu"];

test("two arms with two seeds train in pairs, go on after a kill, and each leaves a whole cell", {
  timeout: 180_000,
}, async () => {
  await inTinyFolder(async (folder) => {
    writeFileSync(join(folder, "tiny.yaml"), SMALL);
    const first = startRun(folder, ARGS);
    await until(() => linesIn(folder) >= 4);
    // One process for a pair.
    const [cells, ...others] = cellsOf(first.pid);
    expect(others).toEqual([]);
    kill(cells, "SIGKILL");
    kill(first.pid, "SIGKILL");
    await first.done;

    const { code, stderr } = await startRun(folder, ARGS).done;
    expect(code, stderr).toBe(0);
    expect(stderr).toContain("4 cells of 1,920 steps  tfjs:cpu, up to 2 together");
    expect(stderr.match(/goes on at update/g)).toHaveLength(2);
    const run = runIn(folder);
    expect(readdirSync(join(run, "locks"))).toEqual([]);
    for (const id of readdirSync(join(run, "cells"))) {
      expect(readdirSync(join(run, "cells", id)).sort()).toEqual([
        ...["checkpoints", "episodes.jsonl", "evaluation.json", "metrics.jsonl", "result.json", "timing.json"],
      ]);
      const result = JSON.parse(readFileSync(join(run, "cells", id, "result.json"), "utf8"));
      expect(result).toMatchObject({ engine: "tfjs", backend: "cpu", device: "plain JavaScript", steps: 1920 });
    }
    const verified = halfwatch(["verify", run, "--rerun", "1"]);
    expect(verified.code, verified.stderr).toBe(0);
    expect(verified.stderr).toContain("4 cells of engine tfjs are not trained again");
  });
});

test("TensorFlow meets NVIDIA_TF32_OVERRIDE=0 as it is loaded, by whatever loads it; a person's own choice stands", async () => {
  await inTinyFolder(async (folder) => {
    writeFileSync(join(folder, "tiny.yaml"), SMALL);
    const seen = join(folder, "seen.txt");
    const stub = `import { appendFileSync } from "node:fs";
      appendFileSync(${JSON.stringify(seen)}, process.env.NVIDIA_TF32_OVERRIDE + " ");
      throw new Error("a stub");`;
    const hooks = `import { registerHooks } from "node:module";
      registerHooks({ resolve: (name, context, next) => name === "@tensorflow/tfjs-node-gpu"
        ? { url: ${JSON.stringify(`data:text/javascript,${encodeURIComponent(stub)}`)}, shortCircuit: true }
        : next(name, context) });`;
    const options = `--import=data:text/javascript,${encodeURIComponent(hooks)}`;
    const ARGUMENTS = [
      ["run", "tiny.yaml", "--arms", "route", "--seeds", "1", "--plain"],
      ["bench", "--updates", "1"],
    ];
    for (const args of ARGUMENTS) {
      for (const own of [undefined, "1"]) {
        const environment = { ...process.env, NODE_OPTIONS: options, NVIDIA_TF32_OVERRIDE: own };
        const { stderr } = spawnSync(process.execPath, [MAIN, ...args, "--engine", "tfjs:node-gpu"], {
          ...{ cwd: folder, env: environment, encoding: "utf8" },
        });
        expect(stderr).toContain("tfjs-node-gpu");
      }
    }
    expect(readFileSync(seen, "utf8")).toBe("0 1 0 1 ");
  });
});

test("a backend that is not there is named with the command that adds it, cell by cell; replicas of wasm are refused", async () => {
  await inTinyFolder(async (folder) => {
    writeFileSync(join(folder, "tiny.yaml"), SMALL);
    const { code, stderr } = await startRun(folder, ["--engine", "tfjs:node-gpu", "--arms", "route"]).done;
    expect(code).toBe(1);
    expect(stderr).toContain("needs the package @tensorflow/tfjs-node-gpu");
    expect(stderr).toContain("2 of 2 cells failed");
    const refused = await startRun(folder, ["--engine", "wasm", "--replicas", "3"]).done;
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("--replicas is 3, but engine wasm trains one cell in a process");
  });
});
