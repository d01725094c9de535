// The elementwise activations of clearprop/ops/activations.py, with the derivatives of its rules.

import { erfc } from "./special";

export interface Activation {
  /** y, from x. */
  readonly value: (x: number) => number;
  /** dy/dx, from x and y; 0 where no error signal passes. */
  readonly slope: (x: number, y: number) => number;
}

export const SELU_SCALE = 1.0507009873554804934193349852946;
export const SELU_ALPHA = 1.6732632423543772848170429916717;
const ROOT_2_PI = Math.sqrt(2 / Math.PI);
const DENSITY = 1 / Math.sqrt(2 * Math.PI);

/** 1 / (1 + e^-x), without overflow. */
export function sigmoid(x: number): number {
  if (x >= 0) return 1 / (1 + Math.exp(-x));
  const power = Math.exp(x);
  return power / (1 + power);
}

/** log(1 + e^x), without overflow. */
export function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

function geluTanhGate(x: number): number {
  // (1 + tanh u) / 2 is the sigmoid of 2 u; the sum would cancel digits for negative x.
  return sigmoid(2 * ROOT_2_PI * (x + 0.044715 * x * x * x));
}

function geluTanhSlope(x: number): number {
  const gate = geluTanhGate(x);
  return gate * (1 + x * (1 - gate) * 2 * ROOT_2_PI * (1 + 0.134145 * x * x));
}

export const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  identity: { value: (x) => x, slope: () => 1 },
  binary_step: { value: (x) => (x >= 0 ? 1 : 0), slope: () => 0 },
  sigmoid: { value: sigmoid, slope: (_, y) => y * (1 - y) },
  tanh: { value: Math.tanh, slope: (_, y) => 1 - y * y },
  relu: { value: (x) => Math.max(x, 0), slope: (x) => (x > 0 ? 1 : 0) },
  leaky_relu: { value: (x) => (x > 0 ? x : 0.01 * x), slope: (x) => (x > 0 ? 1 : 0.01) },
  elu: { value: (x) => (x > 0 ? x : Math.expm1(x)), slope: (x) => (x > 0 ? 1 : Math.exp(x)) },
  gelu: {
    value: (x) => 0.5 * x * erfc(-x * Math.SQRT1_2),
    slope: (x) => 0.5 * erfc(-x * Math.SQRT1_2) + x * DENSITY * Math.exp(-0.5 * x * x),
  },
  gelu_tanh: { value: (x) => x * geluTanhGate(x), slope: geluTanhSlope },
  silu: {
    value: (x) => x * sigmoid(x),
    slope: (x, y) => {
      const gate = sigmoid(x);
      return gate + y * (1 - gate);
    },
  },
  softplus: { value: softplus, slope: sigmoid },
  celu: { value: (x) => (x > 0 ? x : Math.expm1(x)), slope: (x) => (x > 0 ? 1 : Math.exp(x)) },
  selu: {
    value: (x) => SELU_SCALE * (x > 0 ? x : SELU_ALPHA * Math.expm1(x)),
    slope: (x) => SELU_SCALE * (x > 0 ? 1 : SELU_ALPHA * Math.exp(x)),
  },
  mish: {
    value: (x) => x * Math.tanh(softplus(x)),
    slope: (x) => {
      const gate = Math.tanh(softplus(x));
      return gate + x * (1 - gate * gate) * sigmoid(x);
    },
  },
  log_sigmoid: { value: (x) => -softplus(-x), slope: (x) => sigmoid(-x) },
  hard_tanh: {
    value: (x) => Math.min(Math.max(x, -1), 1),
    slope: (x) => (Math.abs(x) < 1 ? 1 : 0),
  },
  hard_sigmoid: {
    value: (x) => Math.min(Math.max(x + 3, 0), 6) / 6,
    slope: (x) => (Math.abs(x) < 3 ? 1 / 6 : 0),
  },
  hard_swish: {
    value: (x) => (x * Math.min(Math.max(x + 3, 0), 6)) / 6,
    slope: (x) => (Math.abs(x) < 3 ? x / 3 + 0.5 : x < 0 ? 0 : 1),
  },
  softsign: {
    value: (x) => x / (1 + Math.abs(x)),
    slope: (x) => 1 / (1 + Math.abs(x)) ** 2,
  },
};
