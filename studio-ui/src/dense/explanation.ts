// The formulas of one unit with the numbers of one example: forward from the values before, backward
// from the error signals behind.

import type { Explained, Formula } from "../engine/messages";
import { equation } from "./formulas/equation";
import {
  call,
  evaluate,
  type Expression,
  longSum,
  power,
  product,
  sum,
  symbol,
} from "./formulas/expression";
import { mathmlName, MATHML, write } from "./formulas/notation";
import { ACTIVATION_FORMULAS, LOSS_FORMULAS } from "./formulas/templates";
import type { Layer, Network, Trace } from "./network";
import type { Painter } from "./painting";

/** With more inputs only the gradients of the largest are written out. */
const MOST_GRADIENTS = 8;

type Formulas = Pick<Explained, "forward" | "backward">;

/** The formulas of a unit; undefined where the network has no such unit. */
export function explained(
  painter: Painter,
  example: number,
  k: number,
  unit: number,
): Formulas | undefined {
  const { network, settings, targets, points } = painter.run;
  const layer = network.layers[k];
  if (!layer || unit >= layer.units) return undefined;
  const { traces, loss } = painter.passes(example);
  const inputs =
    k === 0
      ? featureFormulas(settings.features, points.places.subarray(2 * example))
      : [...traces[k - 1]!.value].map((value, i) => symbol(`h${i + 1}`, value));
  const one = new UnitFormulas(network, traces, inputs, layer, k, unit);
  const isLast = k === network.layers.length - 1;
  const t = symbol("t", targets[example]!);
  return {
    forward: isLast ? [...one.forward, one.loss(settings.loss, t, loss)] : one.forward,
    backward: [
      isLast ? one.errorOfOutput(settings.loss, t) : one.errorOfHidden(),
      ...one.backward,
    ],
  };
}

/** The loss with symbols alone, of a network with so many outputs. */
export function lossFormula(name: string, outputs: number, target: number): string {
  const y = outputSymbols(new Float64Array(outputs));
  const formula = LOSS_FORMULAS[name]?.value(y, symbol("t", target));
  if (!formula) return "";
  return `<math><mrow>${mathmlName("E")}<mo>=</mo>${write(formula, MATHML)}</mrow></math>`;
}

/** The features of a point as formulas of its place. */
function featureFormulas(names: readonly string[], place: Float64Array): Expression[] {
  const [x1, x2] = [symbol("x1", place[0]!), symbol("x2", place[1]!)];
  const all: Readonly<Record<string, Expression>> = {
    x1,
    x2,
    "x1^2": power(x1, 2),
    "x2^2": power(x2, 2),
    "x1*x2": product(x1, x2),
    "sin(x1)": call("sin", x1),
    "sin(x2)": call("sin", x2),
  };
  return names.map((name) => all[name]!);
}

function outputSymbols(values: Float64Array): Expression[] {
  return values.length === 1
    ? [symbol("y", values[0]!)]
    : [...values].map((value, i) => symbol(`y${i + 1}`, value));
}

class UnitFormulas {
  readonly #z: Expression;
  readonly #y: Expression;
  readonly #delta: Expression;

  constructor(
    readonly network: Network,
    readonly traces: readonly Trace[],
    readonly inputs: readonly Expression[],
    readonly layer: Layer,
    readonly k: number,
    readonly unit: number,
  ) {
    const trace = traces[k]!;
    this.#z = symbol("z", trace.preactivation[unit]!);
    this.#y = symbol("y", trace.value[unit]!);
    this.#delta = symbol("dE/dz", trace.delta[unit]!);
  }

  get #formulas() {
    return ACTIVATION_FORMULAS[this.layer.name]!;
  }

  #weight(i: number): Expression {
    return symbol(`w${i + 1}`, this.layer.weight[i * this.layer.units + this.unit]!);
  }

  get forward(): Formula[] {
    const { layer, unit, inputs } = this;
    const bias = symbol("b", layer.bias[unit]!);
    const terms = inputs.map((x, i) => product(this.#weight(i), x));
    const z = sum(longSum(terms), bias);
    const y = this.#formulas.value(this.#z);
    return [
      equation("The weighted sum of its inputs", "z", [z], evaluate(this.#z)),
      equation(`Its value: ${layer.name} of the sum`, "y", [y], evaluate(this.#y)),
    ];
  }

  loss(name: string, t: Expression, loss: number): Formula {
    return equation("The loss", "E", [LOSS_FORMULAS[name]!.value(this.#outputs, t)], loss);
  }

  get #outputs(): Expression[] {
    return outputSymbols(this.traces.at(-1)!.value);
  }

  errorOfOutput(name: string, t: Expression): Formula {
    const slope = LOSS_FORMULAS[name]!.slope(this.#outputs, t, this.unit);
    const title = "The error signal of its value: the derivative of the loss";
    return equation(title, this.#errorName, [slope], this.#error);
  }

  /** The sum over the units of the next layer, whose weighted sums are u1, u2, ... */
  errorOfHidden(): Formula {
    const next = this.network.layers[this.k + 1]!;
    const deltas = this.traces[this.k + 1]!.delta;
    const parts = Array.from({ length: next.units }, (_, j) => {
      const name = next.units === 1 ? "" : `${j + 1}`;
      const weight = symbol(`w${name}`, next.weight[this.unit * next.units + j]!);
      return product(symbol(`dE/du${name}`, deltas[j]!), weight);
    });
    const title = "The error signal of its value, through the weighted sums u of the next layer";
    return equation(title, this.#errorName, [longSum(parts)], this.#error);
  }

  get #error(): number {
    return this.traces[this.k]!.error[this.unit]!;
  }

  get #errorName(): string {
    const isOneOfSeveral = this.k === this.network.layers.length - 1 && this.layer.units > 1;
    return isOneOfSeveral ? `dE/dy${this.unit + 1}` : "dE/dy";
  }

  get backward(): Formula[] {
    const local = this.#formulas.slope(this.#z, this.#y);
    const { preactivation, value } = this.traces[this.k]!;
    const slope = this.layer.activation.slope(preactivation[this.unit]!, value[this.unit]!);
    const delta = product(symbol(this.#errorName, this.#error), symbol("dy/dz", slope));
    return [
      equation("The local derivative", "dy/dz", local ? [local] : [], slope),
      equation("The error signal of the sum", "dE/dz", [delta], evaluate(this.#delta)),
      ...this.#gradients(),
    ];
  }

  #gradients(): Formula[] {
    const size = (i: number) => Math.abs(evaluate(this.inputs[i]!));
    const order = this.inputs.map((_, i) => i).sort((i, j) => size(j) - size(i) || i - j);
    const shown = order.slice(0, MOST_GRADIENTS).sort((i, j) => i - j);
    return [
      ...shown.map((i) => {
        const x = this.inputs[i]!;
        const value = this.layer.weightGradient[i * this.layer.units + this.unit]!;
        const title = `The gradient of its weight ${i + 1}`;
        return equation(title, `dE/dw${i + 1}`, [product(this.#delta, x)], value);
      }),
      equation("The gradient of its bias", "dE/db", [this.#delta], evaluate(this.#delta)),
    ];
  }
}
