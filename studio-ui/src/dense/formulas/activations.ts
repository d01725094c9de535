// The activations and their local derivatives as formulas of z and y, as
// clearprop/glass/equations/templates.py has them; null where none is written.

import {
  asExpression,
  call,
  difference,
  evaluate,
  type Expression,
  power,
  product,
  quotient,
  sum,
} from "./expression";

interface ActivationFormula {
  readonly value: (z: Expression) => Expression | null;
  readonly slope: (z: Expression, y: Expression) => Expression | null;
}

/** e to this is still a finite number. */
export const SAFE_POWER = 500;

const isAbove = (z: Expression) => evaluate(z) > 0;

function gelu(z: Expression): Expression {
  return quotient(product(z, sum(1, call("erf", quotient(z, call("sqrt", 2))))), 2);
}

function geluTanh(z: Expression): Expression {
  const root = call("sqrt", quotient(2, Math.PI));
  const inside = product(root, sum(z, product(0.044715, power(z, 3))));
  return quotient(product(z, sum(1, call("tanh", inside))), 2);
}

function siluSlope(z: Expression): Expression {
  const gate = call("sigmoid", z);
  return sum(gate, product(z, gate, difference(1, gate)));
}

export const ACTIVATION_FORMULAS: Readonly<Record<string, ActivationFormula>> = {
  identity: { value: (z) => z, slope: () => asExpression(1) },
  binary_step: { value: (z) => asExpression(evaluate(z) >= 0 ? 1 : 0), slope: () => asExpression(0) },
  sigmoid: { value: (z) => call("sigmoid", z), slope: (_, y) => product(y, difference(1, y)) },
  tanh: { value: (z) => call("tanh", z), slope: (_, y) => difference(1, power(y, 2)) },
  relu: { value: (z) => call("relu", z), slope: (z) => asExpression(isAbove(z) ? 1 : 0) },
  leaky_relu: {
    value: (z) => (isAbove(z) ? z : product(0.01, z)),
    slope: (z) => asExpression(isAbove(z) ? 1 : 0.01),
  },
  elu: {
    value: (z) => (isAbove(z) ? z : difference(call("exp", z), 1)),
    slope: (z) => (isAbove(z) ? asExpression(1) : call("exp", z)),
  },
  gelu: { value: gelu, slope: () => null },
  gelu_tanh: { value: geluTanh, slope: () => null },
  silu: { value: (z) => product(z, call("sigmoid", z)), slope: siluSlope },
  softplus: {
    value: (z) => (evaluate(z) < SAFE_POWER ? call("log", sum(1, call("exp", z))) : null),
    slope: (z) => call("sigmoid", z),
  },
};
