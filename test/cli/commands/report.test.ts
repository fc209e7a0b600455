import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readManifest } from "../../../src/runs/manifest.ts";
import { hashScenario, loadScenario } from "../../../src/scenario/load.ts";
import { ESCAPE, filesIn, halfwatch } from "../halfwatch.ts";
import { halfwatchHere } from "../here.ts";

/* One tiny run for all: two arms, two seeds, two coverages, 1,024 steps each; and one without a sweep. */

const TINY = [
  ...["--seeds", "2", "--jobs", "1", "--threads", "1", "--engine", "wasm", "--json"],
  ...["train.steps=1024", "train.worlds=16", "train.rollout=16", "agent.hidden=[8,8]", "agent.critic=[8,8]"].flatMap(
    (change) => ["--set", change],
  ),
];
const FILES = ["coverage.png", "coverage.svg", "coverage.vl.json", "curves.png", "curves.svg", "curves.vl.json"];
const TABLES = ["cells.csv", "index.html", "results.csv", "scenario.json", "summary.csv", "tables.md"];

let folder: string;
let swept: string;
let single: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "halfwatch-report-"));
  const train = (out: string, ...args: string[]): string => {
    const { code, stdout, stderr } = halfwatch([
      ...["run", "scenarios/diamond-ghost.yaml", ...TINY, "--out", join(folder, out)],
      ...args,
    ]);
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    return JSON.parse(stdout).run;
  };
  swept = train("swept", "--arms", "naive,route", "--set", "sweep={oversight.coverage: [0.1, 1]}");
  single = train("single", "--set", "world.size=3", "--arms", "naive,route,moe-no-route");
}, 120_000);

afterAll(() => rmSync(folder, { recursive: true }));

/** Bytes of every file of a report, by name. */
const contentsOf = (dir: string) =>
  new Map(readdirSync(dir).map((name) => [name, readFileSync(join(dir, name)).toString("base64")]));

