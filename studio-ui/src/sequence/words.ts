// One sentence for each part of the view, and for each row of its pictures.

import type { GLOSSARY } from "../shell/glossary";

export const TERMS: Readonly<Record<string, keyof typeof GLOSSARY>> = {
  input: "input gate",
  forget: "forget gate",
  candidate: "candidate",
  output: "output gate",
  cell: "cell state",
  hidden: "hidden state",
  reset: "reset gate",
  update: "update gate",
};

/** The rows of a recurrent layer in the order in which a step computes them. */
const ORDER = ["forget", "reset", "update", "input", "candidate", "cell", "output", "hidden"];

export const inOrder = (names: readonly string[]): string[] =>
  [...names].sort((a, b) => ORDER.indexOf(a) - ORDER.indexOf(b));

/** Numbers between 0 and 1. */
export const GATES: ReadonlySet<string> = new Set(["input", "forget", "output", "reset", "update"]);

export const ROOT = "The color grows with the root of the size, so that small numbers are seen beside large ones.";
