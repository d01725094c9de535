// One pass of a dense network with one example, in single numbers: what
// clearprop/glass/equations/scalars.py records, with the names of naming.py there.

import type { SentNetwork } from "../../backward/messages";
import { ACTIVATION_FORMULAS } from "../../dense/formulas/activations";
import { asExpression, call, type Expression, negative, product, sum, symbol } from "../../dense/formulas/expression";
import { LOSS_FORMULAS } from "../../dense/formulas/losses";
import { Network } from "../../dense/network";

/** A number that another one is computed from. */
export interface Input {
  /** Its place among the numbers. */
  readonly source: number;
  /** The local derivative; null where no error signal passes, as to a target. */
  readonly slope: number | null;
  /** Its formula; null where it has none. */
  readonly formula: Expression | null;
}

export type ScalarKind = "weight" | "bias" | "input" | "target" | "computed";

export interface Scalar {
  readonly name: string;
  readonly kind: ScalarKind;
  readonly value: number;
  /** dE/dvalue */
  readonly error: number;
  /** "" for a given number. */
  readonly operation: string;
  /** The path of its layer, or where a given number comes from. */
  readonly about: string;
  /** Its position on the tape; the numbers of one operation share it. */
  readonly tape: number;
  readonly formula: Expression | null;
  readonly inputs: readonly Input[];
}

/** A pass; the given numbers stand first. */
export interface DensePass {
  readonly scalars: readonly Scalar[];
  /** The places of the outputs, and of E. */
  readonly outputs: readonly number[];
  readonly result: number;
  /** The units: the places of total inputs, sums and values of each, from the first layer on. */
  readonly neurons: readonly (readonly number[])[];
}

/** The operation of each loss, where it is a single one of the library. */
const LOSS_OPERATIONS: Readonly<Record<string, string>> = {
  squared_error: "squared_error",
  binary_squared_error: "squared_error",
  binary_cross_entropy: "sigmoid_binary_cross_entropy",
  cross_entropy: "softmax_cross_entropy",
};

export function densePass(sent: SentNetwork): DensePass {
  return new Writer(sent).pass();
}

/** The network after a step of gradient descent on this example. */
export function stepped(sent: SentNetwork): SentNetwork {
  const { network } = computed(sent);
  const rate = sent.learning_rate;
  const moved = (value: number, gradient: number) => value - rate * gradient;
  const layers = sent.layers.map((layer, k) => {
    const { weightGradient, biasGradient, units } = network.layers[k]!;
    const weight = layer.weight.map((row, i) =>
      row.map((w, u) => moved(w, weightGradient[i * units + u]!)),
    );
    return { ...layer, weight, bias: layer.bias?.map((b, u) => moved(b, biasGradient[u]!)) ?? null };
  });
  return { ...sent, layers };
}

/** The passes of the engine. */
function computed(sent: SentNetwork) {
  const shapes = sent.layers.map(({ weight, activation }) => ({
    units: weight[0]!.length,
    activation,
  }));
  const network = new Network(sent.input.length, shapes, sent.loss);
  network.layers.forEach((layer, k) => {
    layer.weight.set(sent.layers[k]!.weight.flat());
    layer.bias.set(sent.layers[k]!.bias ?? []);
  });
  const traces = network.traces(1);
  const [input, target] = [Float64Array.from(sent.input), Float64Array.of(sent.target)];
  const inputError = new Float64Array(input.length);
  network.forward(input, 1, traces);
  const [objective] = network.measure(traces, target, 1);
  network.backward(input, target, 1, traces, inputError);
  return { network, traces, inputError, objective };
}

class Writer {
  readonly #scalars: Scalar[] = [];
  readonly #counts = new Map<string, number>();
  readonly #made: ReturnType<typeof computed>;
  readonly #neurons: number[][] = [];
  #tape = 0;

  constructor(readonly sent: SentNetwork) {
    this.#made = computed(sent);
  }

  pass(): DensePass {
    const parameters = this.#parameters();
    let x = this.#inputs();
    const target = this.#target();
    this.sent.layers.forEach((_, k) => {
      x = this.#layer(k, x, parameters[k]!);
    });
    const result = this.#loss(x, target);
    return { scalars: this.#scalars, outputs: x, result, neurons: this.#neurons };
  }

  /** Path of a layer in the library's model, where an activation is a layer of its own. */
  #path(k: number, ofActivation = false): string {
    const before = this.sent.layers.slice(0, k);
    const at = before.reduce((sum, { activation }) => sum + (activation === "identity" ? 1 : 2), 0);
    return `layers.${at + (ofActivation ? 1 : 0)}`;
  }

