// One sentence for each kind of layer: what it does forward, and what it does to error signals.

const OF_LAYERS: Readonly<Record<string, string>> = {
  input: "The picture as the network gets it. Its error signals say how the loss would change with each pixel.",
  Conv2d:
    "Each cell is a patch of the maps before times a kernel, summed, plus a bias. One kernel serves all places of a map.",
  MaxPool2d: "Each cell is the largest of a small window. Its error signal goes back to that one cell alone.",
  AvgPool2d: "Each cell is the mean of a small window. Each cell of the window gets the same part of its error signal.",
  GlobalAvgPool: "Each unit is the mean of a whole map. Every cell of the map gets the same part of its error signal.",
  Linear: "Each unit is a weighted sum of all values before, plus a bias. Error signals go back through the same weights.",
  BatchNorm: "Each map is shifted and scaled by numbers that were measured in training, then by two learned ones.",
  Enlarge: "Each pixel is repeated as a square, so that small pictures fit the network. Its error signals are added up.",
  Border: "A border of zeros is put around the picture.",
  relu: "Negative numbers become 0. Where the value is 0, no error signal passes back.",
  leaky_relu: "Negative numbers are made smaller. There a small part of the error signal passes back.",
  tanh: "Each number is squeezed between −1 and 1. Near the ends little of the error signal passes back.",
  sigmoid: "Each number is squeezed between 0 and 1. Near the ends little of the error signal passes back.",
};

const ACTIVATION = "A function of each number by itself. Its slope there is the part of the error signal that passes back.";
const LAYER = "A layer of the network: its output, and the error signals that arrive at it.";

/** What the layers of a column do. */
export function aboutKinds(kinds: readonly string[]): string {
  return kinds.map((kind) => OF_LAYERS[kind] ?? (/^[a-z]/.test(kind) ? ACTIVATION : LAYER)).join(" ");
}

export const OUTPUT_ABOUT =
  "One number for each class, its logit. Softmax makes probabilities of them. With cross-entropy, the error signal of a logit is its probability, minus 1 for the target.";
