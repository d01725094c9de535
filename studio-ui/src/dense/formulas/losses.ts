// The losses as formulas of the outputs and the target, with their derivatives, as
// clearprop/studio/playground/loss_formulas.py has them; null where a power would overflow.

import { SAFE_POWER } from "./activations";
import {
  asExpression,
  call,
  difference,
  evaluate,
  type Expression,
  longSum,
  negative,
  power,
  product,
  quotient,
  sum,
  symbol,
} from "./expression";

export interface LossFormula {
  readonly value: (y: readonly Expression[], t: Expression) => Expression | null;
  /** dE/d(output), of the output with a number. */
  readonly slope: (y: readonly Expression[], t: Expression, output: number) => Expression | null;
}

type OfOne = (y: Expression, t: Expression) => Expression | null;
const ofOne = (value: OfOne, slope: OfOne): LossFormula => ({
  value: ([y], t) => value(y!, t),
  slope: ([y], t) => slope(y!, t),
});

const far = (y: Expression, t: Expression) => call("abs", difference(y, t));
const sign: OfOne = (y, t) => asExpression(Math.sign(evaluate(y) - evaluate(t)));
const asSign = (t: Expression) => difference(product(2, t), 1);
const isChance = (y: Expression) => evaluate(y) > 0 && evaluate(y) < 1;
const predicted = (z: Expression) => symbol("s", evaluate(z) >= 0 ? 1 : 0);

const square = ofOne((y, t) => quotient(power(difference(y, t), 2), 2), difference);
const absolute = ofOne(far, sign);
const huber = ofOne(
  (y, t) => {
    const near = call("min", far(y, t), 1);
    return product(near, difference(far(y, t), quotient(near, 2)));
  },
  (y, t) => (Math.abs(evaluate(y) - evaluate(t)) <= 1 ? difference(y, t) : sign(y, t)),
);

function powers(y: readonly Expression[]): Expression | null {
  if (y.some((z) => Math.abs(evaluate(z)) >= SAFE_POWER)) return null;
  return longSum(y.map((z) => call("exp", z)));
}

const crossEntropy: LossFormula = {
  value: (z, t) => {
    const whole = powers(z);
    return whole && difference(call("log", whole), z[evaluate(t)]!);
  },
  slope: (z, t, output) => {
    const whole = powers(z);
    const chance = whole && quotient(call("exp", z[output]!), whole);
    return chance && output === evaluate(t) ? difference(chance, 1) : chance;
  },
};

export const LOSS_FORMULAS: Readonly<Record<string, LossFormula>> = {
  squared_error: square,
  binary_squared_error: square,
  mean_squared_error: ofOne(
    (y, t) => power(difference(y, t), 2),
    (y, t) => product(2, difference(y, t)),
  ),
  absolute_error: absolute,
  mean_absolute_error: absolute,
  huber,
  smooth_l1: huber,
  log_loss: ofOne(
    (y, t) => {
      const other = product(difference(1, t), call("log", difference(1, y)));
      return isChance(y) ? difference(negative(product(t, call("log", y))), other) : null;
    },
    (y, t) =>
      isChance(y) ? quotient(difference(y, t), product(y, difference(1, y))) : null,
  ),
  binary_cross_entropy: ofOne(
    (z, t) =>
      evaluate(z) < SAFE_POWER
        ? difference(call("log", sum(1, call("exp", z))), product(t, z))
        : null,
    (z, t) => difference(call("sigmoid", z), t),
  ),
  hinge: ofOne(
    (z, t) => call("max", 0, difference(1, product(asSign(t), z))),
    (z, t) => {
      const inside = 1 - evaluate(asSign(t)) * evaluate(z);
      return inside > 0 ? negative(asSign(t)) : asExpression(0);
    },
  ),
  perceptron: ofOne(
    (z, t) => product(difference(predicted(z), t), z),
    (z, t) => difference(predicted(z), t),
  ),
  cross_entropy: crossEntropy,
};
