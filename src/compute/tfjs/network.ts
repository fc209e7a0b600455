import type { NetworkSpec } from "../engine.ts";
import type { Convolution, Layer, NetworkLayout } from "../layout.ts";
import type { Tensor, Tf } from "./backends.ts";
import type { Views } from "./parameters.ts";
import { backwardTrunk, forwardTrunk, patchesOf, type TrunkTrace, type Windows } from "./trunk.ts";

/*
 * The program of ../reference/network.ts over Q replicas and B rows at once: every tensor is [Q, B, ...]. Gradients are written out by
 * hand, like there: the masks stand in the middle of the backward pass, where no automatic gradient has a place for them; half of a
 * library's kernels go; and no backend lacks a gradient.
 */

/** What the forward pass leaves behind for the backward pass. */
export interface ForwardTrace {
  /** Observations, [Q, B, features]. */
  readonly x: Tensor;
  /** Output of each layer of each module, [Q, B, width]. */
  readonly modules: readonly (readonly Tensor[])[];
  readonly gate: readonly Tensor[];
  /** By group; empty without trunks. */
  readonly trunks: ReadonlyMap<string, TrunkTrace>;
  /** What each module, the gate and the critic read, behind trunk or convolution where they have one. */
  readonly moduleInputs: readonly Tensor[];
  readonly gateInput: Tensor;
  readonly criticInput: Tensor;
  readonly critic: readonly Tensor[];
  /** ln w and w, [Q, B, K]; undefined for one module. */
  readonly lnWeights: Tensor | undefined;
  readonly weights: Tensor | undefined;
  /** h_k, [Q, B, K, H], and their mixture, [Q, B, H]. */
  readonly hidden: Tensor;
  readonly mixed: Tensor;
  /** ln pi and pi, [Q, B, A]. */
  readonly logProbabilities: Tensor;
  readonly probabilities: Tensor;
  /** [Q, B, 1] */
  readonly value: Tensor;
}

/**
 * Active features [Q, B, stride], -1 where there is none, as zeros and ones [Q, B, features]. Slot by slot, although that is more kernels
 * than one sum over them: it needs a stride less memory, and a sum over a middle axis is slow on some backends.
 */
export function pictures(tf: Tf, active: Tensor, features: number): Tensor {
  const [Q, B, stride] = active.shape;
  const slots = tf.split(tf.cast(active, "int32"), stride, 2);
  return slots
    .map((slot): Tensor => tf.oneHot(tf.reshape(slot, [Q, B]), features, 1, 0, "float32"))
    .reduce((sum, slot) => tf.add(sum, slot));
}

/** `lnScale` [Q, 1, K] is finite, or undefined for none. */
export function forward(
  tf: Tf,
  spec: NetworkSpec,
  layout: NetworkLayout,
  windows: Windows,
  views: Views,
  x: Tensor,
  lnScale: Tensor | undefined,
): ForwardTrace {
  const K = spec.modules.length;
  const [Q, B] = x.shape;
  const layers = (of: readonly Layer[], input: Tensor): Tensor[] => {
    const outputs: Tensor[] = [];
    for (const layer of of) {
      const { weight, bias } = views.of(layer);
      const affine = tf.add(tf.matMul(outputs.at(-1) ?? input, weight), bias);
      outputs.push(layer.relu ? tf.relu(affine) : affine);
    }
    return outputs;
  };
  const trunks = new Map<string, TrunkTrace>();
  if (layout.trunks.size > 0) {
    const [trunk] = layout.trunks.values();
    const first = patchesOf(tf, trunk[0], windows[0], x);
    for (const [group, of] of layout.trunks) trunks.set(group, forwardTrunk(tf, of, windows, views, first));
  }
  const seenBy = (group: string, conv?: Convolution): Tensor =>
    trunks.get(group)?.outputs.at(-1) ?? (conv ? convolve(tf, conv, views, x) : x);
  const moduleInputs = layout.modules.map((_, k) => seenBy(layout.groups[k].name));
  const modules = layout.modules.map((of, k) => layers(of, moduleInputs[k]));
  const criticInput = seenBy("critic", layout.criticConv);
  const critic = layers(layout.critic, criticInput);
  const gateInput = seenBy("gate", layout.gateConv);
  const gate = layers(layout.gate, gateInput);

  const tops = modules.map((outputs) => last(outputs));
  const hidden = tf.stack(tops, 2);
  let mixed = tops[0];
  let mixture: LogSoftmax | undefined;
  if (K > 1) {
    let logits = tf.zeros([Q, B, K]) as Tensor;
    // Of two modules only the first has a logit; the second's is 0, and softmax is the logistic function.
    if (gate.length > 0) logits = K === 2 ? tf.concat([last(gate), tf.zeros([Q, B, 1])], 2) : last(gate);
    if (lnScale !== undefined) logits = tf.add(logits, lnScale);
    mixture = logSoftmax(tf, logits);
    mixed = tf.sum(tf.mul(hidden, tf.expandDims(mixture.probabilities, 3)), 2);
  }
  const { weight, bias } = views.of(layout.output);
  const { logarithms, probabilities } = logSoftmax(tf, tf.add(tf.matMul(mixed, weight), bias));
  return {
    ...{ x, modules, gate, trunks, moduleInputs, gateInput, criticInput, critic, hidden, mixed },
    lnWeights: mixture?.logarithms,
    weights: mixture?.probabilities,
    logProbabilities: logarithms,
    probabilities,
    value: last(critic),
  };
}

