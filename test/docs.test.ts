import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, extname, join, normalize } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { Engine } from "../src/compute/engine.ts";
import { createWasmEngine } from "../src/compute/wasm/engine.ts";
import { ARMS } from "../src/routing/arms/table.ts";
import { readText } from "../src/runs/files.ts";
import { loadScenario } from "../src/scenario/load.ts";
import { ppoSchema, reinforceSchema } from "../src/scenario/schema.ts";
import type { Progress } from "../src/training/train.ts";
import { halfwatch, inFolder, ROOT } from "./cli/halfwatch.ts";
import { halfwatchHere } from "./cli/here.ts";
import { tinyScenario, trainTiny } from "./scenario/tiny.ts";

const read = (file: string): string => readFileSync(join(ROOT, file), "utf8");
const DOCS = [
  "README.md",
  "CHANGELOG.md",
  "scenarios/README.md",
  "gallery/README.md",
  ...readdirSync(join(ROOT, "docs"))
    .filter((file) => file.endsWith(".md"))
    .map((file) => `docs/${file}`),
];
/** What a reader is asked to write himself. */
const READERS_OWN = "scenarios/hidden.yaml";

/** All matches of a pattern's first groups. */
const matches = (text: string, pattern: RegExp): string[][] => [...text.matchAll(pattern)].map((m) => m.slice(1));
/** The body rows of every table whose first head is `head`, as cells. */
function tableOf(text: string, head: string): string[][] {
  const rows = text.split("\n").map((line) =>
    line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.replaceAll("**", "").trim()),
  );
  const begin = rows.findIndex((cells) => cells[0] === head);
  const end = rows.findIndex((cells, i) => i > begin + 1 && cells.length === 0);
  return rows.slice(begin + 2, end);
}

describe("commands", () => {
  /** Command lines in backticks or in blocks of sh, those with an argument at least; npx and comments left out. */
  const commandsIn = (file: string): string[] => {
    const text = read(file);
    const blocks = matches(text, /```sh\n([\s\S]*?)```/g).flatMap(([block]) => block.split("\n"));
    const lines = [...blocks, ...matches(text.replace(/```[\s\S]*?```/g, ""), /`([^`]+)`/g).flat()];
    return lines.map((line) => line.replace(/ +#.*$/, "").trim()).filter((line) => /^halfwatch [a-z]/.test(line));
  };
  const commands = [...new Set(DOCS.flatMap(commandsIn))];

  test("are found", () => {
    expect(commands.length).toBeGreaterThan(10);
    expect(commands).toContain("halfwatch levels scenarios/diamond-ghost.yaml -n 3");
  });

  test.each(commands)("%s", async (command) => {
    const [name, ...args] = command.split(" ").slice(1);
    const help = await halfwatchHere([name, "--help"]);
    expect(help.code).toBe(0);
    // Names of arguments (FILE, a/b) and commands without any: there is nothing more to try.
    if (args.length === 0 || args.some((arg) => /^[A-Z]/.test(arg))) return;
    const scenario = args[0].endsWith(".yaml") && args[0] !== READERS_OWN ? args[0] : undefined;
    if (scenario !== undefined) {
      const set = args.flatMap((arg, i) => (args[i - 1] === "--set" ? ["--set", arg] : []));
      expect(await halfwatchHere(["validate", scenario, ...set])).toMatchObject({ code: 0, stderr: "" });
      const arms = args[args.indexOf("--arms") + 1];
      if (args.includes("--arms")) for (const arm of arms.split(",")) expect([...ARMS.keys()]).toContain(arm);
    }
    if (scenario !== undefined && name !== "run") {
      // A person plays, and a test has no terminal: it gets as far as to say so.
      expect((await halfwatchHere([name, ...args])).code).toBe(name === "play" ? 2 : 0);
      return;
    }
    // What would train, or needs a run of the reader's: all is understood, and only the file is missing.
    const { code, stderr } = await halfwatchHere([name, `no-such${extname(args[0])}`, ...args.slice(1)]);
    expect(stderr).toMatch(/no-such.*there is no such file/);
    expect(code).toBe(2);
  });
});

describe("names", () => {
  const paths = DOCS.flatMap((file) =>
    matches(read(file), /`((?:src|cli|test|docs|scenarios|examples|bench)\/[\w./-]*)(?::(\w+))?`/g).map(
      ([path, name]) => [file, path, name] as const,
    ),
  ).filter(([, path]) => path !== READERS_OWN);

  test("every path in backticks exists", () => {
    expect(paths.length).toBeGreaterThan(50);
    expect(paths.filter(([, path]) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  test("every path:name is declared there", () => {
    const named = paths.filter(([, , name]) => name !== undefined);
    expect(named.length).toBeGreaterThan(40);
    const missing = named.filter(([, path, name]) => {
      const declared = new RegExp(
        `^(export )?(async )?(function|const|class|interface|type) ${name}\\b|^ +((private|async) )*${name}\\(.*\\{$`,
        "m",
      );
      return !declared.test(read(path));
    });
    expect(missing).toEqual([]);
  });

  test("every link leads to a file", () => {
    const links = DOCS.flatMap((file) =>
      matches(read(file), /\]\(([^)#:]+)\)/g).map(([target]) => normalize(join(dirname(file), target))),
    );
    expect(links.length).toBeGreaterThan(10);
    expect(links.filter((target) => !existsSync(join(ROOT, target)))).toEqual([]);
  });

  test("the directory that is drawn in the readme has the files of a cell", () => {
    const drawn = matches(read("README.md"), /^ {4}([\w.]+(?:\/\S+)?) {2,}/gm).flat();
    expect(drawn).toEqual([
      "metrics.jsonl",
      "evaluation.json",
      "checkpoints/<step>.safetensors",
      "episodes.jsonl",
      "timing.json",
      "result.json",
    ]);
  });
});

describe("scenarios", () => {
  test.each(readdirSync(join(ROOT, "scenarios")).filter((file) => file.endsWith(".yaml")))("%s is valid", (file) => {
    expect(loadScenario({ path: join(ROOT, "scenarios", file), readText }).scenario.arms.length).toBeGreaterThan(0);
  });

  test("the readme's own one is valid where it is to be saved", () => {
    const [[yaml]] = matches(read("README.md"), /```yaml\n([\s\S]*?)```/g);
    expect(read("README.md")).toContain(`Save this as \`${READERS_OWN}\``);
    inFolder((folder) => {
      writeFileSync(join(folder, READERS_OWN), yaml);
      expect(halfwatch(["validate", READERS_OWN], folder)).toEqual({
        code: 0,
        stdout: expect.stringMatching(
          /^scenarios\/hidden.yaml: valid; 5 arms, 20 seeds, 3 points of the sweep: 300 cells\nestimate, /,
        ),
        stderr: "",
      });
    });
  });
});

