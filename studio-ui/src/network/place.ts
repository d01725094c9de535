// The places of a network that can be looked at: a feature, a unit, its bias, a link into it.

import type { Network } from "../engine/messages";

export type Place =
  | { readonly kind: "feature"; readonly unit: number }
  | { readonly kind: "unit"; readonly layer: number; readonly unit: number }
  | { readonly kind: "bias"; readonly layer: number; readonly unit: number }
  /** From unit `from` of the layer before, or from a feature where `layer` is 0. */
  | { readonly kind: "link"; readonly layer: number; readonly from: number; readonly unit: number };

export function isSame(a: Place | null, b: Place | null): boolean {
  return a === b || (a !== null && b !== null && JSON.stringify(a) === JSON.stringify(b));
}

/** Whether the network has such a place: after a change of its layers a place may be gone. */
export function exists(place: Place, network: Network): boolean {
  if (place.kind === "feature") return place.unit < network.features.length;
  const units = network.layers[place.layer]?.units ?? 0;
  if (place.unit >= units) return false;
  return place.kind !== "link" || place.from < unitsBefore(network, place.layer);
}

export function unitsBefore(network: Network, layer: number): number {
  return layer === 0 ? network.features.length : (network.layers[layer - 1]?.units ?? 0);
}

/** The name of a feature with signs of mathematics. */
export function featureTitle(name: string): string {
  return name.replaceAll("x1", "x₁").replaceAll("x2", "x₂").replaceAll("^2", "²").replaceAll("*", "");
}

export function layerTitle(network: Network, layer: number): string {
  return layer === network.layers.length - 1 ? "Output" : `Hidden layer ${layer + 1}`;
}

/** The name of a unit in a sentence; numbers begin at 1. */
export function unitName(network: Network, layer: number, unit: number): string {
  if (layer < 0) return featureTitle(network.features[unit] ?? "");
  if (layer < network.layers.length - 1) return `unit ${unit + 1} of layer ${layer + 1}`;
  return network.layers[layer]?.units === 1 ? "the output" : `output ${unit + 1}`;
}

export function placeName(network: Network, place: Place): string {
  const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
  switch (place.kind) {
    case "feature":
      return `Feature ${unitName(network, -1, place.unit)}`;
    case "unit":
      return capital(unitName(network, place.layer, place.unit));
    case "bias":
      return `Bias of ${unitName(network, place.layer, place.unit)}`;
    case "link": {
      const from = unitName(network, place.layer - 1, place.from);
      return `Weight from ${from} to ${unitName(network, place.layer, place.unit)}`;
    }
  }
}
