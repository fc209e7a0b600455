import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { initialise } from "../../src/agents/network.ts";
import { sample } from "../../src/agents/rollout.ts";
import type { Engine } from "../../src/compute/engine.ts";
import { createWasmEngine } from "../../src/compute/wasm/engine.ts";
import { UserError } from "../../src/core/errors.ts";
import { Stream } from "../../src/core/random.ts";
import type { Mind } from "../../src/evaluation/mind.ts";
import { networkMind } from "../../src/evaluation/network-mind.ts";
import { drawBeginning, playAll, retrace, standingsOf } from "../../src/evaluation/record.ts";
import { optimalMind } from "../../src/evaluation/scripted-minds.ts";
import { parseView } from "../../src/routing/views.ts";
import {
  beginningsOf,
  chooseEpisodes,
  encodeEpisodes,
  openEpisodes,
  recordOf,
  stageOf,
  verifyEpisode,
} from "../../src/runs/episodes.ts";
import { createSetting, networkOf } from "../../src/scenario/setting.ts";
import { armCalled, tinyScenario } from "../scenario/tiny.ts";

const scenario = tinyScenario({ world: { size: 4, horizon: 10 } });
const setting = createSetting(scenario);
const stage = stageOf(setting);
const HEAD = { scenario: scenario as unknown as Record<string, unknown>, arm: "route", seed: 3, step: 640 };
const WHERE = { shift: "training", view: "full" };

let engine: Engine;
let mind: Mind;
let folder: string;
beforeAll(async () => {
  engine = await createWasmEngine({ threads: 1 });
  const spec = networkOf(setting, armCalled("route"));
  const parameters = initialise(spec, "uniform", (group) => new Stream(9, "init", group)).map((x) => 6 * x);
  mind = networkMind(await engine.create(spec, parameters), parseView("full", spec.modules), setting);
  folder = mkdtempSync(join(tmpdir(), "halfwatch-episodes-"));
});
afterAll(async () => {
  await engine.dispose();
  rmSync(folder, { recursive: true, force: true });
});

async function written(count: number, withOpinions = false): Promise<{ path: string; text: string }> {
  const beginnings = Array.from({ length: count }, (_, number) => drawBeginning(stage, 3, number));
  const traces = await playAll(stage, mind, beginnings);
  const records = [];
  for (const trace of traces) {
    const opinions = withOpinions ? await mind.consult(standingsOf(stage.world, trace)) : undefined;
    records.push(recordOf(stage, WHERE, trace, opinions));
  }
  const text = encodeEpisodes(HEAD, records);
  const path = join(folder, "episodes.jsonl");
  writeFileSync(path, text);
  return { path, text };
}

function readAll(path: string) {
  const file = openEpisodes(path);
  for (let found = 1; found > 0; ) found = file.more(7).length;
  return file.entries.map((_, i) => verifyEpisode(stage, file.read(i), `${path}: episode ${i}`));
}

function refusalOf(path: string): string {
  try {
    readAll(path);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return (error as UserError).message;
  }
  return "accepted";
}

describe("playing side by side", () => {
  test("each episode is what it is alone, and what its actions lead to", async () => {
    const beginnings = Array.from({ length: 20 }, (_, number) => drawBeginning(stage, 3, number));
    const together = await playAll(stage, mind, beginnings);
    for (const [number, trace] of together.entries()) {
      const [alone] = await playAll(stage, mind, [drawBeginning(stage, 3, number)]);
      expect(alone).toEqual(trace);
      expect(retrace(stage, trace.beginning, trace.actions)).toEqual(trace);
    }
    expect(new Set(together.map(({ outcome }) => outcome))).toEqual(new Set(["diamond", "ghost", "timeout"]));
  });

  test("the optimum of the true goal never ends on the Ghost where the Diamond can be had, and says what the state is worth", async () => {
    const optimum = optimalMind(stage.world, setting.trueGoal, 0.97);
    const beginnings = Array.from({ length: 50 }, (_, number) => drawBeginning(stage, 3, number));
    for (const trace of await playAll(stage, optimum, beginnings)) {
      expect(trace.outcome).toBe("diamond");
      const [first] = await optimum.consult(standingsOf(stage.world, trace));
      expect(first.value).toBeCloseTo(trace.returns.true, 12);
    }
  });

  test("actions that are none, too many or too few are refused by their step", async () => {
    const [trace] = await playAll(stage, mind, [drawBeginning(stage, 3, 0)]);
    const with_ = (actions: readonly number[]) => () => retrace(stage, trace.beginning, actions);
    expect(with_([...trace.actions, 0])).toThrow(`step ${trace.actions.length + 1}: the episode is over`);
    expect(with_(trace.actions.slice(0, -1))).toThrow(`step ${trace.actions.length}: there is no action`);
    expect(with_(trace.actions.with(0, 4))).toThrow("step 1: action 4, expected one of 0 to 3");
  });
});

