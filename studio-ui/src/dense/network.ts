// A network of dense layers: its forward pass, its loss and its backward pass, for a batch, in
// double precision.
//
// Letters: B batch, I units of the layer before, U units of a layer.

import { type Activation, ACTIVATIONS } from "./activations";
import { type Loss, LOSSES } from "./losses";

export interface LayerShape {
  readonly units: number;
  readonly activation: string;
}

/** A dense layer: y = activation(x W + b). All of its parameters are views of one vector. */
export interface Layer {
  readonly inputs: number;
  readonly units: number;
  readonly name: string;
  readonly activation: Activation;
  /** (I, U), row by row. */
  readonly weight: Float64Array;
  readonly bias: Float64Array;
  readonly weightGradient: Float64Array;
  readonly biasGradient: Float64Array;
}

/** What the passes of a batch leave in a layer, (B, U) each, row by row. */
export interface Trace {
  readonly preactivation: Float64Array;
  readonly value: Float64Array;
  /** The derivative of the mean loss by `value`. */
  readonly error: Float64Array;
  /** The derivative of the mean loss by `preactivation`. */
  readonly delta: Float64Array;
  /** What dropout multiplied the value with; null where nothing was dropped. */
  readonly mask: Float64Array | null;
}

export class Network {
  readonly features: number;
  readonly layers: readonly Layer[];
  readonly loss: Loss;
  /** All weights and biases: W and b of the first layer, then of the next. */
  readonly parameters: Float64Array;
  readonly gradients: Float64Array;
  /** 1 for a weight, 0 for a bias: what the penalties hold for. */
  readonly isWeight: Uint8Array;

  constructor(features: number, shapes: readonly LayerShape[], loss: string) {
    this.features = features;
    this.loss = known(LOSSES, loss, "loss");
    const sizes = [features, ...shapes.map((shape) => shape.units)];
    const count = shapes.reduce((sum, { units }, k) => sum + (sizes[k]! + 1) * units, 0);
    this.parameters = new Float64Array(count);
    this.gradients = new Float64Array(count);
    this.isWeight = new Uint8Array(count);
    let at = 0;
    this.layers = shapes.map(({ units, activation }, k) => {
      const inputs = sizes[k]!;
      const [begin, middle, end] = [at, at + inputs * units, at + (inputs + 1) * units];
      this.isWeight.fill(1, begin, middle);
      at = end;
      return {
        inputs,
        units,
        name: activation,
        activation: known(ACTIVATIONS, activation, "activation"),
        weight: this.parameters.subarray(begin, middle),
        bias: this.parameters.subarray(middle, end),
        weightGradient: this.gradients.subarray(begin, middle),
        biasGradient: this.gradients.subarray(middle, end),
      };
    });
  }

  get outputs(): number {
    return this.layers.at(-1)?.units ?? this.features;
  }

  /** Room for what the passes of up to `batch` examples leave. */
  traces(batch: number, dropout = false): Trace[] {
    return this.layers.map(({ units }, k) => {
      const array = () => new Float64Array(batch * units);
      const mask = dropout && k < this.layers.length - 1 ? array().fill(1) : null;
      return { preactivation: array(), value: array(), error: array(), delta: array(), mask };
    });
  }

  /** The forward pass of inputs (B, F) into the traces; the last of them has the outputs. */
  forward(inputs: Float64Array, batch: number, traces: readonly Trace[]): void {
    let x = inputs;
    this.layers.forEach((layer, k) => {
      const trace = traces[k]!;
      affine(x, layer, batch, trace.preactivation);
      activate(layer, batch, trace);
      x = trace.value;
    });
  }

  /** The sum of the losses, and of the errors that are reported, of outputs after `forward`. */
  measure(traces: readonly Trace[], targets: Float64Array, batch: number): [number, number] {
    const outputs = traces.at(-1)!.value;
    let [objective, error] = [0, 0];
    const width = this.outputs;
    for (let b = 0; b < batch; b++) {
      objective += this.loss.value(outputs, b * width, width, targets[b]!);
      error += this.loss.wrong(outputs, b * width, width, targets[b]!);
    }
    return [objective, error];
  }

