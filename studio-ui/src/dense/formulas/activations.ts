// The activations and their local derivatives as formulas of z and y, as
// clearprop/glass/equations/templates.py has them; null where none is written.

import {
  asExpression,
  call,
  difference,
  evaluate,
  type Expression,
  negative,
  power,
  product,
  quotient,
  sum,
  type Term,
} from "./expression";
import { SELU_ALPHA, SELU_SCALE } from "../activations";

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

const scaled = (y: Term) => product(SELU_SCALE, y);

/** log(1 + e^z). */
const rectified = (z: Expression) => call("log", sum(1, call("exp", z)));

const mish = (z: Expression) =>
  evaluate(z) < SAFE_POWER ? product(z, call("tanh", rectified(z))) : null;

function mishSlope(z: Expression): Expression | null {
  if (!(evaluate(z) < SAFE_POWER)) return null;
  const gate = call("tanh", rectified(z));
  const inner = quotient(call("exp", z), sum(1, call("exp", z)));
  return sum(gate, product(z, difference(1, power(gate, 2)), inner));
}

function logSigmoidSlope(z: Expression): Expression | null {
  if (!(evaluate(z) > -SAFE_POWER)) return null;
  const part = call("exp", negative(z));
  return quotient(part, sum(1, part));
}

/** z + 3, held between 0 and 6. */
const ramp = (z: Expression) => call("min", call("max", sum(z, 3), 0), 6);

const beside = (z: Expression) => sum(1, call("abs", z));

function softsignSlope(z: Expression): Expression {
  const squared = quotient(z, power(beside(z), 2));
  return sum(quotient(1, beside(z)), isAbove(z) ? negative(squared) : squared);
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
  celu: {
    value: (z) => (isAbove(z) ? z : difference(call("exp", quotient(z, 1)), 1)),
    slope: (z) => (isAbove(z) ? asExpression(1) : quotient(call("exp", quotient(z, 1)), 1)),
  },
  selu: {
    value: (z) => scaled(isAbove(z) ? z : product(SELU_ALPHA, difference(call("exp", z), 1))),
    slope: (z) => scaled(isAbove(z) ? 1 : product(SELU_ALPHA, call("exp", z))),
  },
  mish: { value: mish, slope: mishSlope },
  log_sigmoid: {
    value: (z) => (evaluate(z) > -SAFE_POWER ? negative(rectified(negative(z))) : null),
    slope: logSigmoidSlope,
  },
  hard_tanh: {
    value: (z) => call("min", call("max", z, -1), 1),
    slope: () => null,
  },
  hard_sigmoid: { value: (z) => quotient(ramp(z), 6), slope: () => null },
  hard_swish: { value: (z) => quotient(product(z, ramp(z)), 6), slope: () => null },
  softsign: { value: (z) => quotient(z, beside(z)), slope: softsignSlope },
};
