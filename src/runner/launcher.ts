import { type ChildProcess, fork } from "node:child_process";
import type { EngineChoice } from "../compute/choice.ts";
import { UserError } from "../core/errors.ts";
import { diedOutOfMemory, LESS_MEMORY, OUT_OF_MEMORY } from "../core/memory.ts";
import { cellPaths } from "../runs/cell-paths.ts";
import type { Pauser } from "../runs/control.ts";
import { type Failure, writeFailure } from "../runs/failure.ts";
import { pathExists } from "../runs/files.ts";
import { type Claim, holderOf, type Owner } from "../runs/lock.ts";
import type { CellPlan } from "../runs/plan.ts";
import type { Metrics } from "../runs/results.ts";
import type { Evaluated } from "./cell.ts";

/** What a process that trains cells is told; sent to it as its first message. */
export interface CellOrder {
  readonly run: string;
  /** More than one train together, as replicas of one program. */
  readonly plans: readonly CellPlan[];
  readonly engine: EngineChoice;
  readonly threads: number;
}

/** What the process says of the cell with this id. */
export type CellMessage = CellReport & { readonly id: string };

/** What a cell's process can say of itself: what its engine runs on, and its memory so far at most, bytes; of several cells, an equal part. */
interface CellProcess {
  readonly device: string;
  readonly peakMemory: number;
}

/** `seconds` is the cell's wall time without pauses, of all attempts that it goes on from, by their processes' own clocks. */
export type CellReport =
  | { readonly kind: "resumed"; readonly update: number; readonly updates: number; readonly step: number }
  | { readonly kind: "progress"; readonly metrics: Metrics; readonly process?: CellProcess }
  /** The training is over; this much of its evaluation is done. */
  | ({ readonly kind: "evaluating" } & Evaluated)
  | { readonly kind: "finished"; readonly seconds: number; readonly peakMemory: number }
  /** Another process had finished the cell already. */
  | { readonly kind: "found" }
  /** Another process trains the cell; null where it cannot be told which. */
  | { readonly kind: "held"; readonly holder: Owner | null }
  /** Waits, as control.json asks; `unpaused` when it goes on. */
  | { readonly kind: "paused"; readonly by: Pauser }
  | { readonly kind: "unpaused" }
  /** Something that people should know and that changes nothing. */
  | { readonly kind: "remark"; readonly message: string }
  /** Saved and stopped, as it was asked to. */
  | { readonly kind: "stopped" }
  | { readonly kind: "failed"; readonly message: string; readonly hint?: string | undefined };

export type CellEvent = { readonly plan: CellPlan } & (
  | Exclude<CellReport, { kind: "failed" }>
  | { readonly kind: "started" }
  /** `where`: "at update 12 of 366". */
  | { readonly kind: "failed"; readonly where: string; readonly message: string; readonly hint?: string | undefined }
);

/** A place where cells are trained: this machine, or another. */
export interface Launcher {
  /**
   * Train groups of cells, those of a group together. `tell` hears what happens to each cell.
   *
   * Resolves when every cell is finished or failed, or the signal came: then running cells save and stop, and no further one is started.
   * A cell that fails is told, and the others go on.
   */
  start(groups: readonly (readonly CellPlan[])[], tell: (event: CellEvent) => void, signal: AbortSignal): Promise<void>;
}

export interface LocalOptions {
  readonly run: string;
  readonly engine: EngineChoice;
  /** Processes side by side. */
  readonly jobs: number;
  /** Threads of each cell's engine. */
  readonly threads: number;
  /** Program and first arguments of the process that trains cells. */
  readonly entry: { readonly path: string; readonly args: readonly string[] };
  /** To see which cells other processes train. */
  readonly claim: Claim;
  /** Resolves after a moment; between two looks at cells that other processes train. */
  readonly pause: () => Promise<void>;
  /** Aborted: running cells end at once, and lose what they did since they were saved last. */
  readonly kill: AbortSignal;
}

/** What one start hands to its processes. */
interface Launch extends LocalOptions {
  readonly tell: (event: CellEvent) => void;
  readonly signal: AbortSignal;
}

/**
 * Trains groups side by side on this machine, each in a process of its own: a crash costs one group, memory is clean, and a cluster uses
 * the same entry.
 *
 * Cells that other processes train are left to them; where those fail or are killed, the cell is taken up here.
 */
export function localLauncher(options: LocalOptions): Launcher {
  return { start: (groups, tell, signal) => startHere({ ...options, tell, signal }, groups) };
}

