import { spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { tensorsOf } from "../../src/compute/engine.ts";
import { UserError } from "../../src/core/errors.ts";
import { canonicalJson, seal, sha256, UNSEALED } from "../../src/core/hash.ts";
import { type CellIdentity, type CellPaths, cellId, cellPaths, checkpointPath } from "../../src/runs/cell-paths.ts";
import type { Checkpoint } from "../../src/runs/checkpoint.ts";
import { fileError, LineWriter, readText, writeAtomically } from "../../src/runs/files.ts";
import { type Manifest, openRun, readManifest } from "../../src/runs/manifest.ts";
import {
  finishCell,
  isFinished,
  readCheckpoint,
  readResult,
  readResultAlone,
  readRun,
  startCell,
  writeCheckpoint,
  writeEvaluation,
  writeTiming,
} from "../../src/runs/store.ts";
import { evaluationOf, summaryOf } from "./specimens.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "halfwatch-store-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const HASH = sha256("scenario");
const MANIFEST: Manifest = {
  format: 2,
  scenarioHash: HASH,
  scenario: { name: "diamond-ghost" },
  primary: { metric: "true-return", shift: "unseen", select: "label-legal" },
  versions: { halfwatch: "0.1.0" },
  arms: ["naive", "route"],
  seeds: [0, 1],
  points: [{}],
  asked: [{ arms: ["naive", "route"], seeds: [0, 1], points: [{}] }],
  commands: [],
};
const IDENTITY: CellIdentity = {
  format: 1,
  scenario: { world: { kind: "diamond-ghost", size: 5 } },
  arm: { name: "route" },
  seed: 0,
  engine: "wasm",
};

function checkpoint(step: number): Checkpoint {
  const spec = {
    features: 1,
    actions: 2,
    modules: ["only"],
    hidden: [1],
    gate: "none",
    gateHidden: [],
    critic: [1],
  } as const;
  const size = tensorsOf(spec).reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b), 0);
  const zeros = new Float64Array(size);
  return {
    ...{ format: 1, scenarioHash: HASH, arm: "route", seed: 0, point: {}, step, update: 1, spec, scenario: {} },
    engine: { name: "wasm", precision: "float32" },
    state: { parameters: zeros, firstMoments: zeros, secondMoments: zeros, steps: new Int32Array(3) },
  };
}

/** Train a cell that has two checkpoints, and finish it. */
function finished(run: string, seed = 0, scenarioHash = HASH): CellPaths {
  const cell = startCell(run, cellId({ ...IDENTITY, seed }));
  const metrics = new LineWriter(cell.metrics);
  metrics.write({ update: 0, loss: 0.5 });
  metrics.close();
  writeCheckpoint(cell, checkpoint(0));
  writeCheckpoint(cell, checkpoint(128));
  writeEvaluation(cell, evaluationOf(0.75));
  writeTiming(cell, { seconds: 12.5, peakMemory: 1, host: "here" });
  const names = { last: 128, "label-legal": 0, oracle: 0 };
  finishCell(cell, {
    ...{ scenarioHash, arm: "route", seed, point: {}, engine: "wasm", steps: 128 },
    ...{ checkpoints: names, summary: summaryOf(0.75) },
  });
  return cell;
}

function refusal(action: () => unknown): UserError {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return error as UserError;
  }
  throw new Error("nothing was refused");
}

/** Change the content of a sealed file and seal it again. */
function reseal(path: string, change: Record<string, unknown>): void {
  const content = { ...JSON.parse(readFileSync(path, "utf8")), ...change, sha256: UNSEALED };
  writeFileSync(path, seal(new TextEncoder().encode(`${canonicalJson(content)}\n`)));
}

