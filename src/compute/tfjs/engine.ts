import type { Observations } from "../../core/observations.ts";
import { checkForward, checkNetwork, checkRows, checkState, checkStep } from "../checks.ts";
import type { Backend } from "../choice.ts";
import type {
  Engine,
  EngineInfo,
  ForwardOutput,
  Hyper,
  Model,
  NetworkSpec,
  TrainingRows,
  TrainState,
  UpdateStats,
} from "../engine.ts";
import { networkLayoutOf } from "../layout.ts";
import { createLockstep, type Member, type Together } from "../lockstep.ts";
import { loadBackend } from "./backends.ts";
import { Batch } from "./batch.ts";

interface CreateCall {
  readonly spec: NetworkSpec;
  readonly parameters: Float64Array;
}

interface Place {
  readonly batch: Batch;
  readonly replica: number;
}

/** The fields of a spec that the program computes; a layer beyond them would be left out without a word. */
const KNOWN: ReadonlySet<string> = new Set<keyof NetworkSpec>([
  "features",
  "actions",
  "modules",
  "hidden",
  "gate",
  "gateHidden",
  "critic",
  "conv",
  "plane",
  "gateConv",
  "criticConv",
  "cells",
  "criticActivation",
]);

/**
 * The engine for GPUs: one program through TensorFlow.js over all replicas that train alike (batch.ts). float32.
 *
 * Models that {@link Engine.replicate}'s engines create of one shape are one batch. Rounding depends on the backend and, on some, on who
 * else is in the batch: equal to a tolerance, not to the bit.
 *
 * @throws UserError when the backend cannot be used.
 */
export async function createTfjsEngine(options: { readonly backend: Backend | "best" }): Promise<Engine> {
  const { tf, backend, device } = await loadBackend(options.backend);
  const info: EngineInfo = { name: "tfjs", backend, device, threads: 1, precision: "float32" };

  const createTogether: Together<CreateCall, Place> = async (calls) => {
    const shapes = new Map<string, CreateCall[]>();
    for (const call of calls) {
      const shape = shapeOf(call.spec);
      shapes.set(shape, [...(shapes.get(shape) ?? []), call]);
    }
    const places = new Map<CreateCall, Place>();
    for (const alike of shapes.values()) {
      const batch = new Batch(
        tf,
        alike[0].spec,
        alike.map(({ parameters }) => parameters),
      );
      alike.forEach((call, replica) => {
        places.set(call, { batch, replica });
      });
    }
    return calls.map((call) => ({ status: "fulfilled", value: places.get(call) as Place }));
  };

  const engineOf = (member: Member, leave: () => void): Engine => {
    const models = new Set<Replica>();
    return {
      info,
      create: async (spec, parameters) => {
        checkKnown(spec);
        checkNetwork(spec, parameters);
        const place = await member.call(createTogether, { spec, parameters: parameters.slice() });
        const model = new Replica(spec, member, place, () => void models.delete(model));
        models.add(model);
        return model;
      },
      replicate,
      dispose: async () => {
        for (const model of models) model.dispose();
        leave();
      },
    };
  };
  const replicate = (members: number): Engine[] =>
    createLockstep(members).map((member) => engineOf(member, () => member.leave()));
  // Alone: each call runs at once.
  return engineOf(createLockstep(1)[0], () => {});
}

/** Same text, same program; names of modules are none of its business. */
function shapeOf(spec: NetworkSpec): string {
  const fields = Object.entries({ ...spec, modules: spec.modules.length }).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(fields);
}

/** @throws RangeError naming what the program does not compute. */
function checkKnown(spec: NetworkSpec): void {
  for (const [field, value] of Object.entries(spec)) {
    if (!KNOWN.has(field) && value !== undefined) {
      throw new RangeError(`create: ${field} is ${JSON.stringify(value)}, which the engine tfjs does not compute`);
    }
  }
}

/** One replica of a batch, as a model of its own. */
class Replica implements Model {
  readonly spec: NetworkSpec;
  private readonly member: Member;
  private readonly batch: Batch;
  private readonly replica: number;
  private readonly onDispose: () => void;
  private isDisposed = false;

  constructor(spec: NetworkSpec, member: Member, { batch, replica }: Place, onDispose: () => void) {
    this.spec = spec;
    this.member = member;
    this.batch = batch;
    this.replica = replica;
    this.onDispose = onDispose;
  }

  async forward(
    observations: Observations,
    first: number,
    rows: number,
    lnScale: Float64Array,
    out: ForwardOutput,
  ): Promise<void> {
    checkForward(this.spec, observations, first, rows, lnScale, out);
    const { replica } = this;
    await this.member.call(this.batch.forward, { replica, observations, first, rows, lnScale: lnScale.slice(), out });
  }

  async loadRows(data: TrainingRows, rows: number): Promise<void> {
    checkRows(data, rows, this.spec);
    await this.member.call(this.batch.loadRows, { replica: this.replica, data, rows });
  }

  async update(indices: Int32Array, hyper: Hyper): Promise<UpdateStats> {
    checkStep("update", indices, hyper, this.batch.rowCount(this.replica));
    return this.member.call(this.batch.update, { replica: this.replica, indices: indices.slice(), hyper });
  }

  async gradient(indices: Int32Array, hyper: Hyper): Promise<Float64Array> {
    checkStep("gradient", indices, hyper, this.batch.rowCount(this.replica));
    return this.member.call(this.batch.gradient, { replica: this.replica, indices: indices.slice(), hyper });
  }

  async getState(): Promise<TrainState> {
    return this.batch.getState(this.replica);
  }

  async setState(state: TrainState): Promise<void> {
    checkState(state, networkLayoutOf(this.spec));
    this.batch.setState(this.replica, state);
  }

  dispose(): void {
    if (this.isDisposed) return;
    this.isDisposed = true;
    this.batch.release(this.replica);
    this.onDispose();
  }
}