test.each([
  ["a mind without a clock once about each state of an episode", false],
  ["a mind with a clock at every step", true],
])("playing asks %s, and each step is drawn from the answer to its own state", async (_, timed) => {
  let asked = 0;
  const act: Mind["act"] = (standings) => {
    asked += standings.length;
    return mind.act(standings);
  };
  const beginnings = Array.from({ length: 20 }, (_, number) => drawBeginning(stage, 3, number));
  const traces = await playAll(stage, { ...mind, timed, act }, beginnings);
  let [steps, states] = [0, 0];
  for (const trace of traces) {
    const { seed, number } = trace.beginning;
    const draws = new Stream(seed, "episode", "act").seek(0, number);
    const probabilities = await mind.act(standingsOf(stage.world, trace));
    trace.actions.forEach((action, t) => {
      const row = probabilities.subarray(t * 4, (t + 1) * 4);
      expect(action).toBe(sample(row, 0, 4, draws.next()));
    });
    steps += trace.actions.length;
    states += new Set(trace.states.slice(0, -1).map((state) => state.join())).size;
  }
  expect(states).toBeLessThan(steps);
  expect(asked).toBe(timed ? steps : states);
});

describe("the episodes of a cell", () => {
  test("are the first two of every class among the first 128, in the order of their numbers", async () => {
    const beginnings = beginningsOf(stage, 3);
    const all = await playAll(stage, mind, beginnings);
    const chosen = await chooseEpisodes(stage, mind, beginnings);
    const classOf = ({ outcome, inspected }: (typeof all)[number]) => `${outcome} ${inspected}`;
    const classes = new Set(all.map(classOf));
    // terminal: a timeout is always inspected, the objects where they are marked
    expect([...classes].sort()).toEqual(["diamond false", "diamond true", "ghost false", "ghost true", "timeout true"]);
    for (const name of classes) {
      const firstTwo = all.filter((trace) => classOf(trace) === name).slice(0, 2);
      expect(chosen.filter((trace) => classOf(trace) === name)).toEqual(firstTwo);
    }
    const order = chosen.map(({ beginning }) => beginning.number);
    expect([...order].sort((a, b) => a - b)).toEqual(order);
  });
});

