// The formulas of one unit with the numbers of one example, the same as
// clearprop/studio/playground/formulas.py writes: z and y are the unit's total input and value, w1,
// w2, ... and b its weights and bias, h1, h2, ... the values of the layer before, v1, v2, ... the
// weights to the units behind it, whose total inputs are z1, z2, ...

import type { Explained, Formula } from "../engine/messages";
import { ACTIVATION_FORMULAS } from "./formulas/activations";
import { type Equation, written } from "./formulas/equation";
import {
  call,
  type Expression,
  longSum,
  power,
  product,
  SHOWN_TERMS,
  sum,
  symbol,
} from "./formulas/expression";
import { LOSS_FORMULAS } from "./formulas/losses";
import { MATHML, mathmlName, write } from "./formulas/notation";
import type { Layer, Network, Trace } from "./network";

const OVERFLOWS = "computed without the powers of e, which would overflow";

/** What is explained: the passes of one example. */
export interface Passed {
  readonly network: Network;
  readonly features: readonly string[];
  readonly loss: string;
  readonly traces: readonly Trace[];
  /** x1 and x2 of the example. */
  readonly place: readonly [number, number];
  /** As the loss takes it. */
  readonly target: number;
  /** The loss of this example. */
  readonly objective: number;
}

/** The formulas of a unit; null where the network has no such unit. */
export function explained(
  passed: Passed,
  layer: number,
  unit: number,
): Pick<Explained, "forward" | "backward"> | null {
  const found = passed.network.layers[layer];
  if (!found || !(unit >= 0 && unit < found.units)) return null;
  const one = new UnitFormulas(passed, found, layer, unit);
  return { forward: one.forward(), backward: one.backward() };
}

/** The loss with symbols alone, as MathML. */
export function lossFormula(loss: string, network: Network): string {
  const letter = network.layers.at(-1)?.name === "identity" ? "z" : "y";
  const outputs = scores(letter, new Float64Array(network.outputs).fill(0.5));
  const formula = LOSS_FORMULAS[loss]?.value(outputs, symbol("t", 0));
  if (!formula) return "";
  let text = write(formula, MATHML);
  if (outputs.length > 1) {
    // The output of the right class: z with the index t.
    const first = mathmlName(`${letter}1`);
    const at = text.lastIndexOf(first);
    const right = `<msub><mi>${letter}</mi><mi>t</mi></msub>`;
    text = text.slice(0, at) + right + text.slice(at + first.length);
  }
  return `<math><mrow><mi>E</mi><mo>=</mo>${text}</mrow></math>`;
}

/** Symbols of all units of a layer; one alone has no number. */
function scores(letter: string, values: Float64Array): Expression[] {
  const name = (k: number) => (values.length > 1 ? `${letter}${k + 1}` : letter);
  return [...values].map((value, k) => symbol(name(k), value));
}