describe("docs/ppo.md", () => {
  const text = read("docs/ppo.md");
  let engine: Engine;
  beforeAll(async () => {
    engine = await createWasmEngine({ threads: 1 });
  });
  afterAll(() => engine.dispose());

  test("names every key of train", () => {
    const keys = Object.keys({ ...ppoSchema.shape, ...reinforceSchema.shape }).filter((key) => key !== "algorithm");
    expect(keys.filter((key) => !text.includes(`\`train.${key}\``))).toEqual([]);
  });

  test.each(["docs/ppo.md", "docs/routing.md"])("%s: a value that stands behind a key is its default", (file) => {
    const { train, agent } = tinyScenario({ train: {}, agent: {} });
    const defaults = { train: { ...ppoSchema.parse({}) }, agent: { ...agent, critic: [64, 64], hidden: [64, 64] } };
    expect(Object.keys(defaults.train)).toEqual(Object.keys(train));
    const stated = matches(read(file), /`(train|agent)\.(\w+)`:? (`\w+`|\[[^\]]*\]|\d[\d.e-]*)/g);
    for (const [part, key, value] of stated) {
      const actual = (defaults as Record<string, Record<string, unknown>>)[part][key];
      expect({ key, value: parse(value.replaceAll("`", "")) }).toEqual({ key, value: actual });
    }
    if (file === "docs/ppo.md") expect(stated.length).toBeGreaterThan(15);
  });

  test("explains every number of a line of metrics.jsonl, and no other", async () => {
    let line: Progress | undefined;
    const { model } = await trainTiny(
      engine,
      "route",
      {},
      {
        onUpdate: (progress) => {
          line = progress;
        },
      },
    );
    model.dispose();
    const logged = Object.keys(line ?? {}).flatMap((key) => (key === "gradNorms" ? ["gradNorms.<group>"] : [key]));
    const explained = tableOf(text, "name").flatMap(([names]) => matches(names, /`([^`]+)`/g).flat());
    expect(explained.sort()).toEqual([...logged, "curve.trueReturn", "curve.proxyReturn"].sort());
    for (const group of Object.keys(line?.gradNorms ?? {}))
      expect(text).toContain(`\`${group.replace(/:.*/, ":<name>")}\``);
  });
});