  #add(scalar: Omit<Scalar, "tape">): number {
    this.#scalars.push({ ...scalar, tape: this.#tape });
    return this.#scalars.length - 1;
  }

  #given(kind: ScalarKind, name: string, value: number, error: number, about: string): number {
    const nothing = { operation: "", formula: null, inputs: [] };
    return this.#add({ name, kind, value, error, about, ...nothing });
  }

  /** The next name with a letter: w1, w2, ... */
  #next(letter: string): string {
    const number = (this.#counts.get(letter) ?? 0) + 1;
    this.#counts.set(letter, number);
    return `${letter}${number}`;
  }

  /** The places of the weights and biases of each layer; the biases stand first. */
  #parameters(): { weight: number[]; bias: number[] }[] {
    return this.#made.network.layers.map(({ weight, bias, weightGradient, biasGradient, units }, k) => {
      const path = this.#path(k);
      const hasBias = this.sent.layers[k]!.bias !== null;
      const biases = [...(hasBias ? bias : [])].map((value, u) =>
        this.#given("bias", this.#next("b"), value, biasGradient[u]!, `${path}.bias[${u}]`),
      );
      if (hasBias) this.#tape += 1;
      const weights = [...weight].map((value, n) => {
        const about = `${path}.weight[${Math.floor(n / units)},${n % units}]`;
        return this.#given("weight", this.#next("w"), value, weightGradient[n]!, about);
      });
      this.#tape += 1;
      return { weight: weights, bias: biases };
    });
  }

  #inputs(): number[] {
    const { input } = this.sent;
    const places = input.map((value, i) =>
      this.#given("input", this.#next("x"), value, this.#made.inputError[i]!, "input"),
    );
    this.#tape += 1;
    return places;
  }

  /** The place of the target; null where the loss takes it as the number of a class. */
  #target(): number | null {
    if (this.sent.loss === "cross_entropy") return null;
    const tape = this.#tape;
    this.#tape = -1;
    const place = this.#given("target", "t", this.sent.target, 0, "target");
    this.#tape = tape;
    return place;
  }

  #symbol(place: number): Expression {
    const { name, value } = this.#scalars[place]!;
    return symbol(name, value);
  }

  /** Write the operations of a layer; returns the places of its values. */
  #layer(k: number, x: readonly number[], of: { weight: number[]; bias: number[] }): number[] {
    const layer = this.#made.network.layers[k]!;
    const { preactivation, delta } = this.#made.traces[k]!;
    const isLast = k === this.sent.layers.length - 1;
    const hasActivation = layer.name !== "identity";
    const nameOutput = (isOutput: boolean, letter: string) =>
      isOutput ? (layer.units > 1 ? this.#next("y") : "y") : this.#next(letter);
    const sums = Array.from({ length: layer.units }, (_, u) => {
      const inputs = x.flatMap((source, i) => {
        const weight = of.weight[i * layer.units + u]!;
        const [value, w] = [this.#scalars[source]!.value, this.#scalars[weight]!.value];
        return [
          { source, slope: w, formula: this.#symbol(weight) },
          { source: weight, slope: value, formula: this.#symbol(source) },
        ];
      });
      const terms = x.map((source, i) =>
        product(this.#symbol(source), this.#symbol(of.weight[i * layer.units + u]!)),
      );
      const bias = of.bias[u];
      const value = preactivation[u]! - (bias === undefined ? 0 : this.#scalars[bias]!.value);
      const name = nameOutput(isLast && !hasActivation && bias === undefined, "z");
      const formula = sum(...terms);
      const about = this.#path(k);
      return this.#computed(name, "matmul", about, value, delta[u]!, formula, inputs);
    });
    this.#neurons.push(...sums.map((place) => [place]));
    const own = this.#neurons.slice(-layer.units);
    this.#tape += 1;
    let values = sums;
    if (of.bias.length) {
      values = sums.map((source, u) => {
        const bias = of.bias[u]!;
        const name = nameOutput(isLast && !hasActivation, "z");
        const one = asExpression(1);
        const inputs = [source, bias].map((from) => ({ source: from, slope: 1, formula: one }));
        const formula = sum(this.#symbol(source), this.#symbol(bias));
        const [about, value] = [this.#path(k), preactivation[u]!];
        return this.#computed(name, "add", about, value, delta[u]!, formula, inputs);
      });
      values.forEach((place, u) => own[u]!.push(place));
      this.#tape += 1;
    }
    if (!hasActivation) return values;
    const made = values.map((source, u) => this.#activated(k, u, source, nameOutput(isLast, "h")));
    made.forEach((place, u) => own[u]!.push(place));
    this.#tape += 1;
    return made;
  }

  #activated(k: number, u: number, source: number, name: string): number {
    const layer = this.#made.network.layers[k]!;
    const { preactivation, value, error } = this.#made.traces[k]!;
    const formulas = ACTIVATION_FORMULAS[layer.name]!;
    const [z, y] = [this.#symbol(source), symbol(name, value[u]!)];
    const slope = layer.activation.slope(preactivation[u]!, value[u]!);
    const inputs = [{ source, slope, formula: formulas.slope(z, y) }];
    const formula = formulas.value(z) ?? call(layer.name, z);
    const about = this.#path(k, true);
    return this.#computed(name, layer.name, about, value[u]!, error[u]!, formula, inputs);
  }

  #loss(outputs: readonly number[], target: number | null): number {
    const { loss } = this.sent;
    const formulas = LOSS_FORMULAS[loss]!;
    const y = outputs.map((place) => this.#symbol(place));
    const t = target === null ? symbol("t", this.sent.target) : this.#symbol(target);
    const { error } = this.#made.traces.at(-1)!;
    const written = formulas.value(y, t);
    const operation = LOSS_OPERATIONS[loss] ?? loss;
    const formula = written ?? call(operation, ...y, ...(target === null ? [] : [t]));
    const inputs: Input[] = outputs.map((source, u) => ({
      source,
      slope: error[u]!,
      formula: formulas.slope(y, t, u),
    }));
    if (target !== null) inputs.push({ source: target, slope: null, formula: null });
    return this.#computed("E", operation, "", this.#made.objective, 1, formula, inputs);
  }

  #computed(
    name: string,
    operation: string,
    about: string,
    value: number,
    error: number,
    formula: Expression,
    inputs: readonly Input[],
  ): number {
    return this.#add({ name, kind: "computed", value, error, operation, about, formula, inputs });
  }
}

/** w' = w - eta dE/dw */
export function update({ name, value, error }: Scalar, rate: number): Expression {
  const step = product(symbol("eta", rate), symbol(`dE/d${name}`, error));
  return sum(symbol(name, value), negative(step));
}
