// The kinds of mistakes in an exercise, and what they mean.
// Written by `python -m tools.studio_types` from clearprop/glass/equations/mistakes.py: change that file and run the
// command again; a test compares the two.

export const KINDS: Readonly<Record<string, string>> = {
  "sign": "the other sign",
  "derivative": "the derivative of the activation",
  "transposed": "a matrix read with rows and columns exchanged",
  "update": "the update of a weight",
  "missing": "a missing factor, term or function",
  "first pass": "old values in the second pass",
  "factor 2": "a factor of 2",
  "rounding": "rounded too early",
  "digits": "too few digits",
  "other quantity": "the value of another quantity",
  "no number": "no number",
  "unknown": "not explained"
};