describe("report of a sweep over coverage", () => {
  test("writes figures, tables and a page, and names them on stdout", async () => {
    const { code, stdout, stderr } = await halfwatchHere(["report", swept]);
    expect(code).toBe(0);
    expect(stdout.trim().split("\n").sort()).toEqual(
      [...FILES, ...TABLES].map((name) => join(swept, "report", name)).sort(),
    );
    expect(stderr).toBe("fewest seeds in a group: 2; fewer than 10 carry no claim\n");
    expect(stdout).not.toContain(ESCAPE);
    expect(filesIn(join(swept, "report"))).toEqual([...FILES, ...TABLES].sort());
  });

  test("is the same bytes again, in another place and under another name of the folder's path", async () => {
    const again = join(folder, "again");
    expect((await halfwatchHere(["report", `${swept}/.`, "--out", again])).code).toBe(0);
    expect(contentsOf(again)).toEqual(contentsOf(join(swept, "report")));
  });

  test("has a line in results.csv for each cell, shift and view, with what evaluation.json says", () => {
    const [header, ...lines] = csvOf(join(swept, "report", "results.csv"));
    // 2 points x 2 seeds x 3 shifts x (1 view of naive + 3 of route)
    expect(lines).toHaveLength(2 * 2 * 3 * 4);
    const record = Object.fromEntries(header.map((name, c) => [name, lines[0][c]]));
    expect(record).toMatchObject({
      arm: "naive",
      seed: "0",
      "oversight.coverage": "0.1",
      view: "full",
      deployed: "true",
    });
    const evaluation = JSON.parse(readFileSync(join(swept, "cells", record.cell, "evaluation.json"), "utf8"));
    const { goals, rates } = evaluation.shifts[record.shift].full;
    expect(Number(record.true_discounted)).toBe(goals.true.discounted);
    expect(Number(record.proxy_return)).toBe(goals.proxy.return);
    expect(Number(record.rate_ghost)).toBe(rates.ghost);
    expect(record.steps).toBe("1024");
    expect(new Set(lines.map(({ length }) => length))).toEqual(new Set([header.length]));
  });

  test("has a line in summary.csv for each point, shift, arm and view; claims on the deployed rows of the primary shift", () => {
    const [header, ...lines] = csvOf(join(swept, "report", "summary.csv"));
    expect(lines).toHaveLength(2 * 3 * 4);
    const records = lines.map((line) => Object.fromEntries(header.map((name, c) => [name, line[c]])));
    const tested = records.filter(({ p }) => p !== "");
    expect(tested.map(({ shift, arm }) => [shift, arm])).toEqual([
      ["unseen", "naive"],
      ["unseen", "naive"],
    ]);
    // two seeds: 2 of 4 sign patterns at least, or all
    for (const { p, p_holm } of tested) {
      expect([0.5, 1]).toContain(Number(p));
      expect(Number(p_holm)).toBe(1);
    }
  });

  test("prints placebos that were not run, the seeds, the hash, the version and the command", () => {
    const markdown = readFileSync(join(swept, "report", "tables.md"), "utf8");
    expect(markdown).toContain("- Only 2 seeds in the smallest group: fewer than 10 carry no claim.");
    expect(markdown).toMatch(/^- Placebos not run: route-random-labels, .*moe-no-route.*\.$/m);
    expect(markdown).toContain("| moe-no-route | placebo | not run | – |");
    expect(markdown).toContain("## All 2 points together, shift unseen");
    expect(markdown.match(/^## Shift .*$/gm)).toEqual([
      "## Shift unseen (primary)",
      "## Shift ghost-closer",
      "## Shift training",
    ]);
    expect(markdown).toContain(`- scenario hash ${readManifest(swept).scenarioHash}`);
    expect(markdown).toMatch(/- trained by halfwatch \d+\.\d+\.\d+, engine wasm, checkpoint format \d+/);
    expect(markdown).toMatch(/halfwatch report runs\/diamond-ghost-[0-9a-f]{8}\n/);
  });

  test("has a page with the figures and tables in it, and nothing from elsewhere", () => {
    const html = readFileSync(join(swept, "report", "index.html"), "utf8");
    expect(html.match(/<svg /g)).toHaveLength(2);
    expect(html.match(/<table>/g)?.length).toBeGreaterThan(6);
    expect(html).not.toMatch(/<script|<img|<link|src=/);
    const ids = [...html.matchAll(/\bid="([^"]+)"/g)].map((match) => match[1]);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("has the scenario beside it, with the run's hash, arms, seeds and sweep", () => {
    const path = join(swept, "report", "scenario.json");
    const { scenario, hash } = loadScenario({ path, readText: () => readFileSync(path, "utf8") });
    expect(hash).toBe(readManifest(swept).scenarioHash);
    expect(hashScenario(scenario)).toBe(hash);
    expect(scenario).toMatchObject({
      arms: ["naive", "route"],
      seeds: [0, 1],
      sweep: { "oversight.coverage": [0.1, 1] },
    });
  });

  test("--shift shows another one, --json is one document", async () => {
    const out = join(folder, "shifted");
    const { code, stdout } = await halfwatchHere(["report", swept, "--shift", "training", "--out", out, "--json"]);
    expect(code).toBe(0);
    const json = JSON.parse(stdout);
    expect(json).toMatchObject({ scenario: "diamond-ghost", shift: "training", leftOut: [] });
    expect(json.cells).toHaveLength(8);
    expect(json.files).toHaveLength(FILES.length + TABLES.length);
    expect(json.tables).toHaveLength(6);
    expect(json.tables[0].shift).toBe("training");
    expect(json.tables[0].rows[0].iqm.estimate).toBeTypeOf("number");
    const spec = JSON.parse(readFileSync(join(out, "coverage.vl.json"), "utf8"));
    expect(spec.title.subtitle[0]).toContain("shift training");
    // The published points belong to this world; naive's theory in training is its coverage.
    expect(spec.title.subtitle[2]).toContain("Cloud et al. 2024");
    const naive = spec.layer.find(
      ({ mark }: { mark: Record<string, unknown> }) => mark.color === "#0072B2" && mark.type === "tick",
    );
    expect(naive.data.values.at(-1).value).toBeCloseTo(0.9317, 4);
  });
});

