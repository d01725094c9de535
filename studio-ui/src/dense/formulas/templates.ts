// The formulas of activations and losses, as clearprop/glass/equations/templates.py has them.

import {
  asExpression,
  call,
  difference,
  type Expression,
  negative,
  power,
  product,
  quotient,
  sum,
} from "./expression";

/** y, and dy/dz, as formulas of z and y; the second is null where it is too long. */
interface ActivationFormula {
  readonly value: (z: Expression) => Expression;
  readonly slope: (z: Expression, y: Expression) => Expression | null;
}

const valueOf = (x: Expression) => (x.kind === "symbol" ? x.value : NaN);
const isAbove = (z: Expression) => valueOf(z) > 0;
const normal = (z: Expression) => quotient(sum(1, call("erf", quotient(z, call("sqrt", 2)))), 2);

function density(z: Expression): Expression {
  return quotient(
    call("exp", negative(quotient(power(z, 2), 2))),
    call("sqrt", product(2, Math.PI)),
  );
}

/** log(1 + e^z); where that would overflow it is z. */
function softplus(z: Expression): Expression {
  return valueOf(z) < 700 ? call("log", sum(1, call("exp", z))) : z;
}

function geluTanh(z: Expression): Expression {
  const inside = sum(z, product(0.044715, power(z, 3)));
  const angle = product(call("sqrt", quotient(2, Math.PI)), inside);
  return quotient(product(z, sum(1, call("tanh", angle))), 2);
}

export const ACTIVATION_FORMULAS: Readonly<Record<string, ActivationFormula>> = {
  identity: { value: (z) => z, slope: () => asExpression(1) },
  binary_step: {
    value: (z) => asExpression(valueOf(z) >= 0 ? 1 : 0),
    slope: () => asExpression(0),
  },
  sigmoid: {
    value: (z) => call("sigmoid", z),
    slope: (_, y) => product(y, difference(1, y)),
  },
  tanh: { value: (z) => call("tanh", z), slope: (_, y) => difference(1, power(y, 2)) },
  relu: {
    value: (z) => call("relu", z),
    slope: (z) => asExpression(isAbove(z) ? 1 : 0),
  },
  leaky_relu: {
    value: (z) => (isAbove(z) ? z : product(0.01, z)),
    slope: (z) => asExpression(isAbove(z) ? 1 : 0.01),
  },
  elu: {
    value: (z) => (isAbove(z) ? z : difference(call("exp", z), 1)),
    slope: (z) => (isAbove(z) ? asExpression(1) : call("exp", z)),
  },
  gelu: {
    value: (z) => product(z, normal(z)),
    slope: (z) => sum(normal(z), product(z, density(z))),
  },
  gelu_tanh: { value: geluTanh, slope: () => null },
  silu: {
    value: (z) => product(z, call("sigmoid", z)),
    slope: (z, y) => {
      const gate = call("sigmoid", z);
      return sum(gate, product(y, difference(1, gate)));
    },
  },
  softplus: {
    value: softplus,
    slope: (z) => call("sigmoid", z),
  },
};

/** E, and dE/dy of one output, as formulas of the outputs and the target t. */
interface LossFormula {
  readonly value: (y: readonly Expression[], t: Expression) => Expression;
  readonly slope: (y: readonly Expression[], t: Expression, output: number) => Expression;
}

type OfOne = (y: Expression, t: Expression) => Expression;
const ofOne = (value: OfOne, slope: OfOne): LossFormula => ({
  value: ([y], t) => value(y!, t),
  slope: ([y], t) => slope(y!, t),
});

const half: OfOne = (y, t) => quotient(power(difference(y, t), 2), 2);
const square: OfOne = (y, t) => power(difference(y, t), 2);
const far: OfOne = (y, t) => call("abs", difference(y, t));
const side: OfOne = (y, t) => asExpression(Math.sign(valueOf(y) - valueOf(t)));
const isNear = (y: Expression, t: Expression) => Math.abs(valueOf(y) - valueOf(t)) <= 1;
const huber = ofOne(
  (y, t) => (isNear(y, t) ? half(y, t) : difference(far(y, t), 0.5)),
  (y, t) => (isNear(y, t) ? difference(y, t) : side(y, t)),
);
const absolute = ofOne(far, side);
const isOne = (t: Expression) => valueOf(t) > 0.5;
const signed: OfOne = (z, t) => product(difference(product(2, t), 1), z);

/** The class of the target t among outputs, as a place from 0. */
const place = (t: Expression) => Math.round(valueOf(t));
const powers = (y: readonly Expression[]) => sum(...y.map((z) => call("exp", z)));

export const LOSS_FORMULAS: Readonly<Record<string, LossFormula>> = {
  squared_error: ofOne(half, difference),
  binary_squared_error: ofOne(half, difference),
  mean_squared_error: ofOne(square, (y, t) => product(2, difference(y, t))),
  absolute_error: absolute,
  mean_absolute_error: absolute,
  huber,
  smooth_l1: huber,
  binary_cross_entropy: ofOne(
    (z, t) => difference(softplus(z), product(t, z)),
    (z, t) => difference(call("sigmoid", z), t),
  ),
  log_loss: ofOne(
    (y, t) => negative(call("log", isOne(t) ? y : difference(1, y))),
    (y, t) => (isOne(t) ? negative(quotient(1, y)) : quotient(1, difference(1, y))),
  ),
  hinge: ofOne(
    (z, t) => call("max", 0, difference(1, signed(z, t))),
    (z, t) => {
      const sign = isOne(t) ? 1 : -1;
      return asExpression(sign * valueOf(z) < 1 ? -sign : 0);
    },
  ),
  perceptron: ofOne(
    (z, t) => product(difference(valueOf(z) >= 0 ? 1 : 0, t), z),
    (z, t) => difference(valueOf(z) >= 0 ? 1 : 0, t),
  ),
  cross_entropy: {
    value: (y, t) => difference(call("log", powers(y)), y[place(t)]!),
    slope: (y, t, output) => {
      const probability = quotient(call("exp", y[output]!), powers(y));
      return output === place(t) ? difference(probability, 1) : probability;
    },
  },
};