describe("a cell's id", () => {
  test("is arm, seed and eight digits of the hash of all that determines it", () => {
    const text =
      '{"arm":{"name":"route"},"engine":"wasm","format":1,"scenario":{"world":{"kind":"diamond-ghost","size":5}},"seed":0}';
    expect(cellId(IDENTITY)).toBe(`route-seed0-${sha256(text).slice(0, 8)}`);
  });

  test("changes with each part, and not with the order of keys", () => {
    const reordered = { world: { size: 5, kind: "diamond-ghost" } };
    expect(cellId({ ...IDENTITY, scenario: reordered })).toBe(cellId(IDENTITY));
    const others: CellIdentity[] = [
      { ...IDENTITY, format: 2 },
      { ...IDENTITY, scenario: { world: { kind: "diamond-ghost", size: 6 } } },
      { ...IDENTITY, arm: { name: "route", keep: "all" } as CellIdentity["arm"] },
      { ...IDENTITY, seed: 1 },
      { ...IDENTITY, engine: "reference" },
    ];
    expect(new Set([IDENTITY, ...others].map((identity) => cellId(identity).slice(-8))).size).toBe(6);
  });

  test("never leaves the run's folder", () => {
    expect(() => cellId({ ...IDENTITY, arm: { name: "../x" } })).toThrow(RangeError);
    expect(() => cellPaths(folder, "../../etc")).toThrow(
      new RangeError('cellPaths: "../../etc" is not the id of a cell'),
    );
  });
});

describe("a run", () => {
  test("is created once; later commands extend arms, seeds and points, and nothing else", () => {
    const run = join(folder, "runs", "a");
    expect(openRun(run, MANIFEST)).toEqual(MANIFEST);
    const later = {
      ...MANIFEST,
      scenario: { name: "other" },
      arms: ["route", "filter"],
      seeds: [10, 1, 2],
      points: [{ a: 1 }],
    };
    const extended = { ...MANIFEST, arms: ["naive", "route", "filter"], seeds: [0, 1, 2, 10], points: [{}, { a: 1 }] };
    expect(openRun(run, later)).toEqual(extended);
    expect(readManifest(run)).toEqual(extended);
    const bytes = readFileSync(join(run, "manifest.json"));
    openRun(run, MANIFEST);
    expect(readFileSync(join(run, "manifest.json"))).toEqual(bytes);
  });

  test.each<[string, Partial<Manifest>]>([
    ["scenarioHash", { scenarioHash: sha256("other") }],
    ["primary", { primary: { ...MANIFEST.primary, select: "oracle" } }],
    ["versions", { versions: { halfwatch: "0.2.0" } }],
  ])("that was begun with another %s is refused by name and stays", (key, change) => {
    openRun(folder, MANIFEST);
    const error = refusal(() => openRun(folder, { ...MANIFEST, ...change, arms: ["oracle"] }));
    expect(error.message).toContain(`run ${folder} was begun with ${key} `);
    expect(error.hint).toContain("--out");
    expect(readManifest(folder)).toEqual(MANIFEST);
  });

  test("of which the manifest was lost gets a new one and keeps its cells", () => {
    openRun(folder, MANIFEST);
    const manifest = join(folder, "manifest.json");
    const cell = join(folder, "cells", "route-seed0-0123abcd");
    mkdirSync(cell, { recursive: true });
    writeFileSync(join(cell, "metrics.jsonl"), "{}\n");
    writeFileSync(manifest, "{");
    const { hint } = refusal(() => openRun(folder, MANIFEST));
    expect(hint).toContain("move this one file out of the folder");
    expect(hint).not.toContain("remove its folder");
    rmSync(manifest);
    expect(openRun(folder, MANIFEST)).toEqual(MANIFEST);
    expect(readdirSync(cell)).toEqual(["metrics.jsonl"]);
  });

  test("is not begun in a folder that holds something else", () => {
    writeFileSync(join(folder, "thesis.tex"), "");
    expect(refusal(() => openRun(folder, MANIFEST)).message).toBe(
      `folder ${folder} is not a run: it has no manifest.json, and holds thesis.tex`,
    );
    expect(readdirSync(folder)).toEqual(["thesis.tex"]);
  });

  test.each<[string, (path: string) => void, string]>([
    ["missing", (path) => rmSync(path), "there is no such file or folder (ENOENT)"],
    ["cut", (path) => writeFileSync(path, readFileSync(path).subarray(0, 40)), "is not JSON"],
    ["not text", (path) => writeFileSync(path, Uint8Array.of(0xff)), "is not UTF-8 text"],
    ["a list", (path) => writeFileSync(path, "[]"), "is not a file of a run: it has no format"],
    ["null", (path) => writeFileSync(path, "null"), "is not a file of a run: it has no format"],
    ["foreign", (path) => writeFileSync(path, '{"format":{"toString":1}}'), "has no format number"],
    ["newer", (path) => reseal(path, { format: 3 }), "has format 3; this version reads format 2"],
    ["of a wrong type", (path) => reseal(path, { seeds: "20" }), "is not valid: seeds: "],
    ["of an unknown key", (path) => reseal(path, { color: 1 }), "color"],
    [
      "edited",
      (path) => writeFileSync(path, readFileSync(path, "utf8").replace("label-legal", "oracle")),
      "was changed after it was written: its checksum does not match",
    ],
  ])("whose manifest is %s is refused by path", (_, damage, reason) => {
    openRun(folder, MANIFEST);
    const path = join(folder, "manifest.json");
    damage(path);
    const { message } = refusal(() => readRun(folder));
    expect(message).toContain(path);
    expect(message).toContain(reason);
  });
});

