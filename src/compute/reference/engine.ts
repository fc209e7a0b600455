import type { Observations } from "../../core/observations.ts";
import { checkForward, checkNetwork, checkRows, checkState, checkStep } from "../checks.ts";
import { clipFactors } from "../clipping.ts";
import type {
  Engine,
  ForwardOutput,
  Hyper,
  Model,
  NetworkSpec,
  TrainingRows,
  TrainState,
  UpdateStats,
} from "../engine.ts";
import type { NetworkLayout } from "../layout.ts";
import { adamStep, normOf } from "./adam.ts";
import { entropyOf, gateSlopes, gateTerm, logitSlopes, policyTerm, valueTerm } from "./loss.ts";
import { type Activations, backwardRow, createActivations, forwardRow } from "./network.ts";

/**
 * The engine to read: float64, one row at a time, forward and backward by hand. The others are held against it.
 *
 * Read `network.ts` (forward, backward, where masks stand), `loss.ts` (PPO and the gate's cross-entropy), `adam.ts`
 * (clipping and Adam), then {@link ReferenceModel.update}, which puts them together.
 */
export function createReferenceEngine(): Engine {
  return {
    info: { name: "reference", device: "cpu", threads: 1, precision: "float64" },
    create: async (spec, parameters) => new ReferenceModel(spec, checkNetwork(spec, parameters), parameters),
    dispose: async () => {},
  };
}

interface LossAndGradient {
  /** Before clipping, [parameters]. */
  readonly gradient: Float64Array;
  readonly stats: UpdateStats;
}

class ReferenceModel implements Model {
  readonly spec: NetworkSpec;
  private readonly layout: NetworkLayout;
  private readonly activations: Activations;
  private readonly state: TrainState;
  /** lnScale of learning: the whole agent. */
  private readonly unscaled: Float64Array;
  private data: TrainingRows | undefined;
  private rows = 0;

  constructor(spec: NetworkSpec, layout: NetworkLayout, parameters: Float64Array) {
    this.spec = spec;
    this.layout = layout;
    this.activations = createActivations(layout);
    this.state = {
      parameters: parameters.slice(),
      firstMoments: new Float64Array(layout.size),
      secondMoments: new Float64Array(layout.size),
      steps: new Int32Array(layout.groups.length),
    };
    this.unscaled = new Float64Array(spec.modules.length);
  }

  async forward(
    observations: Observations,
    first: number,
    rows: number,
    lnScale: Float64Array,
    out: ForwardOutput,
  ): Promise<void> {
    checkForward(this.spec, observations, first, rows, lnScale, out);
    const { activations } = this;
    for (let row = 0; row < rows; row++) {
      forwardRow(this.layout, this.state.parameters, observations, first + row, lnScale, activations);
      out.logProbabilities.set(activations.logProbabilities, row * this.spec.actions);
      out.probabilities.set(activations.probabilities, row * this.spec.actions);
      out.values[row] = criticValue(activations);
      out.weights.set(activations.weights, row * this.spec.modules.length);
    }
  }

  /** Keeps a view: the rows are read again at each update. */
  async loadRows(data: TrainingRows, rows: number): Promise<void> {
    checkRows(data, rows, this.spec);
    this.data = data;
    this.rows = rows;
  }

  async gradient(indices: Int32Array, hyper: Hyper): Promise<Float64Array> {
    return this.lossAndGradient("gradient", indices, hyper).gradient;
  }

  /** Loss, gradient, clipping, Adam. @throws Error, with nothing changed, when the gradient overflowed. */
  async update(indices: Int32Array, hyper: Hyper): Promise<UpdateStats> {
    const { gradient, stats } = this.lossAndGradient("update", indices, hyper);
    const { groups } = this.layout;
    groups.forEach((group, g) => {
      if (!Number.isFinite(stats.gradNorms[g])) {
        throw new Error(
          `update: the gradient norm of ${group.name} is ${stats.gradNorms[g]}, expected a finite number`,
        );
      }
    });
    const factors = clipFactors(groups, stats.gradNorms, hyper);
    groups.forEach((group, g) => {
      // A group that no row can move is left alone: with a gradient of 0, Adam would still move it by old momentum.
      if (!this.isMovable(group.name, indices, hyper)) return;
      this.state.steps[g] += 1;
      adamStep(this.state, group, gradient, factors[g], this.state.steps[g], hyper);
    });
    return stats;
  }

