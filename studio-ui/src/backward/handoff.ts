// A network of another view, on its way to the view of the backward pass.

import { write } from "../shell/address";
import type { SentNetwork } from "./messages";

export const MOST_PARAMETERS = 200;
/** The name under which the page of a sent network stands in the address. */
export const SENT = "playground";

const KEY = "clearprop.backward.network";
let kept: SentNetwork | null = null;

/** How many weights and biases a network has. */
export function parameters(network: SentNetwork): number {
  return network.layers.reduce(
    (sum, { weight, bias }) =>
      sum + weight.length * (weight[0]?.length ?? 0) + (bias === null ? 0 : bias.length),
    0,
  );
}

/** Show a network with its example in the view of the backward pass. */
export function openBackward(network: SentNetwork): void {
  kept = network;
  try {
    sessionStorage.setItem(KEY, JSON.stringify(network));
  } catch {
    // Without storage the network is lost when the page is loaded again, not before.
  }
  location.hash = write({ view: "backward", values: new URLSearchParams({ page: SENT }) });
}

/** The network that was sent last; null where there is none. */
export function sentNetwork(): SentNetwork | null {
  if (kept) return kept;
  try {
    const text = sessionStorage.getItem(KEY);
    kept = text === null ? null : (JSON.parse(text) as SentNetwork);
  } catch {
    kept = null;
  }
  return kept;
}