async function startHere(launch: Launch, groups: readonly (readonly CellPlan[])[]): Promise<void> {
  const { run, claim, signal, tell } = launch;
  const waiting = [...groups];
  const held: CellPlan[] = [];
  const told = new Set<string>();
  const tellHeld = (plan: CellPlan, holder: Owner | null) => {
    held.push(plan);
    if (!told.has(plan.id)) tell({ plan, kind: "held", holder });
    told.add(plan.id);
  };
  const worker = async () => {
    while (!signal.aborted) {
      const group = waiting.shift();
      if (group === undefined) {
        if (held.length === 0) return;
        await launch.pause();
        waiting.push(...held.splice(0).map((plan) => [plan]));
        continue;
      }
      const free = group.filter((plan) => {
        if (pathExists(cellPaths(run, plan.id).result)) {
          tell({ plan, kind: "found" });
          return false;
        }
        const holder = holderOf(run, plan.id, claim);
        if (holder !== undefined) tellHeld(plan, holder);
        return holder === undefined;
      });
      if (free.length === 0) continue;
      for (const [plan, holder] of await runProcess(launch, free)) tellHeld(plan, holder);
    }
  };
  await Promise.all(Array.from({ length: Math.min(launch.jobs, groups.length) }, worker));
}

/** How a process ends that the system, or somebody, kills outright. */
const KILLED = "was killed by SIGKILL";

/** What a cell's process says while it trains; after anything else it says nothing more of the cell. */
const UNDERWAY: ReadonlySet<CellReport["kind"]> = new Set([
  ...["resumed", "progress", "evaluating", "paused", "unpaused", "remark"],
] as const);

/** A cell as its process tells of it. */
interface Told {
  readonly plan: CellPlan;
  done: Pick<Metrics, "update" | "updates"> | undefined;
  /** Nothing more is expected. */
  settled: boolean;
}

/** Resolves when the process has ended: to who holds the cells that it therefore left alone. */
function runProcess(launch: Launch, plans: readonly CellPlan[]): Promise<Map<CellPlan, Owner | null>> {
  const { run, engine, threads, entry, tell, signal, kill } = launch;
  return new Promise((resolve) => {
    const child = fork(entry.path, [...entry.args], {
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      serialization: "advanced",
    });
    const cells = new Map(plans.map((plan): [string, Told] => [plan.id, { plan, done: undefined, settled: false }]));
    const holders = new Map<CellPlan, Owner | null>();
    let complaint = "";
    const fail = (cell: Told, message: string, hint?: string) => {
      cell.settled = true;
      const failure = { where: whereAfter(cell.done), message, ...(hint !== undefined && { hint }) };
      leaveWord(launch, cell.plan, failure);
      tell({ plan: cell.plan, kind: "failed", ...failure });
    };
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      complaint = (complaint + text).slice(-4000);
    });
    child.on("message", (message) => {
      const { id, ...report } = message as CellMessage;
      const cell = cells.get(id);
      if (cell === undefined) return;
      if (report.kind === "resumed") cell.done = report;
      if (report.kind === "progress") cell.done = report.metrics;
      if (report.kind === "failed") fail(cell, report.message, report.hint);
      else if (report.kind === "stopped" && !signal.aborted)
        fail(cell, "its process was told to stop by somebody else");
      else if (report.kind === "held") holders.set(cell.plan, report.holder);
      else tell({ plan: cell.plan, ...report });
      if (!UNDERWAY.has(report.kind)) cell.settled = true;
    });
    const forget = passOn(child, signal, kill);
    const close = (how: string) => {
      forget();
      for (const cell of cells.values()) {
        if (cell.settled || signal.aborted) continue;
        if (diedOutOfMemory(complaint)) fail(cell, OUT_OF_MEMORY, LESS_MEMORY);
        else if (how === KILLED)
          fail(cell, `its process ${how}`, `if nobody killed it, ${OUT_OF_MEMORY}: ${LESS_MEMORY}`);
        else fail(cell, `its process ${how}${complaint === "" ? "" : `\n${complaint.trim()}`}`);
      }
      resolve(holders);
    };
    child.on("error", (error) => close(`could not be started: ${error.message}`));
    child.on("close", (code, killer) => close(killer === null ? `ended with code ${code}` : `was killed by ${killer}`));
    for (const plan of plans) tell({ plan, kind: "started" });
    const order: CellOrder = { run, plans, engine, threads };
    child.send(order, () => {});
  });
}

/** Write down that a cell failed, for those who only look, unless somebody else has taken it up by now. */
function leaveWord({ run, claim }: Launch, { id }: CellPlan, failure: Failure): void {
  if (holderOf(run, id, claim) !== undefined) return;
  try {
    writeFailure(cellPaths(run, id), failure);
  } catch (error) {
    // The disk may be what it failed of; whoever runs it is told all the same.
    if (!(error instanceof UserError)) throw error;
  }
}

/** Pass both signals on to a child; returns what stops that. */
function passOn(child: ChildProcess, stop: AbortSignal, kill: AbortSignal): () => void {
  const onStop = () => child.kill("SIGTERM");
  const onKill = () => child.kill("SIGKILL");
  stop.addEventListener("abort", onStop);
  kill.addEventListener("abort", onKill);
  return () => {
    stop.removeEventListener("abort", onStop);
    kill.removeEventListener("abort", onKill);
  };
}

/** In words, where a cell is that has told of its updates so far. */
function whereAfter(done: Pick<Metrics, "update" | "updates"> | undefined): string {
  if (done === undefined) return "before its first update was done";
  return done.update < done.updates ? `at update ${done.update + 1} of ${done.updates}` : "after its last update";
}