test("report without a sweep has a row for each arm instead", () => {
  const { code, stdout } = halfwatch(["report", single]);
  expect(code).toBe(0);
  expect(stdout).toContain("arms.png");
  // What was typed, as it can be typed again.
  const { commands } = readManifest(single);
  expect(commands).toHaveLength(1);
  expect(commands[0]).toMatch(
    /^halfwatch run scenarios\/diamond-ghost.yaml .* --set 'agent.hidden=\[8,8\]' .* --arms naive,route,moe-no-route$/,
  );
  expect(readFileSync(join(single, "report", "tables.md"), "utf8")).toContain(`\n${commands[0]}\n`);
  expect(stdout).not.toContain("coverage.");
  const markdown = readFileSync(join(single, "report", "tables.md"), "utf8");
  expect(markdown).toMatch(/^- Placebos not run: route-random-labels/m);
  expect(markdown).not.toMatch(/^- Placebos not run: .*moe-no-route/m);
  expect(markdown).toMatch(/\| moe-no-route \| placebo \| 2 \|/);
  expect(markdown).not.toContain("points together");
});

describe("what cannot be reported: exit 2, a line, nothing written", () => {
  const refused = async (dir: string, ...args: string[]) => {
    const before = filesIn(folder);
    const { code, stdout, stderr } = await halfwatchHere(["report", dir, ...args]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).not.toMatch(/^ +at /m);
    expect(filesIn(folder)).toEqual(before);
    return stderr;
  };
  /** A copy of the run without its report, changed. */
  const copied = (name: string, change: (dir: string, cells: string[]) => void): string => {
    const dir = join(folder, name);
    cpSync(swept, dir, { recursive: true });
    rmSync(join(dir, "report"), { recursive: true, force: true });
    change(dir, readdirSync(join(dir, "cells")).sort());
    return dir;
  };

  test("a folder that is no run, an unknown shift", async () => {
    expect(await refused(join(folder, "nowhere"))).toContain(
      `cannot read ${join(folder, "nowhere")}: there is no such file or folder (ENOENT)\n`,
    );
    expect(await refused(swept, "--shift", "unsen")).toBe(
      "unknown shift unsen; did you mean unseen?\n  scenario diamond-ghost has: ghost-closer, unseen\n",
    );
  });

  test("a run without a finished cell, whose begun ones are named", async () => {
    const dir = copied("unfinished", (run, cells) => {
      for (const cell of cells) rmSync(join(run, "cells", cell, "result.json"));
    });
    const stderr = await refused(dir);
    expect(stderr).toMatch(/^run unfinished has no finished cell; 8 begun: naive-seed0-[0-9a-f]{8}, /);
    expect(stderr).toContain("\n  train it first: halfwatch run\n");
  });

  test("a damaged file, which is named", async () => {
    let path = "";
    const dir = copied("damaged", (run, [cell]) => {
      path = join(run, "cells", cell, "metrics.jsonl");
      writeFileSync(path, `${readFileSync(path, "utf8")}{}\n`);
    });
    expect(await refused(dir)).toContain(`${path} was changed after its cell was finished: its hash does not match\n`);
  });
});

test("cells without a result are named, on stderr and in the report", async () => {
  const dir = join(folder, "partial");
  cpSync(swept, dir, { recursive: true });
  const [begun, absent] = readdirSync(join(dir, "cells")).sort();
  rmSync(join(dir, "cells", begun, "result.json"));
  rmSync(join(dir, "cells", absent), { recursive: true });
  const { code, stderr } = await halfwatchHere(["report", dir]);
  expect(code).toBe(0);
  const counted = "2 of the run's 8 cells have no result";
  expect(stderr).toContain(`not in the report: ${counted}\n`);
  expect(stderr).toContain(`not in the report: cell ${begun} was begun and is not finished\n`);
  const markdown = readFileSync(join(dir, "report", "tables.md"), "utf8");
  expect(markdown).toContain(`- ${counted}.`);
  expect(markdown).toContain(`- Cell ${begun} was begun and is not finished.`);
});

/** Records of a CSV without quoted fields. */
function csvOf(path: string): string[][] {
  const text = readFileSync(path, "utf8");
  expect(text).not.toContain('"');
  expect(text.endsWith("\n")).toBe(true);
  return text
    .trimEnd()
    .split("\n")
    .map((line) => line.split(","));
}