describe("a cell", () => {
  beforeEach(() => {
    openRun(folder, MANIFEST);
  });

  test("that is finished is read back with its result and evaluation; one that is not is listed", () => {
    const cell = finished(folder);
    const open = startCell(folder, cellId({ ...IDENTITY, seed: 1 }));
    writeFileSync(join(folder, "cells", ".nfs001"), "");
    const run = readRun(folder);
    expect(run.manifest).toEqual(MANIFEST);
    expect(run.unfinished).toEqual([open.id]);
    expect(run.finished).toHaveLength(1);
    expect(run.finished[0].evaluation).toEqual(evaluationOf(0.75));
    const { files, ...result } = run.finished[0].result;
    expect(result).toEqual({
      ...{ format: 2, cell: cell.id, scenarioHash: HASH, arm: "route", seed: 0, point: {}, engine: "wasm", steps: 128 },
      ...{ checkpoints: { last: 128, "label-legal": 0, oracle: 0 }, summary: summaryOf(0.75) },
    });
    expect(Object.keys(files).sort()).toEqual([
      "checkpoints/0.safetensors",
      "checkpoints/128.safetensors",
      "evaluation.json",
      "metrics.jsonl",
    ]);
    expect(files["metrics.jsonl"]).toBe(sha256('{"loss":0.5,"update":0}\n'));
    expect(readCheckpoint(checkpointPath(cell, 128))).toEqual(checkpoint(128));
  });

  test("is finished when its result is there, and not before", () => {
    const cell = startCell(folder, cellId(IDENTITY));
    expect(isFinished(cell)).toBe(false);
    expect(isFinished(finished(folder))).toBe(true);
  });

  test("that is finished is never written again", () => {
    const cell = finished(folder);
    const before = readFileSync(cell.result);
    for (const write of [
      () => startCell(folder, cell.id),
      () => writeCheckpoint(cell, checkpoint(256)),
      () => writeEvaluation(cell, evaluationOf(0)),
      () => finishCell(cell, { ...(readResult(cell) ?? expect.fail()) }),
    ]) {
      expect(write).toThrow(`cell ${cell.id} is finished`);
    }
    expect(readFileSync(cell.result)).toEqual(before);
    expect(readdirSync(cell.checkpoints)).toHaveLength(2);
  });

  test("has the same result whatever the clock, the host and the folder", () => {
    const other = join(folder, "cells", "..", "elsewhere");
    const [a, b] = [finished(folder), finished(other)];
    writeTiming(b, { seconds: 99, peakMemory: 2, host: "there" });
    expect(readFileSync(b.result)).toEqual(readFileSync(a.result));
    expect(isFinished(b)).toBe(true);
  });

  test("that was left unfinished starts from nothing", () => {
    const cell = startCell(folder, cellId(IDENTITY));
    writeCheckpoint(cell, checkpoint(64));
    writeFileSync(join(cell.root, ".evaluation.json.0.tmp"), "half");
    new LineWriter(cell.metrics).close();
    startCell(folder, cell.id);
    expect(readdirSync(cell.root)).toEqual(["checkpoints"]);
    expect(readdirSync(cell.checkpoints)).toEqual([]);
  });

  test("cannot be finished without its files", () => {
    const cell = startCell(folder, cellId(IDENTITY));
    const outcome = {
      ...{ scenarioHash: HASH, arm: "route", seed: 0, point: {}, engine: "wasm", steps: 128 },
      ...{ checkpoints: { last: 128, "label-legal": 128, oracle: 128 }, summary: summaryOf(0) },
    };
    expect(() => finishCell(cell, outcome)).toThrow("finishCell: checkpoint last is step 128, which was not written");
    writeCheckpoint(cell, checkpoint(128));
    expect(refusal(() => finishCell(cell, outcome)).message).toContain(`cannot read ${cell.metrics}`);
    expect(existsSync(cell.result)).toBe(false);
  });

  const flip = (path: string) => {
    const bytes = readFileSync(path);
    bytes[bytes.length - 2] ^= 1;
    writeFileSync(path, bytes);
  };
  const resultWith = (content: Record<string, unknown>) => (path: string) => reseal(path, content);
  type File = (cell: CellPaths) => string;
  const result: File = (cell) => cell.result;
  const step =
    (step: number): File =>
    (cell) =>
      checkpointPath(cell, step);

  test.each<[string, File, (path: string) => void, string]>([
    ["metrics were changed", (cell) => cell.metrics, flip, "was changed after its cell was finished"],
    [
      "evaluation was emptied",
      (cell) => cell.evaluation,
      (path) => writeFileSync(path, ""),
      "was changed after its cell",
    ],
    ["checkpoint was changed", step(0), flip, "was changed after its cell was finished"],
    ["checkpoint is gone", step(128), (path) => rmSync(path), "is missing, although its cell's result.json records it"],
    [
      "checkpoints are too many",
      step(7),
      (path) => writeFileSync(path, ""),
      "is not recorded in its cell's result.json",
    ],
    ["result was cut", result, flip, "is not JSON"],
    [
      "result was edited",
      result,
      (path) => writeFileSync(path, readFileSync(path, "utf8").replace("0.75", "0.95")),
      "was changed after it was written",
    ],
    ["result has text for a number", result, resultWith({ steps: "128" }), "is not valid: steps: "],
    ["result records no metrics", result, resultWith({ files: {} }), "records no metrics.jsonl"],
    [
      "result names an unknown step",
      result,
      resultWith({ checkpoints: { last: 9, "label-legal": 0, oracle: 0 } }),
      "names last but records no",
    ],
    ["result is another scenario's", result, resultWith({ scenarioHash: sha256("x") }), "has scenario hash"],
    [
      "result reaches outside the cell",
      result,
      (path) => {
        const { files } = JSON.parse(readFileSync(path, "utf8"));
        reseal(path, { files: { ...files, "../../manifest.json": HASH } });
      },
      'records "../../manifest.json", which is not a file of a cell',
    ],
  ])("whose %s is refused by path", (_, file, damage, reason) => {
    finished(folder, 1);
    const cell = finished(folder);
    const path = file(cell);
    damage(path);
    const { message } = refusal(() => readRun(folder));
    expect(message.startsWith(`${path} `)).toBe(true);
    expect(message).toContain(reason);
    // Without its files it is read where nothing but they is wrong, or the run it lies in.
    const isWrong = path === cell.result && !reason.includes("scenario hash");
    if (isWrong) expect(refusal(() => readResultAlone(cell)).message).toBe(message);
    else expect(readResultAlone(cell)?.cell).toBe(cell.id);
  });

  test("that was copied under another name is refused", () => {
    const cell = finished(folder);
    const copy = cellPaths(folder, cellId({ ...IDENTITY, seed: 5 }));
    renameSync(cell.root, copy.root);
    expect(refusal(() => readRun(folder)).message).toBe(`${copy.result} is the result of cell ${cell.id}`);
  });

  test("is not any file or folder that lies among the cells", () => {
    finished(folder);
    mkdirSync(join(folder, "cells", "notes"));
    expect(refusal(() => readRun(folder)).message).toBe(`${join(folder, "cells", "notes")} is not a cell of this run`);
    rmSync(join(folder, "cells", "notes"), { recursive: true });
    const file = cellPaths(folder, "route-seed9-00000000").root;
    writeFileSync(file, "");
    expect(refusal(() => readRun(folder)).message).toContain(`${file}: a part of the path is not a folder`);
  });
});