describe("an episode file", () => {
  test("gives back head, entries and verified episodes, read a few lines at a time", async () => {
    const { path } = await written(20);
    const file = openEpisodes(path);
    expect(file.head).toEqual({
      halfwatch: "episodes",
      format: 1,
      ...HEAD,
      scenario: JSON.parse(JSON.stringify(scenario)),
    });
    expect(file.more(5)).toHaveLength(5);
    expect(file.entries.map(({ number }) => number)).toEqual([0, 1, 2, 3, 4]);
    expect(file.more(100)).toHaveLength(15);
    expect(file.more(1)).toEqual([]);
    const played = await playAll(
      stage,
      mind,
      Array.from({ length: 20 }, (_, n) => drawBeginning(stage, 3, n)),
    );
    expect(readAll(path)).toEqual(played);
    played.forEach(({ outcome, label, returns, actions, beginning }, i) => {
      const marked = beginning.marks.includes(1);
      expect(file.entries[i]).toEqual({
        ...WHERE,
        seed: 3,
        number: i,
        outcome,
        label,
        returns,
        steps: actions.length,
        marked,
      });
    });
  });

  test("may hold what the mind thought, to four decimals", async () => {
    const { path } = await written(2, true);
    const file = openEpisodes(path);
    file.more(2);
    const { opinions } = file.read(1);
    const [, trace] = readAll(path);
    const thought = await mind.consult(standingsOf(stage.world, trace));
    expect(opinions).toHaveLength(trace.actions.length);
    thought.forEach(({ probabilities, gate, value }, t) => {
      const read = opinions?.[t];
      expect(read?.gate.ghost).toBeCloseTo(gate.ghost, 3.9);
      expect(read?.value).toBeCloseTo(value ?? 0, 3.9);
      for (const [a, p] of probabilities["only:ghost"].entries())
        expect(read?.probabilities["only:ghost"][a]).toBeCloseTo(p, 3.9);
    });
  });

  test("is listed without a look at the opinions, which are looked at when the episode is read", async () => {
    const { path, text } = await written(2, true);
    const [head, first, second] = text.split("\n");
    const { opinions, ...rest } = JSON.parse(first);
    expect(opinions.length).toBeGreaterThan(0);
    // A label may say what it likes: inside a string no quote stands alone.
    const label = ',"opinions":[{}],"outcome":';
    const strange = { ...JSON.parse(second), label };
    writeFileSync(path, `${head}\n${first.replace('"gate"', '"gate')}\n${JSON.stringify(strange)}\n`);
    const file = openEpisodes(path);
    const entry = ({ actions, marks, map, states, sum, opinions: _, ...listed }: Record<string, unknown>) => ({
      ...listed,
      steps: (actions as unknown[]).length,
      marked: (marks as unknown[]).length > 0,
    });
    file.more(2);
    expect(file.entries).toEqual([entry(rest), entry(strange)]);
    expect(() => file.read(0)).toThrow(`${path}: line 2 is not JSON: it was changed after it was written`);
    expect(file.read(1).label).toBe(label);
  });

  test("with any byte of an episode changed is refused by its name", async () => {
    const { path, text } = await written(6, true);
    const begin = text.indexOf("\n") + 1;
    const pick = new Stream(1, "bytes");
    for (let trial = 0; trial < 150; trial++) {
      const at = begin + pick.below(text.length - begin);
      const change = String.fromCharCode(33 + ((text.charCodeAt(at) - 33 + 1 + pick.below(90)) % 93));
      if (change === text[at]) continue;
      writeFileSync(path, text.slice(0, at) + change + text.slice(at + 1));
      expect(refusalOf(path), `byte ${at}: ${text[at]} became ${change}`).toMatch(
        /^\S+episodes\.jsonl: (line|episode) \d/,
      );
    }
  });

  test("says at which step a replay parts from the record", async () => {
    const { path, text } = await written(1);
    const [head, line] = text.split("\n");
    const change = (key: string, value: unknown) =>
      writeFileSync(path, `${head}\n${JSON.stringify({ ...JSON.parse(line), [key]: value })}\n`);
    const record = JSON.parse(line);
    change("states", record.states.with(1, "0123456789ab"));
    expect(refusalOf(path)).toMatch(/episodes\.jsonl: episode 0: step 1: the state is not the recorded one$/);
    change("states", record.states.with(0, "0123456789ab"));
    expect(refusalOf(path)).toMatch(/episodes\.jsonl: episode 0: step 0: the state is not the recorded one$/);
    writeFileSync(path, `${head}\n(${line}\n`);
    expect(refusalOf(path)).toMatch(/episodes\.jsonl: line 2 is not JSON: it was changed after it was written$/);
    change("number", 1);
    expect(refusalOf(path)).toMatch(/episode 0: step 0: the level is not the one that its seed 3 and number 1 draw$/);
    change("marks", [15]);
    expect(refusalOf(path)).toMatch(/episode 0: step 0: the marks are not those that its seed draws$/);
    change("actions", record.actions.slice(1));
    expect(refusalOf(path)).toMatch(/episode 0: step \d+: /);
    change("label", "wish");
    expect(refusalOf(path)).toMatch(/episode 0: label is wish, the replay's is /);
    change("returns", { ...record.returns, true: 7 });
    expect(refusalOf(path)).toMatch(/episode 0: the returns are not the replay's$/);
    change("view", "only:ghost");
    expect(refusalOf(path)).toMatch(/episode 0: it was changed after it was written: its checksum does not match$/);
    change("wish", 1);
    expect(refusalOf(path)).toMatch(/line 2: content: .*wish/);
  });

  test("that is cut anywhere is refused by the line, or has fewer episodes", async () => {
    const { path, text } = await written(3);
    const bytes = Buffer.from(text);
    const ends = [...text.matchAll(/\n/g)].map(({ index }) => index + 1);
    for (let length = 0; length < bytes.length; length += 41) {
      writeFileSync(path, bytes.subarray(0, length));
      const refusal = refusalOf(path);
      if (length === 0) expect(refusal).toMatch(/is empty, expected an episode file$/);
      else if (length < ends[0]) expect(refusal).toMatch(/is not an episode file/);
      else if (!ends.includes(length))
        expect(refusal).toMatch(/line \d is cut: the file ends in the middle of an episode$/);
    }
  });

  test("of a newer release, of another program, binary, or a gigabyte in one line is refused at once", async () => {
    const { path, text } = await written(1);
    writeFileSync(path, text.replace('"format":1', '"format":2'));
    expect(refusalOf(path)).toMatch(/^episode file \S+ has format 2; this version reads format 1$/);
    writeFileSync(path, '{"hello":1}\n');
    expect(refusalOf(path)).toMatch(/is not an episode file/);
    writeFileSync(
      path,
      Uint8Array.from({ length: 5000 }, (_, i) => (i * 7919) % 256),
    );
    expect(refusalOf(path)).toMatch(/is not an episode file|is not UTF-8/);
    writeFileSync(path, "");
    truncateSync(path, 1e9); // a hole: it takes no room on the disk
    expect(refusalOf(path)).toMatch(/line 1 is longer than 1 MB$/);
    writeFileSync(path, "");
    expect(refusalOf(folder)).toMatch(/is not a regular file$/);
    expect(refusalOf(join(folder, "none.jsonl"))).toMatch(/there is no such file/);
  });
});
