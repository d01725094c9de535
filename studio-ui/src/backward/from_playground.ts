// The network of the playground as it is now, with its chosen example, for the backward pass.

import type { Network, Settings } from "../engine/messages";
import type { LayerPicture, Picture } from "../engine/picture";
import type { SentLayer, SentNetwork } from "./messages";

export function networkOf(
  settings: Settings,
  network: Network,
  picture: Picture,
): SentNetwork | null {
  const numbers = [...picture.layers.flatMap(({ weight, bias }) => [...weight, ...bias])];
  const isWhole =
    picture.layers.length === network.layers.length &&
    picture.target !== null &&
    [...numbers, ...picture.input].every(Number.isFinite);
  if (!isWhole || picture.target === null) return null;
  return {
    type: "network",
    layers: picture.layers.map((layer, k) => sent(layer, network.layers[k]?.activation ?? "identity")),
    input: [...picture.input],
    target: picture.target,
    loss: settings.loss,
    learning_rate: settings.learning_rate,
    features: network.features,
  };
}

function sent(layer: LayerPicture, activation: string): SentLayer {
  const rows = Array.from({ length: layer.inputs }, (_, i) => [
    ...layer.weight.subarray(i * layer.units, (i + 1) * layer.units),
  ]);
  return { weight: rows, bias: [...layer.bias], activation };
}