/** What the loss sends back into the network, and who learns from it. */
export interface Slopes {
  /** d(policy and entropy loss)/d logits, [Q, B, A]. */
  readonly logits: Tensor;
  /** d(gate loss)/d gate logits, [Q, B, K]; undefined for one module. */
  readonly gateLogits: Tensor | undefined;
  /** d(value loss)/d value, [Q, B, 1]. */
  readonly value: Tensor;
  /** [Q, B, K] */
  readonly moduleMask: Tensor;
  /** [Q, B, 1] */
  readonly gateMask: Tensor;
}

/** Gradient of all parameters, [Q, S]; see `backwardRow` of ../reference/network.ts for the formulas. */
export function backward(
  tf: Tf,
  layout: NetworkLayout,
  windows: Windows,
  views: Views,
  trace: ForwardTrace,
  slopes: Slopes,
): Tensor {
  const { x, hidden, mixed, weights } = trace;
  const K = layout.modules.length;
  const pieces: { readonly start: number; readonly gradient: Tensor }[] = [];
  const add = (start: number, gradient: Tensor) => {
    pieces.push({ start, gradient: tf.reshape(gradient, [gradient.shape[0], -1]) });
  };
  const layers = (of: readonly Layer[], input: Tensor, outputs: readonly Tensor[], slope: Tensor): Tensor => {
    let above = slope;
    for (let l = of.length - 1; l >= 0; l--) {
      // ReLU passes the gradient where its output is positive.
      if (of[l].relu) above = tf.mul(above, tf.step(outputs[l]));
      add(of[l].weight, tf.matMul(l === 0 ? input : outputs[l - 1], above, true, false));
      add(of[l].bias, tf.sum(above, 1));
      // Below the first layer there is nothing to learn, unless it is a convolution's.
      if (l > 0 || input !== x) above = tf.matMul(above, views.of(of[l]).weight, false, true);
    }
    return above;
  };
  const convolution = (conv: Convolution, slope: Tensor) => {
    const at = byChannel(tf, slope, conv.channels, conv.cells);
    add(conv.weight, tf.matMul(byChannel(tf, x, conv.planes, conv.cells), at, false, true));
    add(conv.bias, tf.sum(at, 2));
  };
  const throughTrunk = (group: string, slope: Tensor) => {
    const [of, from] = [layout.trunks.get(group), trace.trunks.get(group)];
    if (of !== undefined && from !== undefined) backwardTrunk(tf, of, windows, views, from, slope, add);
  };

  const delta = layers([layout.output], mixed, [], slopes.logits);
  const share = weights === undefined ? slopes.moduleMask : tf.mul(slopes.moduleMask, weights);
  const shares = K === 1 ? [share] : tf.split(share, K, 2);
  layout.modules.forEach((of, k) => {
    const below = layers(of, trace.moduleInputs[k], trace.modules[k], tf.mul(delta, shares[k]));
    throughTrunk(layout.groups[k].name, below);
  });

  if (layout.gate.length > 0 && weights !== undefined && slopes.gateLogits !== undefined) {
    const away = tf.sub(hidden, tf.expandDims(mixed, 2));
    const gain = tf.mul(weights, tf.sum(tf.mul(away, tf.expandDims(delta, 2)), 3));
    const slope = tf.add(tf.mul(gain, slopes.gateMask), slopes.gateLogits);
    const [Q, B] = slope.shape;
    const own = K === 2 ? tf.slice(slope, [0, 0, 0], [Q, B, 1]) : slope;
    const below = layers(layout.gate, trace.gateInput, trace.gate, own);
    if (layout.gateConv) convolution(layout.gateConv, below);
    throughTrunk("gate", below);
  }
  const below = layers(layout.critic, trace.criticInput, trace.critic, slopes.value);
  if (layout.criticConv) convolution(layout.criticConv, below);
  throughTrunk("critic", below);

  pieces.sort((a, b) => a.start - b.start);
  return tf.concat(
    pieces.map(({ gradient }) => gradient),
    1,
  );
}

interface LogSoftmax {
  readonly logarithms: Tensor;
  readonly probabilities: Tensor;
}

/** Over the last axis, stable at any finite logits: the largest is subtracted first. */
function logSoftmax(tf: Tf, logits: Tensor): LogSoftmax {
  const shifted = tf.sub(logits, tf.max(logits, -1, true));
  const powers = tf.exp(shifted);
  const sum = tf.sum(powers, -1, true);
  return { logarithms: tf.sub(shifted, tf.log(sum)), probabilities: tf.div(powers, sum) };
}

/** A 1x1 convolution: b[ch] + sum_p x[p, cell] C[p, ch], from [Q, B, planes * cells] to [Q, B, channels * cells]. */
function convolve(tf: Tf, conv: Convolution, views: Views, x: Tensor): Tensor {
  const { weight, bias } = views.of(conv);
  const [Q, B] = x.shape;
  const { planes, channels, cells } = conv;
  const mapped = tf.matMul(weight, byChannel(tf, x, planes, cells), true, false);
  const shifted = tf.add(mapped, tf.reshape(bias, [Q, channels, 1]));
  const byRow = tf.transpose(tf.reshape(shifted, [Q, channels, B, cells]), [0, 2, 1, 3]);
  return tf.reshape(byRow, [Q, B, channels * cells]);
}

/** [Q, B, channels * cells] -> [Q, channels, B * cells]. */
function byChannel(tf: Tf, x: Tensor, channels: number, cells: number): Tensor {
  const [Q, B] = x.shape;
  return tf.reshape(tf.transpose(tf.reshape(x, [Q, B, channels, cells]), [0, 2, 1, 3]), [Q, channels, B * cells]);
}

function last<T>(items: readonly T[]): T {
  return items[items.length - 1];
}