  async getState(): Promise<TrainState> {
    const { parameters, firstMoments, secondMoments, steps } = this.state;
    return {
      parameters: parameters.slice(),
      firstMoments: firstMoments.slice(),
      secondMoments: secondMoments.slice(),
      steps: steps.slice(),
    };
  }

  async setState(state: TrainState): Promise<void> {
    checkState(state, this.layout);
    this.state.parameters.set(state.parameters);
    this.state.firstMoments.set(state.firstMoments);
    this.state.secondMoments.set(state.secondMoments);
    this.state.steps.set(state.steps);
  }

  dispose(): void {
    this.data = undefined;
    this.rows = 0;
  }

  /** The formulas of {@link Hyper}: means over the minibatch, and the gradient of the loss with the masks applied. */
  private lossAndGradient(caller: "update" | "gradient", indices: Int32Array, hyper: Hyper): LossAndGradient {
    checkStep(caller, indices, hyper, this.rows);
    const data = this.loadedRows(caller);
    const { layout, activations } = this;
    const { parameters } = this.state;
    const K = this.spec.modules.length;
    const B = indices.length;
    const L = indices.reduce((count, row) => count + (hasTarget(data, row, K) ? 1 : 0), 0);

    const gradient = new Float64Array(layout.size);
    const slopes = {
      logits: new Float64Array(this.spec.actions),
      gateLogits: new Float64Array(K),
      value: new Float64Array(1),
    };
    let [policyLoss, valueLoss, entropySum, gateLoss, klSum, clipped] = [0, 0, 0, 0, 0, 0];
    for (const row of indices) {
      forwardRow(layout, parameters, data.observations, row, this.unscaled, activations);
      const { logProbabilities, probabilities } = activations;

      const action = data.actions[row];
      const advantage = (data.advantages[row] - hyper.advantageMean) * hyper.advantageScale;
      const policy = policyTerm(logProbabilities[action], data.logProbabilities[row], advantage, hyper.clipRange);
      const entropy = entropyOf(logProbabilities, probabilities);
      const acted = { logProbabilities, probabilities, action, entropy };
      logitSlopes(acted, policy.slope, hyper.entropyCoef, 1 / B, slopes.logits);

      const value = valueTerm(criticValue(activations), data.values[row], data.returns[row], hyper.valueClip);
      slopes.value[0] = (hyper.valueCoef * value.slope) / B;

      slopes.gateLogits.fill(0);
      if (hasTarget(data, row, K)) {
        const target = data.gateTarget.subarray(row * K, row * K + K);
        gateLoss += gateTerm(target, activations.lnWeights) / L;
        gateSlopes(target, activations.weights, hyper.gateCoef / L, slopes.gateLogits);
      }

      const masks = { modules: data.moduleMask.subarray(row * K, row * K + K), gate: data.gateMask[row] };
      backwardRow(layout, parameters, data.observations, row, activations, slopes, masks, gradient);

      policyLoss += policy.loss / B;
      valueLoss += value.loss / B;
      entropySum += entropy;
      klSum += policy.kl;
      if (Math.abs(policy.ratio - 1) > hyper.clipRange) clipped += 1;
    }
    const stats = {
      rows: B,
      gateRows: L,
      policyLoss,
      valueLoss,
      entropy: entropySum / B,
      gateLoss,
      approxKl: klSum / B,
      clipFraction: clipped / B,
      gradNorms: Float64Array.from(layout.groups, (group) => normOf(gradient, group)),
    };
    return { gradient, stats };
  }

  /** Whether some row of the minibatch can move the group. */
  private isMovable(group: string, indices: Int32Array, hyper: Hyper): boolean {
    const data = this.loadedRows("update");
    const K = this.spec.modules.length;
    if (group === "output" || group === "critic") return true;
    if (group === "gate") {
      return indices.some((row) => data.gateMask[row] !== 0 || (hyper.gateCoef !== 0 && hasTarget(data, row, K)));
    }
    const k = this.spec.modules.findIndex((module) => group === `module:${module}`);
    return indices.some((row) => data.moduleMask[row * K + k] !== 0);
  }

  private loadedRows(caller: string): TrainingRows {
    if (this.data === undefined) throw new RangeError(`${caller}: no rows are loaded, expected loadRows first`);
    return this.data;
  }
}

function criticValue({ critic }: Activations): number {
  return critic[critic.length - 1][0];
}

/** A row without a target has zeros in all K places. */
function hasTarget(data: TrainingRows, row: number, K: number): boolean {
  for (let k = 0; k < K; k++) if (data.gateTarget[row * K + k] !== 0) return true;
  return false;
}
