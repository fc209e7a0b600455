import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { galleryFolder, readGallery } from "../../../../cli/screens/demo/gallery.ts";
import { type Clock, tourProgram } from "../../../../cli/screens/demo/program.ts";
import { tourSceneOf } from "../../../../cli/screens/demo/scenes.ts";
import { beginTour, type Tour } from "../../../../cli/screens/demo/tour.ts";
import { viewTour } from "../../../../cli/screens/demo/tour-view.ts";
import { beginPlayer, type Player } from "../../../../cli/screens/player/player.ts";
import { viewPlayer } from "../../../../cli/screens/player/player-view.ts";
import { PLAIN } from "../../../../cli/text/capabilities.ts";
import { toText } from "../../../../cli/tui/ansi.ts";
import { fitFrame, rowWidth } from "../../../../cli/tui/span.ts";
import { filesIn, halfwatch, MAIN, ROOT } from "../../halfwatch.ts";
import { halfwatchHere } from "../../here.ts";
import { ASCII, CLEAN, COLOURS, FakeTerminal } from "../../tui/fake-terminal.ts";

const scenes = (await readGallery(galleryFolder())).map(tourSceneOf);
const NAMES = scenes.map(({ name }) => name);
/** The tour at the end of a scene, or on its last screen. */
const atEnd = (scene: number): Tour => ({
  ...beginTour(scenes, scene),
  beat: Math.max(0, (scenes[scene]?.beats.length ?? 1) - 1),
});
const draw = (tour: Tour, columns: number, rows: number, capabilities = PLAIN): string[] =>
  toText(fitFrame(viewTour(tour, { columns, rows }, capabilities), { columns, rows }), capabilities);

describe("whole frames", () => {
  describe.each([
    [60, 19],
    [80, 23],
    [120, 39],
  ])("%d x %d", (columns, rows) => {
    test.each([0, 1, 2, 3])("the end of scene %d", (scene) => {
      expect(draw(atEnd(scene), columns, rows)).toMatchSnapshot();
    });
    test.each([0, 1, 2])("the beginning of scene %d", (scene) => {
      expect(draw(beginTour(scenes, scene), columns, rows)).toMatchSnapshot();
    });
  });

  test("nothing is cut at the smallest size: titles, captions, both boards with their last row, the clock", () => {
    for (const [s, { title, beats, lanes }] of scenes.entries()) {
      const { height } = lanes[0].shown.scene;
      for (const [b, { caption }] of beats.entries()) {
        const frame = draw({ ...beginTour(scenes, s), beat: b }, 60, 19);
        const text = frame.join(" ").replaceAll(/ +/g, " ");
        expect(text).toContain(caption);
        expect(frame[0]).toContain(`  ${title} `);
        expect(frame.filter((row) => row.includes("│"))).toHaveLength(height + 2);
        expect(frame.at(-1)).toMatch(/ \d+ of \d+ s$/);
      }
    }
  });

  test("no row is wider than the screen, at any size and of any letters", () => {
    for (const capabilities of [PLAIN, ASCII, COLOURS]) {
      for (const [columns, rows] of [
        [60, 19],
        [75, 30],
        [200, 59],
      ]) {
        for (const scene of [0, 1, 2, 3]) {
          const frame = viewTour(atEnd(scene), { columns, rows }, capabilities);
          expect(frame).toHaveLength(rows);
          for (const row of frame) expect(rowWidth(row)).toBeLessThanOrEqual(columns);
        }
      }
    }
  });

  test("ASCII is ASCII", () => {
    for (const [s, { beats }] of [...scenes, { beats: [null] }].entries()) {
      for (const beat of beats.keys()) {
        for (const columns of [60, 80, 120])
          expect(draw({ ...beginTour(scenes, s), beat }, columns, columns / 3, ASCII).join("")).toMatch(/^[ -~]*$/);
      }
    }
    expect(draw(atEnd(0), 80, 23, ASCII)).toMatchSnapshot();
  });
});

