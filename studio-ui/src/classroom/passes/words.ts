// The sign in the circle of an operation, and what happens there in a sentence for each direction:
// the words of clearprop/studio/backward/gate_words.py for the operations of dense networks.

import { significant } from "../../dense/formulas/digits";
import { isApply } from "../../dense/formulas/expression";
import type { Scalar } from "./dense_pass";

export interface GateWords {
  readonly sign: string;
  readonly forward: string;
  readonly backward: string;
}

const GATES: Readonly<Record<string, GateWords>> = {
  add: {
    sign: "+",
    forward: "The gate adds {inputs}.",
    backward:
      "The error signal at the sum is handed to both inputs unchanged: the local derivative of + is 1.",
  },
  matmul: {
    sign: "Σ",
    forward: "{y} is a weighted sum: each input times its weight, all added.",
    backward:
      "Each weight gets the error signal times its input, and each input gets the error signal times its weight.",
  },
  sigmoid: {
    sign: "σ",
    forward: "The sigmoid maps {inputs} to a number between 0 and 1.",
    backward:
      "The local derivative of the sigmoid is y (1 − y), from its own value. It is 0.25 at most, so the error signal shrinks.",
  },
  tanh: {
    sign: "tanh",
    forward: "The hyperbolic tangent maps {inputs} to a number between −1 and 1.",
    backward:
      "The local derivative of tanh is 1 − y², from its own value. It is 1 at most.",
  },
  relu: {
    sign: "ReLU",
    forward: "The ReLU passes {inputs} on unchanged, which is positive.",
    backward:
      "The input of the ReLU is positive: its local derivative is 1, and the error signal passes unchanged.",
  },
  "relu off": {
    sign: "ReLU",
    forward: "The ReLU makes 0 of {inputs}, which is not positive.",
    backward:
      "The input of the ReLU is not positive: its local derivative is 0, and no error signal passes.",
  },
  squared_error: {
    sign: "E",
    forward: "The loss is half the squared difference between {inputs}.",
    backward: "The local derivative of the loss by the output is output minus target.",
  },
  sigmoid_binary_cross_entropy: {
    sign: "E",
    forward: "The loss is small where the sigmoid of the output is near the target.",
    backward: "The local derivative of this loss by the output is its sigmoid minus the target.",
  },
  softmax_cross_entropy: {
    sign: "E",
    forward: "The loss is minus the logarithm of the probability of the right class.",
    backward:
      "The local derivative of this loss by an output is its probability; 1 is subtracted for the right class.",
  },
};

/** An operation in words, from the names of its inputs. */
export function gateWords(scalar: Scalar, inputs: readonly string[]): GateWords {
  const names = joined(inputs);
  const filled = (text: string) => text.replaceAll("{inputs}", names).replaceAll("{y}", scalar.name);
  const constant = constantFactor(scalar);
  if (constant !== null) {
    return {
      sign: `×${constant}`,
      forward: `The gate multiplies ${names} by ${constant}.`,
      backward: `The error signal is multiplied by the same number, ${constant}: the local derivative of ${constant} x.`,
    };
  }
  const isOff = scalar.operation === "relu" && !(scalar.value > 0);
  const found = GATES[isOff ? "relu off" : scalar.operation] ?? other(scalar.operation);
  return { sign: found.sign, forward: filled(found.forward), backward: filled(found.backward) };
}

/** The number that a gate such as the leaky ReLU multiplies its input by; null where it is none. */
function constantFactor({ formula }: Scalar): string | null {
  if (!formula || !isApply(formula, "*")) return null;
  const [n, x] = formula.of;
  const isConstant = formula.of.length === 2 && n?.kind === "number" && x?.kind === "symbol";
  return isConstant ? significant(n.value, 4).replace("-", "−") : null;
}

function other(operation: string): GateWords {
  const said = operation.replaceAll("_", " ");
  return {
    sign: said,
    forward: `{y} is computed from {inputs}: ${said}.`,
    backward: "Each input gets the error signal times its local derivative.",
  };
}

function joined(names: readonly string[]): string {
  const most = names.slice(0, -1);
  return most.length ? `${most.join(", ")} and ${names.at(-1)}` : (names[0] ?? "constants");
}
