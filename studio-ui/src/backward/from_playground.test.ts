import { expect, test } from "vitest";

import { DEFAULTS } from "../engine/defaults";
import type { Network } from "../engine/messages";
import type { LayerPicture, Picture } from "../engine/picture";
import { networkOf } from "./from_playground";
import { parameters } from "./handoff";

const NONE = new Float32Array(0);

function layer(inputs: number, units: number, first: number): LayerPicture {
  return {
    inputs,
    units,
    weight: Float32Array.from({ length: inputs * units }, (_, i) => first + i),
    bias: Float32Array.from({ length: units }, (_, i) => -i),
    preactivation: NONE,
    value: NONE,
    error: NONE,
    delta: NONE,
    weightGradient: NONE,
    biasGradient: NONE,
    heat: new Uint8Array(0),
    grid: 0,
    limit: NONE,
  };
}

const PICTURE: Picture = {
  run: 1,
  step: 0,
  epoch: 0,
  example: 0,
  loss: 0.5,
  target: -1,
  objective: null,
  trainingError: null,
  testError: null,
  testObjective: null,
  seconds: 0,
  first: true,
  layers: [layer(2, 3, 1), layer(3, 1, 10)],
  input: Float32Array.of(0.5, -1.5),
  inputError: NONE,
  features: null,
  points: null,
  targets: null,
};

const NETWORK: Network = {
  features: ["x1", "x2"],
  layers: [
    { units: 3, activation: "tanh", weight: "", bias: "" },
    { units: 1, activation: "tanh", weight: "", bias: "" },
  ],
  formula: "",
};

test("the network of a picture, row by row", () => {
  const found = networkOf(DEFAULTS, NETWORK, PICTURE);
  expect(found?.layers[0]).toEqual({
    weight: [[1, 2, 3], [4, 5, 6]],
    bias: [-0, -1, -2],
    activation: "tanh",
  });
  expect(found?.input).toEqual([0.5, -1.5]);
  expect(found?.loss).toBe(DEFAULTS.loss);
  expect(parameters(found!)).toBe(13);
});

test("a network with a number that is not finite is not sent", () => {
  const broken = { ...PICTURE, layers: [layer(2, 3, NaN), layer(3, 1, 10)] };
  expect(networkOf(DEFAULTS, NETWORK, broken)).toBeNull();
  expect(networkOf(DEFAULTS, NETWORK, { ...PICTURE, target: null })).toBeNull();
});