/** A clock that goes on when it is told to. */
function handClock() {
  let pending: { seconds: number; action: () => void } | undefined;
  const clock: Clock = (seconds, action) => {
    const own = { seconds, action };
    pending = own;
    return () => {
      if (pending === own) pending = undefined;
    };
  };
  return {
    clock,
    waits: () => pending?.seconds,
    ring: () => {
      const { action } = pending ?? {};
      pending = undefined;
      action?.();
    },
  };
}

async function open(size = { columns: 80, rows: 24 }) {
  const hand = handClock();
  const terminal = await FakeTerminal.open(tourProgram(beginTour(scenes), PLAIN, hand.clock), size);
  terminal.screen.dispatch({ kind: "begin" });
  return { ...hand, terminal };
}

describe("on a terminal", () => {
  test("plays to its end by itself, and gives the terminal back", async () => {
    const { terminal, ring, waits } = await open();
    expect(terminal.visible()[0]).toContain("1 of 3  Two wishes in one network");
    let passed = 0;
    for (; waits() !== undefined; ring()) passed += waits() ?? 0;
    await terminal.settle();
    expect(passed).toBeCloseTo(
      scenes.flatMap(({ beats }) => beats).reduce((sum, { seconds }) => sum + seconds, 0),
      9,
    );
    expect(terminal.visible().join("\n")).toContain("halfwatch run scenarios/quickstart.yaml");
    await terminal.press("q");
    expect((await terminal.screen.closed).leaving).toBe("shell");
    expect(terminal.state()).toEqual(CLEAN);
    expect(terminal.visible()[0]).toBe("$ halfwatch");
  });

  test("space holds it, space lets it go on; the beat has all of its time again", async () => {
    const { terminal, waits, ring } = await open();
    const first = waits();
    expect(terminal.visible()[23]).toMatch(/^ space pause /);
    await terminal.press("space");
    expect(waits()).toBeUndefined();
    expect(terminal.visible()[0]).toMatch(/‖$/);
    expect(terminal.visible()[23]).toMatch(/^ space go on /);
    await terminal.press("space");
    expect(waits()).toBe(first);
    ring();
    await terminal.press("right");
    expect(waits()).toBeUndefined();
    expect(terminal.screen.model()).toMatchObject({ scene: 0, beat: 2, playing: false });
    await terminal.end();
  });

  test("another size, one that is too small, and back", async () => {
    const { terminal } = await open();
    await terminal.resize({ columns: 120, rows: 40 });
    expect(terminal.visible().join("\n")).toContain("its way");
    await terminal.resize({ columns: 50, rows: 15 });
    expect(terminal.visible().join("\n")).toContain("and needs 60 x 20");
    await terminal.resize({ columns: 60, rows: 20 });
    expect(terminal.visible()[0]).toContain("Two wishes");
    await terminal.end();
    expect(terminal.state()).toEqual(CLEAN);
  });

  test("r leaves for the player with the scene in mind; no clock rings afterwards", async () => {
    const { terminal, waits } = await open();
    await terminal.press("down", "r");
    expect(await terminal.screen.closed).toMatchObject({ leaving: "player", scene: 1 });
    expect(waits()).toBeUndefined();
    expect(terminal.state()).toEqual(CLEAN);
  });
});

test("in the player there are no boards of views for an agent that only its file speaks for", () => {
  const { goals, lanes } = scenes[1];
  const [{ shown, entry }] = lanes;
  const player: Player = { ...beginPlayer("naive", goals), entries: [entry], order: [0], at: 0, shown };
  const frame = toText(viewPlayer(player, { columns: 80, rows: 23 }, PLAIN));
  expect(frame[2]).toMatch(/^ +level$/);
  expect(frame.join("\n")).toMatch(/full +>↑ +\.65/);
});

