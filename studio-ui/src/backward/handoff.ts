// A network of another view, on its way to the view of the backward pass.

import { write } from "../shell/address";
import { keep, kept } from "../shell/tab_memory";
import type { SentNetwork } from "./messages";

export const MOST_PARAMETERS = 200;
/** The name under which the page of a sent network stands in the address. */
export const SENT = "playground";

const KEY = "backward.network";
let sent: SentNetwork | null = null;

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
  sent = network;
  keep(KEY, network);
  location.hash = write({ view: "backward", values: new URLSearchParams({ page: SENT }) });
}

/** The network that was sent last; null where there is none. */
export function sentNetwork(): SentNetwork | null {
  sent ??= kept(KEY) as SentNetwork | null;
  return sent;
}
