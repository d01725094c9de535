// Paths of the library, such as "layers.2" or "layers.2.weight", as words of the page.

import type { Network } from "../engine/messages";

/** Replace every path in a text by the name of its layer. */
export function withoutPaths(text: string, network: Network): string {
  return text.replaceAll(/\blayers\.(\d+)(?:\.(weight|bias))?\b/g, (path, index: string, leaf?: string) => {
    const layer = layerOf(Number(index), network);
    if (layer === null) return path;
    const isLast = layer === network.layers.length - 1;
    const name = isLast ? "the output layer" : `hidden layer ${layer + 1}`;
    return leaf ? `the ${leaf === "bias" ? "biases" : "weights"} of ${name}` : name;
  });
}

/** The layer to which a part of the model belongs: its product, or the activation behind it. */
function layerOf(index: number, network: Network): number | null {
  const starts = network.layers.map((layer) => Number(/^layers\.(\d+)\./.exec(layer.weight)?.[1] ?? NaN));
  const found = starts.findLastIndex((start) => start <= index);
  return found < 0 ? null : found;
}