test("docs/routing.md: the table of arms is the records", () => {
  const records = [...ARMS.values()].map(({ name, reward, keep, modules, routing, labels, gate }) => [
    `\`${name}\``,
    ...[reward, keep, modules, routing, labels, gate],
  ]);
  expect(tableOf(read("docs/routing.md"), "arm")).toEqual(records);
});

describe("docs/architecture.md: rooms", () => {
  const rooms = tableOf(read("docs/architecture.md"), "room");
  const sources = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" })
    .filter((file) => /\.tsx?$/.test(file) && !file.includes("assembly"))
    .map((file) => ({ file, text: read(join("src", file)) }));

  test("are all the folders of src", () => {
    const folders = readdirSync(join(ROOT, "src"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(rooms.map(([room]) => room).sort()).toEqual(
      ["`cli`", ...folders.map(({ name }) => `\`src/${name}\``)].sort(),
    );
  });

  test("import only what the table allows", () => {
    const allowed = new Map(rooms.map(([room, , may]) => [room.replace(/`(src\/)?/g, ""), may.split(", ")]));
    const broken: string[] = [];
    for (const { file, text } of sources) {
      const room = file.split("/")[0];
      if (file === "index.ts") continue;
      for (const [target] of matches(text, /from "(\.[^"]+)"/g)) {
        const to = normalize(join(dirname(file), target));
        const other = to.split("/")[0];
        const fine = other === room || allowed.get(room)?.includes(other);
        if (!fine || (room === "agents" && other === "compute" && to !== "compute/engine.ts"))
          broken.push(`${file} -> ${to}`);
      }
    }
    expect(broken).toEqual([]);
  });

  test("of cli are all its folders, and import only what their table allows", () => {
    const besides = ["errors.ts", "output.ts", "package.ts"];
    const rooms = new Map(
      tableOf(read("docs/architecture.md"), "room of `cli`").map(([room, , may]) => [
        room.replaceAll("`", "").slice("cli/".length),
        may.split(", "),
      ]),
    );
    const folders = readdirSync(join(ROOT, "cli"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect([...rooms.keys()].sort()).toEqual(folders.map(({ name }) => name).sort());
    const broken = readdirSync(join(ROOT, "cli"), { recursive: true, encoding: "utf8" })
      .filter((file) => /\/.*\.tsx?$/.test(file))
      .flatMap((file) =>
        matches(read(join("cli", file)), /(?:from|import\(|import) ?"(\.[^"]+)"/g)
          .map(([target]) => normalize(join(dirname(file), target)))
          .filter((to) => {
            const [room, other] = [file.split("/")[0], to.split("/")[0]];
            const isFine = other === ".." || other === room || besides.includes(to) || rooms.get(room)?.includes(other);
            return !isFine && `${room}/${to}` !== "commands/figures.ts";
          })
          .map((to) => `${file} -> ${to}`),
      );
    expect(broken).toEqual([]);
  });

  test("nothing but src/index.ts re-exports", () => {
    const barrels = sources.filter(({ file, text }) => file !== "index.ts" && /^export [^;]* from "/m.test(text));
    expect(barrels.map(({ file }) => file)).toEqual([]);
  });
});

test("the packed README names no file that is not packed", () => {
  const { status, stdout, stderr } = spawnSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    ...{ cwd: ROOT, encoding: "utf8", shell: true },
  });
  expect(status, stderr).toBe(0);
  const [{ files }] = JSON.parse(stdout) as [{ files: readonly { path: string }[] }];
  const packed = files.map(({ path }) => path);
  const has = (path: string) => packed.some((each) => each === path || each.startsWith(`${path.replace(/\/$/, "")}/`));
  const text = read("README.md");
  const links = matches(text, /\]\(([^)#]+)(?:#[^)]*)?\)/g).map(([target]) => target);
  const local = links.filter((target) => !/^https?:/.test(target));
  expect(local.length).toBeGreaterThan(5);
  expect(local.filter((target) => !has(target))).toEqual([]);
  // And what is named as code: a path in the repository.
  const named = matches(text, /`((?:src|cli|test|bench|docs|gallery|scenarios|examples|scripts)\/[\w./-]*)`/g).map(
    ([path]) => path,
  );
  const readersOwn = [READERS_OWN];
  expect(named.filter((path) => !readersOwn.includes(path) && !has(path))).toEqual([]);
});
