import { createRequire } from "node:module";
import util from "node:util";
import type { Tensor } from "@tensorflow/tfjs-core";
import { UserError } from "../../core/errors.ts";
import { BACKENDS, type Backend } from "../choice.ts";

/** TensorFlow.js, whichever package brought it. */
export type Tf = typeof import("@tensorflow/tfjs-core");
export type { Tensor };

/**
 * What npm must have installed for each backend: TensorFlow on an NVIDIA GPU, any GPU through WebGPU (Dawn), TensorFlow on the CPU, and
 * plain JavaScript, which is there for tests.
 */
const PACKAGES: Readonly<Record<Backend, readonly string[]>> = {
  "node-gpu": ["@tensorflow/tfjs-node-gpu"],
  webgpu: ["webgpu", "@tensorflow/tfjs-core", "@tensorflow/tfjs-backend-cpu", "@tensorflow/tfjs-backend-webgpu"],
  node: ["@tensorflow/tfjs-node"],
  cpu: ["@tensorflow/tfjs-core", "@tensorflow/tfjs-backend-cpu"],
};

export interface Loaded {
  readonly tf: Tf;
  readonly backend: Backend;
  /** In words, as far as it can be known. */
  readonly device: string;
  /** Whether the arithmetic runs on a GPU. */
  readonly isGpu: boolean;
}

/** Why a backend cannot be used, in one line. */
class BackendError extends UserError {
  readonly reason: "absent" | "addon" | "no-device";

  constructor(backend: Backend, reason: BackendError["reason"], what: string, hint: string) {
    super(`tfjs:${backend} ${what}`, hint);
    this.reason = reason;
  }
}

/**
 * Load the backend asked for, or with `best` the first of {@link BACKENDS} that loads and has a real device; a software imitation of a GPU
 * comes after the CPU.
 *
 * @throws UserError when none can be used.
 */
export async function loadBackend(choice: Backend | "best"): Promise<Loaded> {
  if (choice !== "best") return activate(await loadOnce(choice));
  const failures: string[] = [];
  let slow: Loaded | undefined;
  for (const backend of BACKENDS) {
    try {
      const loaded = await loadOnce(backend);
      if (loaded.isGpu || backend !== "webgpu") return await activate(loaded);
      slow ??= loaded;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      failures.push(error.message);
    }
  }
  if (slow !== undefined) return activate(slow);
  throw new UserError(
    `engine tfjs cannot be used: ${failures.join("; ")}`,
    `on an NVIDIA GPU: ${installCommand("node-gpu")}; on any GPU: ${installCommand("webgpu")}`,
  );
}

/** The command that adds what a backend needs. */
function installCommand(backend: Backend): string {
  return `npm install ${PACKAGES[backend].join(" ")}`;
}

const loading = new Map<Backend, Promise<Loaded>>();

/** A second start of Dawn in one process ends it, when the first is collected. */
function loadOnce(backend: Backend): Promise<Loaded> {
  const begun = loading.get(backend) ?? LOADERS[backend]();
  loading.set(backend, begun);
  return begun;
}

const LOADERS: Readonly<Record<Backend, () => Promise<Loaded>>> = {
  "node-gpu": async () => {
    const tf = await loadTensorFlow("node-gpu");
    if (!usesGpu(tf)) {
      throw new BackendError("node-gpu", "no-device", "found no GPU", "is the NVIDIA driver there, and CUDA 11.2?");
    }
    return activate({ tf, backend: "node-gpu", device: `TensorFlow ${versionOf(tf)}, GPU`, isGpu: true });
  },
  node: async () => {
    const tf = await loadTensorFlow("node");
    return activate({ tf, backend: "node", device: `TensorFlow ${versionOf(tf)}, cpu`, isGpu: false });
  },
  webgpu: loadWebGpu,
  cpu: async () => {
    const tf = (await load("cpu", "@tensorflow/tfjs-core")) as Tf;
    await load("cpu", "@tensorflow/tfjs-backend-cpu");
    return activate({ tf, backend: "cpu", device: "plain JavaScript", isGpu: false });
  },
};

/** What TensorFlow.js calls each of our backends. */
const REGISTERED: Readonly<Record<Backend, string>> = {
  "node-gpu": "tensorflow",
  webgpu: "webgpu",
  node: "tensorflow",
  cpu: "cpu",
};

