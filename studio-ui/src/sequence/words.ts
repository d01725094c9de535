// One sentence for each part of the view, and for each row of its pictures.

import type { GLOSSARY } from "../shell/glossary";
import type { Layer } from "./picture";

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

/** What a recurrent layer is called beside the others: its number among several, and which call of it. */
export function titleOf({ about }: Layer, layers: readonly Layer[]): string {
  const names = [...new Set(layers.map((one) => nameOf(one.about)))];
  const number = names.length > 1 ? ` layer ${names.indexOf(nameOf(about)) + 1}` : "";
  const isRepeated = layers.some((one) => one.about.path === about.path && one.about.call > 0);
  return `${about.kind}${number}${isRepeated ? `, call ${about.call + 1}` : ""}`;
}

const nameOf = ({ path, depth }: Layer["about"]) => `${path} ${depth}`;

/** Why a layer has no equations and no error signals of its gates. */
export const OTHER_STEPS = "the layer has peepholes, a mask, a truncation or a step of its own, so its equations are others";

/** A place of the text in words. */
export const placeName = (place: number, tokens: readonly string[]) => `place ${place}, ${tokens[place] ?? ""}`;

/** Numbers between 0 and 1. */
export const GATES: ReadonlySet<string> = new Set(["input", "forget", "output", "reset", "update"]);

export const ROOT = "The color grows with the root of the size, so that small numbers are seen beside large ones.";
