import { execFile } from "node:child_process";
import { availableParallelism } from "node:os";
import { AUTO_RULE, BACKENDS, type Backend, ENGINES, resolveEngine } from "../../src/compute/choice.ts";
import { createCompiledWasm, createEngine } from "../../src/compute/create.ts";
import { distanceFromReference } from "../../src/compute/self-check.ts";
import type { UserError } from "../../src/core/errors.ts";
import { cacheFolder } from "../engine/cache.ts";
import { print, printJson } from "../output.ts";
import { packageRoot } from "../package.ts";

export interface DoctorOptions {
  readonly json?: boolean;
}

/** What became of importing an optional package. */
interface Peer {
  readonly name: string;
  readonly purpose: string;
  readonly state: "found" | "absent" | "broken" | "crashes";
  /** Why it cannot be used; empty where it can. */
  readonly detail: string;
  /** The command that adds or mends it; null where nothing is missing. */
  readonly command: string | null;
}

interface EngineState {
  readonly name: string;
  readonly usable: boolean;
  readonly detail: string;
}

const OLDEST_NODE = 22;
const PROBE_LIMIT_MS = 60_000;
const PEERS: readonly (readonly [string, string])[] = [
  ["@tensorflow/tfjs-node-gpu", "tfjs engine on an NVIDIA GPU (CUDA)"],
  ["@tensorflow/tfjs-node", "tfjs engine on the CPU"],
  ["webgpu", "tfjs engine on any GPU (WebGPU)"],
  ["koffi", "native engine, and the compiled kernels of auto"],
];

/** What is here, what is missing, and the command that adds it. */
export async function run(_args: readonly string[], { json }: DoctorOptions): Promise<void> {
  const version = process.versions.node;
  const supported = Number(version.split(".")[0]) >= OLDEST_NODE;
  const cores = availableParallelism();
  const peers = await Promise.all(PEERS.map(([name, purpose]) => probe(name, purpose)));
  const engines = await judgeEngines();
  const compiled = await tryApart("compiled wasm");
  if (json) {
    const auto = { engine: resolveEngine("auto"), why: AUTO_RULE, compiled };
    printJson({ node: { version, supported, needed: `>=${OLDEST_NODE}` }, cores, auto, engines, peers });
    return;
  }
  print(`node      ${version}  ${supported ? "fine" : `too old: Node ${OLDEST_NODE} or newer is needed`}`);
  print(`cores     ${cores}`);
  print(
    `auto      ${resolveEngine("auto")}: ${AUTO_RULE}; an engine with a machine's own bytes is asked for by its name`,
  );
  print(
    `          ${compiled.usable ? compiled.detail : `by WebAssembly, not by faster compiled kernels: ${compiled.detail}`}`,
  );
  print("engines");
  for (const { name, usable, detail } of engines) {
    print(`  ${name.padEnd(26)}${usable ? "usable" : "not usable"}${detail === "" ? "" : `: ${detail}`}`);
  }
  print("optional packages");
  for (const { name, purpose, state, detail, command } of peers) {
    print(`  ${name.padEnd(26)}${state}${detail === "" ? "" : `: ${detail}`}  (${purpose})`);
    if (command !== null) print(`    ${command}`);
  }
}

/** Whether each engine of this build can be used here. */
async function judgeEngines(): Promise<EngineState[]> {
  const backends = await Promise.all(BACKENDS.map(tryBackend));
  const usable = backends.filter((backend) => backend.usable);
  const best = usable.find(({ detail }) => !detail.endsWith("(software)")) ?? usable[0];
  const simd = await hasSimd();
  const states = new Map<string, Omit<EngineState, "name">>([
    ["wasm", { usable: simd, detail: simd ? "float32, the default" : "this Node has no WebAssembly SIMD" }],
    ["wasm-fma", await tryApart("wasm-fma")],
    ["native", await tryApart("native")],
    ["reference", { usable: true, detail: "float64, plain TypeScript, slow" }],
    [
      "tfjs",
      best === undefined
        ? { usable: false, detail: "needs one of its backends" }
        : {
            usable: true,
            detail: `uses ${best.name}${best.detail.includes("CPU") || /^tfjs:(node|cpu)$/.test(best.name) ? ", which is the CPU: wasm is faster" : ""}`,
          },
    ],
    ...backends.map(({ name, usable, detail }) => [name, { usable, detail }] as const),
  ]);
  return ENGINES.flatMap((name) => {
    const state = states.get(name);
    return state ? [{ name, ...state }] : [];
  });
}

/** A float32 gradient that is further than this from the reference engine's is wrong. */
const SELF_CHECK = 1e-5;

type Tried = "wasm-fma" | "native" | "compiled wasm";

/**
 * Start an engine, compiling its kernels where it has to, and hold a gradient of it against the reference engine's; `auto`'s kernels are
 * held against WebAssembly's bits when they start.
 */