/** Make a loaded backend the one that runs; TensorFlow.js has one at a time. */
async function activate(loaded: Loaded): Promise<Loaded> {
  const { tf, backend } = loaded;
  tf.enableProdMode();
  if (!(await tf.setBackend(REGISTERED[backend]))) {
    throw new BackendError(backend, "no-device", "did not start", "`halfwatch doctor` says what is here");
  }
  await tf.ready();
  return loaded;
}

async function loadTensorFlow(backend: "node" | "node-gpu"): Promise<Tf> {
  // Functions that Node 23 dropped from `util` and tfjs-node 4 still calls.
  const old = util as unknown as Record<string, unknown>;
  old.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
  old.isArray ??= Array.isArray;
  return (await load(backend, PACKAGES[backend][0])) as Tf;
}

async function loadWebGpu(): Promise<Loaded> {
  const dawn = (await load("webgpu", "webgpu")) as {
    create(options: readonly string[]): { requestAdapter(): Promise<Adapter | null> };
    readonly globals: object;
  };
  const gpu = dawn.create([]);
  // TensorFlow.js looks for a browser's globals, and its backend registers itself only if they are there when it is loaded.
  Object.assign(globalThis, dawn.globals);
  Object.defineProperty(globalThis, "navigator", { value: { userAgent: "node", gpu }, configurable: true });
  const adapter = await gpu.requestAdapter();
  if (adapter === null) {
    throw new BackendError("webgpu", "no-device", "found no adapter", "a Vulkan driver is needed (Linux: libvulkan1)");
  }
  // The core that the backend itself uses: where two are installed, another would not see it.
  const path = await resolve("webgpu", "@tensorflow/tfjs-backend-webgpu");
  const require = createRequire(path);
  const tf = (await load("webgpu", "@tensorflow/tfjs-core", require)) as Tf;
  await load("webgpu", "@tensorflow/tfjs-backend-webgpu");
  const { vendor, architecture, description } = adapter.info;
  const software = /swiftshader|llvmpipe|lavapipe/i.test(`${architecture} ${description}`);
  const device = [vendor, architecture, description].filter((word) => word !== "").join(" ");
  return activate({
    tf,
    backend: "webgpu",
    device: `WebGPU, ${device}${software ? " (software)" : ""}`,
    isGpu: !software,
  });
}

interface Adapter {
  readonly info: { readonly vendor: string; readonly architecture: string; readonly description: string };
}

/** Where a package's main file is. @throws BackendError when it is not installed. */
async function resolve(backend: Backend, name: string): Promise<string> {
  try {
    return createRequire(import.meta.url).resolve(name);
  } catch (error) {
    throw absent(backend, name, error);
  }
}

/** Import a package, as seen from here or by the `require` of another. @throws BackendError when that fails. */
async function load(backend: Backend, name: string, require?: NodeJS.Require): Promise<unknown> {
  try {
    if (require !== undefined) return require(name);
    const namespace = await import(name);
    return namespace.default ?? namespace;
  } catch (error) {
    throw absent(backend, name, error);
  }
}

function absent(backend: Backend, name: string, error: unknown): BackendError {
  const { message } = error as Error;
  if (!isInstalled(name)) {
    return new BackendError(backend, "absent", `needs the package ${name}`, installCommand(backend));
  }
  const first = message.split("\n")[0];
  return new BackendError(backend, "addon", `cannot load the native part of ${name}: ${first}`, `npm rebuild ${name}`);
}

function isInstalled(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch (error) {
    // Anything else is a package that is there, and does not let itself be required.
    return (error as NodeJS.ErrnoException).code !== "MODULE_NOT_FOUND";
  }
}

interface TensorFlowBackend {
  readonly isUsingGpuDevice?: boolean;
  readonly binding?: { readonly TF_Version?: string };
}

function usesGpu(tf: Tf): boolean {
  return (tf.backend() as TensorFlowBackend).isUsingGpuDevice === true;
}

function versionOf(tf: Tf): string {
  return (tf.backend() as TensorFlowBackend).binding?.TF_Version ?? "of unknown version";
}