describe("metrics", () => {
  test("are appended in the order of writing, over several writers", () => {
    const path = join(folder, "metrics.jsonl");
    const first = new LineWriter(path, 3);
    for (let update = 0; update < 7; update++) first.write({ update });
    // Two full buffers of three lines; the seventh line waits.
    expect(readFileSync(path, "utf8").split("\n")).toHaveLength(7);
    first.flush();
    expect(readFileSync(path, "utf8").split("\n")).toHaveLength(8);
    first.close();
    const second = new LineWriter(path);
    second.write({ update: 7 });
    second.close();
    const lines = readFileSync(path, "utf8").trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line).update)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  test("that are NaN are refused by name, since JSON would hold null", () => {
    const writer = new LineWriter(join(folder, "metrics.jsonl"));
    expect(() => writer.write({ loss: Number.NaN })).toThrow(
      "canonicalJson: value.loss is NaN, which JSON cannot hold",
    );
    writer.close();
  });

  test.skipIf(!existsSync("/dev/full"))("on a full disk are a user error that names the file", () => {
    const path = join(folder, "metrics.jsonl");
    symlinkSync("/dev/full", path);
    const writer = new LineWriter(path);
    writer.write({ update: 0 });
    expect(refusal(() => writer.flush()).message).toBe(`cannot write ${path}: the disk is full (ENOSPC)`);
  });
});