export async function tryEngine(name: Tried): Promise<Omit<EngineState, "name">> {
  try {
    if (name === "compiled wasm") {
      const { info, dispose } = await createCompiledWasm(1, cacheFolder());
      await dispose();
      return {
        usable: true,
        detail: `kernels in ${cacheFolder()} by ${info.build}; self-check passed: WebAssembly's bits`,
      };
    }
    const engine = await createEngine(name, 1, { cacheFolder: cacheFolder() });
    try {
      const distance = await distanceFromReference(engine);
      const passed = distance < SELF_CHECK;
      const { build } = engine.info;
      const facts = [
        "float32, fused multiply-add",
        ...(build === undefined ? [] : [`kernels in ${cacheFolder()} by ${build}`]),
        `self-check ${passed ? "passed" : "failed"}: ${distance.toExponential(1)} from the reference engine`,
      ];
      return { usable: passed, detail: facts.join("; ") };
    } finally {
      await engine.dispose();
    }
  } catch (error) {
    // Also what a broken package throws: saying so is what the command is for.
    const { message, hint } = error as Partial<UserError>;
    return { usable: false, detail: [message ?? String(error), hint ?? []].flat().join("; ") };
  }
}

/** {@link tryEngine} in a process of its own: a package or kernels may crash what loads them, or print. */
async function tryApart(name: Tried): Promise<Omit<EngineState, "name">> {
  const { outcome, end } = await inProcess(`
    import(${JSON.stringify(import.meta.url)})
      .then(({ tryEngine }) => tryEngine(${JSON.stringify(name)}))
      .then(({ usable, detail }) => [usable ? "usable" : "", detail])`);
  if (outcome === undefined) return { usable: false, detail: `crashes: ${end}` };
  return { usable: outcome[0] === "usable", detail: outcome[1] };
}

/** Whether a module of one function that uses a v128 constant compiles here. */
async function hasSimd(): Promise<boolean> {
  const bytes = Uint8Array.of(
    ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0],
    ...[10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11],
  );
  try {
    await WebAssembly.compile(bytes);
    return true;
  } catch {
    return false;
  }
}

/**
 * Import a package in a process of its own: a native addon may crash what loads it. Its last line of output is
 * what happened: `found`, or the error's code and message.
 */
async function probe(name: string, purpose: string): Promise<Peer> {
  const script = `
    import(${JSON.stringify(name)}).then(
      () => ["found"],
      (error) => [error.code ?? "", error.message.split("\\n")[0]],
    )`;
  const { outcome, end } = await inProcess(script);
  if (outcome === undefined) {
    return { name, purpose, state: "crashes", detail: `its import ${end}`, command: `npm rebuild ${name}` };
  }
  if (outcome[0] === "found") return { name, purpose, state: "found", detail: "", command: null };
  if (outcome[0] === "ERR_MODULE_NOT_FOUND" && outcome[1]?.includes(`'${name}'`)) {
    return { name, purpose, state: "absent", detail: "not installed", command: `npm install ${name}` };
  }
  const detail = `installed, but its native addon cannot be loaded: ${outcome[1]}`;
  return { name, purpose, state: "broken", detail, command: `npm rebuild ${name}` };
}

/** Start a backend of the engine tfjs in a process of its own, as a cell would. */
async function tryBackend(backend: Backend): Promise<EngineState> {
  const name = `tfjs:${backend}`;
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const loader = new URL(`../../src/compute/tfjs/backends.${extension}`, import.meta.url);
  const script = `
    import(${JSON.stringify(loader.href)}).then(({ loadBackend }) => loadBackend(${JSON.stringify(backend)})).then(
      ({ device }) => ["usable", device],
      (error) => ["", [error.message, error.hint].filter(Boolean).join(": ")],
    )`;
  const { outcome, end } = await inProcess(script);
  if (outcome === undefined) return { name, usable: false, detail: `crashes: ${end}` };
  return { name, usable: outcome[0] === "usable", detail: outcome[1].replace(`${name} `, "") };
}

/** The value of a promise of strings, evaluated in another process; undefined, and how it ended, where there is none. */
function inProcess(promise: string): Promise<{ readonly outcome: string[] | undefined; readonly end: string }> {
  const script = `(${promise.trim()}).then((outcome) => {
    console.log("\\n" + JSON.stringify(outcome));
    process.exit(0);
  });`;
  const options = {
    cwd: packageRoot(),
    timeout: PROBE_LIMIT_MS,
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: "3" },
  };
  return new Promise((resolve) => {
    execFile(process.execPath, ["--input-type=module", "--eval", script], options, (failure, stdout) => {
      const end = failure?.signal ? `ended by ${failure.signal}` : `ended with code ${failure?.code ?? 0}`;
      resolve({ outcome: lastJsonLine(stdout), end });
    });
  });
}

function lastJsonLine(stdout: string): string[] | undefined {
  try {
    return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
  } catch {
    return undefined;
  }
}
