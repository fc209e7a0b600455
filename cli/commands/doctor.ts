import { execFile } from "node:child_process";
import { availableParallelism } from "node:os";
import { createEngine, ENGINES } from "../../src/compute/create.ts";
import { distanceFromReference } from "../../src/compute/native/self-check.ts";
import { UserError } from "../../src/core/errors.ts";
import { cacheFolder } from "../cache.ts";
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
  ["koffi", "native engine"],
];

/** What is here, what is missing, and the command that adds it. */
export async function run(_args: readonly string[], { json }: DoctorOptions): Promise<void> {
  const version = process.versions.node;
  const supported = Number(version.split(".")[0]) >= OLDEST_NODE;
  const cores = availableParallelism();
  const peers = await Promise.all(PEERS.map(([name, purpose]) => probe(name, purpose)));
  const engines = await judgeEngines(peers);
  if (json) {
    printJson({ node: { version, supported, needed: `>=${OLDEST_NODE}` }, cores, engines, peers });
    return;
  }
  print(`node      ${version}  ${supported ? "fine" : `too old: Node ${OLDEST_NODE} or newer is needed`}`);
  print(`cores     ${cores}`);
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
async function judgeEngines(peers: readonly Peer[]): Promise<EngineState[]> {
  const backends = peers.filter(({ name, state }) => state === "found" && name !== "koffi").map(({ name }) => name);
  const simd = await hasSimd();
  const states = new Map<string, Omit<EngineState, "name">>([
    ["wasm", { usable: simd, detail: simd ? "float32, the default" : "this Node has no WebAssembly SIMD" }],
    ["wasm-fma", await tryEngine("wasm-fma")],
    ["native", await tryEngine("native")],
    ["reference", { usable: true, detail: "float64, plain TypeScript, slow" }],
    [
      "tfjs",
      backends.length > 0
        ? { usable: true, detail: `by ${backends.join(", ")}` }
        : { usable: false, detail: "needs one of the packages below" },
    ],
  ]);
  return ENGINES.flatMap((name) => {
    const state = states.get(name);
    return state ? [{ name, ...state }] : [];
  });
}

/** A float32 gradient that is further than this from the reference engine's is wrong. */
const SELF_CHECK = 1e-5;

/** Start an engine, compiling its kernels where it has to, and hold a gradient of it against the reference engine's. */
async function tryEngine(name: "wasm-fma" | "native"): Promise<Omit<EngineState, "name">> {
  try {
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
    if (!(error instanceof UserError)) throw error;
    return { usable: false, detail: [error.message, error.hint ?? []].flat().join("; ") };
  }
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
function probe(name: string, purpose: string): Promise<Peer> {
  const script = `
    import(${JSON.stringify(name)}).then(
      () => ["found"],
      (error) => [error.code ?? "", error.message.split("\\n")[0]],
    ).then((outcome) => { console.log("\\n" + JSON.stringify(outcome)); process.exit(0); });`;
  const options = {
    cwd: packageRoot(),
    timeout: PROBE_LIMIT_MS,
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: "3" },
  };
  return new Promise((resolve) => {
    execFile(process.execPath, ["--input-type=module", "--eval", script], options, (failure, stdout) => {
      const outcome = lastJsonLine(stdout);
      if (outcome === undefined) {
        const detail = failure?.signal ? `ended by ${failure.signal}` : `ended with code ${failure?.code ?? 0}`;
        resolve({ name, purpose, state: "crashes", detail: `its import ${detail}`, command: `npm rebuild ${name}` });
      } else if (outcome[0] === "found") {
        resolve({ name, purpose, state: "found", detail: "", command: null });
      } else if (outcome[0] === "ERR_MODULE_NOT_FOUND" && outcome[1]?.includes(`'${name}'`)) {
        resolve({ name, purpose, state: "absent", detail: "not installed", command: `npm install ${name}` });
      } else {
        const detail = `installed, but its native addon cannot be loaded: ${outcome[1]}`;
        resolve({ name, purpose, state: "broken", detail, command: `npm rebuild ${name}` });
      }
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