describe("printed", () => {
  test("the whole tour", () => {
    const { code, stdout, stderr } = halfwatch(["demo", "--plain"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout.split("\n")).toMatchSnapshot();
    expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  test("a scene alone; a scene that there is not", async () => {
    const { stdout } = await halfwatchHere(["demo", "--plain", "--scene", "3"]);
    expect(stdout).toMatch(/^3\. /);
    expect(stdout).not.toContain("2. ");
    expect(await halfwatchHere(["demo", "--scene", "4"])).toMatchObject({
      code: 2,
      stderr: "--scene is 4, expected an integer in [1, 3]\n",
    });
  });

  test("as data: what each agent did, and the rates that are in the files", async () => {
    const { code, stdout } = await halfwatchHere(["demo", "--json"]);
    expect(code).toBe(0);
    const data = JSON.parse(stdout);
    expect(data.scenes.map(({ name }: { name: string }) => name)).toEqual(NAMES);
    const stored = JSON.parse(readFileSync(join(galleryFolder(), "scenes.json"), "utf8"));
    for (const [s, { lanes }] of data.scenes.entries()) {
      for (const [l, lane] of lanes.entries()) {
        expect(lane.measured).toEqual(stored.scenes[s].lanes[l].measured);
        expect(lane.maps).toHaveLength(lane.actions.length + 1);
      }
    }
  });
});

describe("the files", () => {
  test("take less than 300 kB", () => {
    const sizes = filesIn(galleryFolder()).map((name) => statSync(join(galleryFolder(), name)));
    const bytes = sizes.filter((file) => file.isFile()).reduce((sum, { size }) => sum + size, 0);
    expect(bytes).toBeLessThan(300_000);
  });

  test.each([
    ["scenes.json", /"ghost": 0\.\d/, '"ghost": 1.5', /scenes\.json: scenes\.0\.lanes\.0\.measured\.0\.rates\.ghost: /],
    ["scenes.json", /"ghost": 0\.\d\d/, '"ghost": 0.11', /scenes\.json: it was changed after it was written/],
    ["scenes.json", /^{/, "", /scenes\.json: /],
    ["route/episodes.jsonl", /"actions":\[\d/, '"actions":[2', /route\/episodes\.jsonl: episode 0: step \d: /],
    ["hidden-1/episodes.jsonl", /\n$/, "", /hidden-1\/episodes\.jsonl: line 2 is cut/],
  ])("%s with %s changed is refused in a sentence", async (name, found, instead, message) => {
    const folder = mkdtempSync(join(tmpdir(), "halfwatch-gallery-"));
    try {
      cpSync(galleryFolder(), folder, { recursive: true });
      const text = readFileSync(join(folder, name), "utf8");
      expect(text).toMatch(found);
      writeFileSync(join(folder, name), text.replace(found, instead));
      await expect(readGallery(folder)).rejects.toThrow(message);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("a package without a file of the gallery: one message, exit code 2", () => {
    const folder = mkdtempSync(join(tmpdir(), "halfwatch-package-"));
    try {
      cpSync(dirname(dirname(MAIN)), join(folder, "dist"), { recursive: true });
      cpSync(join(ROOT, "package.json"), join(folder, "package.json"));
      cpSync(join(ROOT, "gallery"), join(folder, "gallery"), { recursive: true });
      symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
      const demo = () =>
        spawnSync(process.execPath, [join(folder, "dist/cli/main.js"), "demo"], { cwd: folder, encoding: "utf8" });
      expect(demo()).toMatchObject({ status: 0, stderr: "" });
      rmSync(join(folder, "gallery/maze-naive/episodes.jsonl"));
      const { status, stderr, stdout } = demo();
      expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
      expect(stderr).toMatch(
        /^cannot read .*maze-naive\/episodes\.jsonl: there is no such file or folder \(ENOENT\)\n/,
      );
      expect(stderr).not.toMatch(/ at .*\.js:\d/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