describe("an atomic write", () => {
  test("replaces the file whole and leaves nothing beside it", () => {
    const path = join(folder, "a.json");
    writeAtomically(path, "a long first content");
    writeAtomically(path, Uint8Array.of(0x62));
    expect(readText(path)).toBe("b");
    expect(readdirSync(folder)).toEqual(["a.json"]);
  });

  test("steps around the temporary file of a killed one", () => {
    writeFileSync(join(folder, ".a.json.0.tmp"), "half");
    writeAtomically(join(folder, "a.json"), "whole");
    expect(readText(join(folder, "a.json"))).toBe("whole");
    expect(readText(join(folder, ".a.json.0.tmp"))).toBe("half");
  });

  test("that fails removes its temporary file and names the path", () => {
    const path = join(folder, "a.json");
    mkdirSync(path);
    writeFileSync(join(path, "inside"), "");
    expect(refusal(() => writeAtomically(path, "x")).message).toMatch(/^cannot write .*a\.json: .* \(E[A-Z]+\)$/);
    expect(readdirSync(folder)).toEqual(["a.json"]);
    const missing = join(folder, "no", "b.json");
    expect(refusal(() => writeAtomically(missing, "x")).message).toBe(
      `cannot write ${missing}: there is no such file or folder (ENOENT)`,
    );
  });

  test("is whole at every moment, however often its process is killed", async () => {
    const path = join(folder, "a.json");
    const files = resolve("src/runs/files.ts");
    // 4 MB of one letter a time: a reader that sees two letters, or another length, has seen a part.
    const program = `import { writeAtomically } from ${JSON.stringify(files)};
      process.stdout.write("ready");
      for (let i = 0; ; i++) writeAtomically(${JSON.stringify(path)}, String.fromCharCode(97 + (i % 26)).repeat(4_000_000));`;
    for (let kill = 0; kill < 5; kill++) {
      const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      await new Promise((ready) => child.stdout.once("data", ready));
      for (let look = 0; look < 3; ) {
        await new Promise((next) => setImmediate(next));
        if (!existsSync(path)) continue;
        look++;
        const text = readFileSync(path, "latin1");
        expect(text.length).toBe(4_000_000);
        expect(text === text[0].repeat(4_000_000)).toBe(true);
      }
      const gone = new Promise((done) => child.once("exit", done));
      child.kill("SIGKILL");
      await gone;
      expect(readFileSync(path).length).toBe(4_000_000);
    }
  });
});

describe("a refusal of the operating system", () => {
  test.each([
    ["EACCES", "permission denied"],
    ["EROFS", "the file system is read-only"],
    ["ENOSPC", "the disk is full"],
    ["EDQUOT", "the disk quota is used up"],
  ])("%s is a user error that names the path", (code, reason) => {
    const error = fileError("write", "/runs/a", Object.assign(new Error("x"), { code }));
    expect(error).toEqual(new UserError(`cannot write /runs/a: ${reason} (${code})`));
  });

  test("that is none of the user's business stays what it was", () => {
    const bug = Object.assign(new Error("bad descriptor"), { code: "EBADF" });
    expect(fileError("write", "/runs/a", bug)).toBe(bug);
    const thrown = new TypeError("x is not a function");
    expect(fileError("write", "/runs/a", thrown)).toBe(thrown);
  });
});