  /**
   * The backward pass after `forward`: the error signals of the mean loss into the traces, and the
   * gradients of all weights and biases into `gradients`. Where `inputError` (B, F) is given, the
   * error signals of the inputs are written there.
   */
  backward(
    inputs: Float64Array,
    targets: Float64Array,
    batch: number,
    traces: readonly Trace[],
    inputError: Float64Array | null = null,
  ): void {
    const last = traces.at(-1)!;
    const size = batch * this.outputs;
    for (let b = 0; b < batch; b++) {
      this.loss.signals(last.value, b * this.outputs, this.outputs, targets[b]!, last.error);
    }
    for (let i = 0; i < size; i++) last.error[i]! /= batch;
    for (let k = this.layers.length - 1; k >= 0; k--) {
      const [layer, trace] = [this.layers[k]!, traces[k]!];
      const before = k > 0 ? traces[k - 1]! : null;
      deltas(layer, batch, trace);
      gradients(before?.value ?? inputs, layer, batch, trace.delta);
      const passed = before?.error ?? inputError;
      if (passed) passBack(layer, batch, trace.delta, passed);
    }
  }
}

function known<T>(table: Readonly<Record<string, T>>, name: string, kind: string): T {
  const found = Object.hasOwn(table, name) ? table[name] : undefined;
  if (found === undefined) throw new RangeError(`there is no ${kind} ${name}`);
  return found;
}

// Each of the following sums is kept in a variable: with a few units that is faster than adding to
// an array.

/** z = x W + b */
function affine(x: Float64Array, layer: Layer, batch: number, z: Float64Array): void {
  const { inputs, units, weight, bias } = layer;
  for (let b = 0; b < batch; b++) {
    const row = b * inputs;
    for (let u = 0; u < units; u++) {
      let sum = bias[u]!;
      for (let i = 0, at = u; i < inputs; i++, at += units) sum += x[row + i]! * weight[at]!;
      z[b * units + u] = sum;
    }
  }
}

function activate(layer: Layer, batch: number, { preactivation, value, mask }: Trace): void {
  const count = batch * layer.units;
  const f = layer.activation.value;
  for (let i = 0; i < count; i++) value[i] = f(preactivation[i]!);
  if (mask) for (let i = 0; i < count; i++) value[i]! *= mask[i]!;
}

/** dE/dz = dE/dy * dy/dz */
function deltas(layer: Layer, batch: number, trace: Trace): void {
  const { preactivation, value, error, delta, mask } = trace;
  const count = batch * layer.units;
  const { slope, value: f } = layer.activation;
  if (mask) {
    // The value was multiplied after the activation, whose slope needs it as it was before.
    for (let i = 0; i < count; i++) {
      delta[i] = error[i]! * mask[i]! * slope(preactivation[i]!, f(preactivation[i]!));
    }
    return;
  }
  for (let i = 0; i < count; i++) delta[i] = error[i]! * slope(preactivation[i]!, value[i]!);
}

/** dE/dW = x^T dE/dz, and dE/db = the sum of dE/dz over the batch. */
function gradients(x: Float64Array, layer: Layer, batch: number, delta: Float64Array): void {
  const { inputs, units, weightGradient, biasGradient } = layer;
  for (let u = 0; u < units; u++) {
    let total = 0;
    for (let b = 0; b < batch; b++) total += delta[b * units + u]!;
    biasGradient[u] = total;
    for (let i = 0; i < inputs; i++) {
      let sum = 0;
      for (let b = 0; b < batch; b++) sum += x[b * inputs + i]! * delta[b * units + u]!;
      weightGradient[i * units + u] = sum;
    }
  }
}

/** dE/dx = dE/dz W^T */
function passBack(layer: Layer, batch: number, delta: Float64Array, error: Float64Array): void {
  const { inputs, units, weight } = layer;
  for (let b = 0; b < batch; b++) {
    for (let i = 0; i < inputs; i++) {
      let sum = 0;
      for (let u = 0; u < units; u++) sum += weight[i * units + u]! * delta[b * units + u]!;
      error[b * inputs + i] = sum;
    }
  }
}
