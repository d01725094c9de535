// Initial values of weights: the initializers of clearprop/nn/initializers.py that have a name there
// and need no number.

import type { Random } from "./random";

type Draw = (random: Random, inputs: number, units: number) => number;

const uniform = (limit: number) => (random: Random) => random.uniform(-limit, limit);
const normal = (deviation: number) => (random: Random) => random.normal(0, deviation);

export const INITIALIZERS: Readonly<Record<string, Draw>> = {
  glorot_uniform: (random, n, m) => uniform(Math.sqrt(6 / (n + m)))(random),
  glorot_normal: (random, n, m) => normal(Math.sqrt(2 / (n + m)))(random),
  he_uniform: (random, n) => uniform(Math.sqrt(6 / n))(random),
  he_normal: (random, n) => normal(Math.sqrt(2 / n))(random),
  lecun_normal: (random, n) => normal(Math.sqrt(1 / n))(random),
  zeros: () => 0,
  ones: () => 1,
};

/** The initial values of the library's `nn.Linear`. */
export const DEFAULT_INITIALIZER = "glorot_uniform";

/** Fill the weights (inputs, units) of a layer. */
export function fillWeights(
  weight: Float64Array,
  inputs: number,
  units: number,
  initializer: string,
  random: Random,
): void {
  const draw = INITIALIZERS[initializer];
  if (!draw) throw new RangeError(`there is no initializer ${initializer}`);
  for (let i = 0; i < weight.length; i++) weight[i] = draw(random, inputs, units);
}