/** The features of a point as formulas of its place. */
function featureFormulas(names: readonly string[], place: Passed["place"]): Expression[] {
  const [x1, x2] = [symbol("x1", place[0]), symbol("x2", place[1])];
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

class UnitFormulas {
  readonly #trace: Trace;
  readonly #isOutput: boolean;
  /** The number in the names of this unit: only outputs are compared with each other. */
  readonly #mark: string;

  constructor(
    readonly passed: Passed,
    readonly layer: Layer,
    readonly k: number,
    readonly unit: number,
  ) {
    this.#trace = passed.traces[k]!;
    this.#isOutput = k === passed.network.layers.length - 1;
    this.#mark = this.#isOutput && layer.units > 1 ? `${unit + 1}` : "";
  }

  get #z(): string {
    return `z${this.#mark}`;
  }

  get #y(): string {
    return `y${this.#mark}`;
  }

  /** Whether the unit is an output that has no activation: its value is its total input. */
  get #isDirect(): boolean {
    return this.#isOutput && this.layer.name === "identity";
  }

  #own(values: Float64Array): number {
    return values[this.unit]!;
  }

  get #zSymbol(): Expression {
    return symbol(this.#z, this.#own(this.#trace.preactivation));
  }

  get #ySymbol(): Expression {
    return symbol(this.#y, this.#own(this.#trace.value));
  }

  /** What the unit reads: features of the point, or values of the layer before. */
  #inputs(): Expression[] {
    if (this.k === 0) return featureFormulas(this.passed.features, this.passed.place);
    const { value } = this.passed.traces[this.k - 1]!;
    return [...value].map((h, i) => symbol(`h${i + 1}`, h));
  }

  forward(): Formula[] {
    const { weight, bias, units, name } = this.layer;
    const weights = (i: number) => symbol(`w${i + 1}`, weight[i * units + this.unit]!);
    const terms = this.#inputs().map((x, i) => product(weights(i), x));
    const formula = sum(longSum(terms), symbol("b", this.#own(bias)));
    const z = { name: this.#z, formula, value: this.#own(this.#trace.preactivation) };
    const made = [written("total input: the weighted sum of what the unit reads, and its bias", z)];
    if (!this.#isDirect) {
      const value = this.#own(this.#trace.value);
      const formula = ACTIVATION_FORMULAS[name]!.value(this.#zSymbol);
      const y = withRemark({ name: this.#y, formula, value }, `${name}(${this.#z})`);
      made.push(written(`value: ${name} of the total input`, y));
    }
    if (this.#isOutput) {
      const { objective } = this.passed;
      const formula = this.#loss.value(this.#outputs, this.#t);
      const E = withRemark({ name: "E", formula, value: objective }, OVERFLOWS);
      made.push(written("loss of this example", E));
    }
    return made;
  }

  get #loss() {
    return LOSS_FORMULAS[this.passed.loss]!;
  }

  get #outputs(): Expression[] {
    return scores(this.layer.name === "identity" ? "z" : "y", this.#trace.value);
  }

  get #t(): Expression {
    return symbol("t", this.passed.target);
  }

  backward(): Formula[] {
    const error = this.#own(this.#trace.error);
    const [above, below] = [`dE/d${this.#y}`, `dE/d${this.#z}`];
    const made: Formula[] = [];
    if (this.#isOutput) {
      const slope = this.#loss.slope(this.#outputs, this.#t, this.unit);
      const [name, title] = this.#isDirect ? [below, "total input"] : [above, "value"];
      const equation = withRemark({ name, formula: slope, value: error }, OVERFLOWS);
      made.push(written(`error signal of the ${title}: the derivative of the loss`, equation));
    } else {
      const equation = { name: above, formula: this.#fromUsers(), value: error };
      made.push(written("error signal of the value: from every unit that reads it", equation));
    }
    if (!this.#isDirect) made.push(...this.#through(above, below, error));
    return [...made, ...this.#gradients(below)];
  }

  #fromUsers(): Expression {
    const { weight, units } = this.passed.network.layers[this.k + 1]!;
    const { delta } = this.passed.traces[this.k + 1]!;
    const terms = Array.from({ length: units }, (_, j) => {
      const from = weight[this.unit * units + j]!;
      return product(symbol(`dE/dz${j + 1}`, delta[j]!), symbol(`v${j + 1}`, from));
    });
    return longSum(terms);
  }

  /** The local derivative, and the error signal of the total input. */
  #through(above: string, below: string, error: number): Formula[] {
    const { name, activation } = this.layer;
    const { preactivation, value, delta } = this.#trace;
    const slope = activation.slope(this.#own(preactivation), this.#own(value));
    const local = ACTIVATION_FORMULAS[name]!.slope(this.#zSymbol, this.#ySymbol);
    const derivative = `d${this.#y}/d${this.#z}`;
    const equation = { name: derivative, formula: local, value: slope };
    const formula = product(symbol(above, error), symbol(derivative, slope));
    return [
      written(`local derivative of ${name}`, withRemark(equation, `the rule of ${name}`)),
      written("error signal of the total input", { name: below, formula, value: this.#own(delta) }),
    ];
  }

  #gradients(below: string): Formula[] {
    const { units, inputs, weightGradient, biasGradient } = this.layer;
    const error = symbol(below, this.#own(this.#trace.delta));
    const own = Array.from({ length: inputs }, (_, i) => weightGradient[i * units + this.unit]!);
    const size = (i: number) => (Number.isNaN(own[i]) ? Infinity : Math.abs(own[i]!));
    const order = own.map((_, i) => i).sort((i, j) => size(j) - size(i) || i - j);
    const shown = order.slice(0, SHOWN_TERMS).sort((i, j) => i - j);
    const x = this.#inputs();
    const weights = shown.map((i) => {
      const formula = product(error, x[i]!);
      const equation = { name: `dE/dw${i + 1}`, formula, value: own[i]! };
      return written(`gradient of the weight w${i + 1}`, equation);
    });
    const bias = { name: "dE/db", formula: error, value: this.#own(biasGradient) };
    return [...weights, written("gradient of the bias", bias)];
  }
}

/** The equation, with a remark where it has no formula. */
function withRemark(equation: Equation, remark: string): Equation {
  return equation.formula ? equation : { ...equation, remark };
}
