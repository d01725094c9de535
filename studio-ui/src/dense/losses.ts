// The losses of clearprop/nn/losses that fit one number or class for each example, with the same
// definitions: what an example loses, the error signal of each output, and the error that is reported.

import { sigmoid } from "./activations";

const LEAST_LOG = -100;
const LEAST_DIVISOR = 1e-12;

export interface Loss {
  /** What the mean of `wrong` is called, after the root for a regression. */
  readonly error: "error rate" | "root mean square error";
  /** The loss of one example: the outputs y[at .. at + width) and the target t. */
  readonly value: (y: Float64Array, at: number, width: number, t: number) => number;
  /** The derivatives of this loss by the outputs, into `signals` at the same places. */
  readonly signals: (
    y: Float64Array,
    at: number,
    width: number,
    t: number,
    signals: Float64Array,
  ) => void;
  /** 1 where the predicted class is wrong, or the squared difference. */
  readonly wrong: (y: Float64Array, at: number, width: number, t: number) => number;
}

function ofOneOutput(
  error: Loss["error"],
  value: (y: number, t: number) => number,
  slope: (y: number, t: number) => number,
  wrong: (y: number, t: number) => number,
): Loss {
  return {
    error,
    value: (y, at, _, t) => value(y[at]!, t),
    signals: (y, at, _, t, signals) => {
      signals[at] = slope(y[at]!, t);
    },
    wrong: (y, at, _, t) => wrong(y[at]!, t),
  };
}

/** A loss for targets 0 and 1; the predicted class is 1 from the threshold on. */
function ofTwoClasses(
  threshold: number,
  value: (y: number, t: number) => number,
  slope: (y: number, t: number) => number,
): Loss {
  const wrong = (y: number, t: number) => (y >= threshold !== t > 0.5 ? 1 : 0);
  return ofOneOutput("error rate", value, slope, wrong);
}

function ofNumbers(
  value: (y: number, t: number) => number,
  slope: (y: number, t: number) => number,
): Loss {
  return ofOneOutput("root mean square error", value, slope, (y, t) => (y - t) ** 2);
}

const halfSquare = (y: number, t: number) => 0.5 * (y - t) ** 2;
const difference = (y: number, t: number) => y - t;
const boundedLog = (x: number) => Math.max(Math.log(x), LEAST_LOG);

function huber(y: number, t: number): number {
  const far = Math.abs(y - t);
  const near = Math.min(far, 1);
  return near * (far - near / 2);
}

function largest(y: Float64Array, at: number, width: number): number {
  let best = 0;
  // NaN counts as the largest, as in NumPy's argmax.
  for (let k = 1; k < width && !Number.isNaN(y[at + best]!); k++) {
    if (!(y[at + k]! <= y[at + best]!)) best = k;
  }
  return best;
}

/** -log softmax(z)[t], with the largest logit subtracted first. */
const crossEntropy: Loss = {
  error: "error rate",
  value: (z, at, width, t) => logSum(z, at, width) - z[at + t]!,
  signals: (z, at, width, t, signals) => {
    const whole = logSum(z, at, width);
    for (let k = 0; k < width; k++) {
      signals[at + k] = Math.exp(z[at + k]! - whole) - (k === t ? 1 : 0);
    }
  },
  wrong: (z, at, width, t) => (largest(z, at, width) === t ? 0 : 1),
};

function logSum(z: Float64Array, at: number, width: number): number {
  const most = z[at + largest(z, at, width)]!;
  let sum = 0;
  for (let k = 0; k < width; k++) sum += Math.exp(z[at + k]! - most);
  return most + Math.log(sum);
}

export const LOSSES: Readonly<Record<string, Loss>> = {
  squared_error: ofNumbers(halfSquare, difference),
  mean_squared_error: ofNumbers(
    (y, t) => (y - t) ** 2,
    (y, t) => 2 * (y - t),
  ),
  absolute_error: ofNumbers(
    (y, t) => Math.abs(y - t),
    (y, t) => Math.sign(y - t),
  ),
  mean_absolute_error: ofNumbers(
    (y, t) => Math.abs(y - t),
    (y, t) => Math.sign(y - t),
  ),
  huber: ofNumbers(huber, (y, t) => Math.max(-1, Math.min(1, y - t))),
  smooth_l1: ofNumbers(huber, (y, t) => Math.max(-1, Math.min(1, y - t))),
  binary_squared_error: ofTwoClasses(0.5, halfSquare, difference),
  binary_cross_entropy: ofTwoClasses(
    0,
    (z, t) => Math.max(z, 0) - z * t + Math.log1p(Math.exp(-Math.abs(z))),
    (z, t) => sigmoid(z) - t,
  ),
  log_loss: ofTwoClasses(
    0.5,
    (y, t) => -(t * boundedLog(y) + (1 - t) * boundedLog(1 - y)),
    (y, t) => (1 - t) / Math.max(1 - y, LEAST_DIVISOR) - t / Math.max(y, LEAST_DIVISOR),
  ),
  hinge: ofTwoClasses(
    0,
    (z, t) => Math.max(0, 1 - (2 * t - 1) * z),
    (z, t) => ((2 * t - 1) * z < 1 ? 1 - 2 * t : 0),
  ),
  perceptron: ofTwoClasses(
    0,
    (z, t) => ((z >= 0 ? 1 : 0) - t) * z,
    (z, t) => (z >= 0 ? 1 : 0) - t,
  ),
  cross_entropy: crossEntropy,
};
