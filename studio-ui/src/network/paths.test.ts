import { expect, test } from "vitest";

import type { Network } from "../engine/messages";
import { withoutPaths } from "./paths";

const layer = (index: number) => ({
  units: 2,
  activation: "tanh",
  weight: `layers.${index}.weight`,
  bias: `layers.${index}.bias`,
});
const network: Network = { features: ["x1"], layers: [layer(0), layer(2), layer(4)], formula: "" };

test("paths become names of layers", () => {
  expect(withoutPaths("100 % of the outputs of layers.5 (tanh)", network)).toBe(
    "100 % of the outputs of the output layer (tanh)",
  );
  expect(withoutPaths("layers.3 to layers.0", network)).toBe("hidden layer 2 to hidden layer 1");
  expect(withoutPaths("layers.2.weight", network)).toBe("the weights of hidden layer 2");
  expect(withoutPaths("no path", network)).toBe("no path");
});
