// The initial values of the playground's networks, as clearprop/studio/playground/network.py and the
// initializers of clearprop/nn/initializers.py choose them.

import type { Layer } from "./network";
import type { Random } from "./random";

type Draw = (random: Random, inputs: number, units: number) => number;

/** Deviation of the standard normal distribution between -2 and 2. */
const TRUNCATED = 0.87962566103423978;

/** Of hidden units, so that not all of their lines go through the middle. */
const BIAS = 0.1;

const uniform = (limit: number) => (random: Random) => random.uniform(-limit, limit);
const normal = (deviation: number) => (random: Random) => random.normal(0, deviation);

function truncated(deviation: number): Draw {
  return (random) => {
    let x = random.normal();
    while (Math.abs(x) > 2) x = random.normal();
    return (x * deviation) / TRUNCATED;
  };
}

export const INITIALIZERS: Readonly<Record<string, Draw>> = {
  glorot_normal: (random, n, m) => normal(Math.sqrt(2 / (n + m)))(random),
  glorot_uniform: (random, n, m) => uniform(Math.sqrt(6 / (n + m)))(random),
  he_normal: (random, n) => normal(Math.sqrt(2 / n))(random),
  he_uniform: (random, n) => uniform(Math.sqrt(6 / n))(random),
  lecun_normal: (random, n) => normal(Math.sqrt(1 / n))(random),
  normal: normal(0.01),
  ones: () => 1,
  truncated_normal: truncated(0.02),
  uniform: uniform(0.05),
  zeros: () => 0,
};

/** Unless an initializer is chosen: variance 1 / inputs, in the first layer a third of it. */
function usual(isFirst: boolean): Draw {
  return (random, n) => uniform(Math.sqrt((isFirst ? 1 : 3) / n))(random);
}

/** Fill weights and biases; the initializer is of the hidden layers. */
export function fill(layers: readonly Layer[], initializer: string | null, random: Random): void {
  layers.forEach(({ weight, bias, inputs, units }, k) => {
    const isHidden = k < layers.length - 1;
    const chosen = isHidden && initializer !== null ? INITIALIZERS[initializer] : undefined;
    const draw = chosen ?? usual(k === 0);
    for (let i = 0; i < weight.length; i++) weight[i] = draw(random, inputs, units);
    bias.fill(isHidden ? BIAS : 0);
  });
}
