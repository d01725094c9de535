// A small pass for tests: f = (x + y) * z at x = -2, y = 5, z = -4.

import type { PassLink, PassNode, PassStep, PassTrace, WrittenEquation, WrittenNumber } from "./messages";

export function number(value: number): WrittenNumber {
  return { value, text: String(value), mathml: `<mn>${value}</mn>` };
}

function equation(name: string, side: string, value: number): WrittenEquation {
  const text = `${name} = ${side} = ${value}`;
  return {
    name: `<mi>${name}</mi>`,
    symbols: [`<mi>${side}</mi>`],
    numbers: null,
    result: number(value),
    text,
    question: `${name} = ${side}`,
  };
}

function node(name: string, value: number, error: number, column: number, row: number, side = ""): PassNode {
  return {
    name,
    label: `<mi>${name}</mi>`,
    kind: side ? "gate" : "input",
    operation: side ? "add" : "",
    sign: side ? "+" : name,
    about: "",
    tape: 0,
    value: number(value),
    error: number(error),
    forward: side ? equation(name, side, value) : null,
    total: null,
    column,
    row,
    changes: false,
  };
}

function link(source: number, user: number, passed: number): PassLink {
  const slope = number(1);
  const chain = equation("d", "e", passed);
  return { source, user, slope, passed: number(passed), local: chain, backward: chain };
}

function step(changes: Partial<PassStep>): PassStep {
  return { phase: "forward", node: null, links: [], complete: [], sentence: "", questions: [], ...changes };
}

/** Nodes: x 0, y 1, z 2, q 3, f 4. */
export const EXAMPLE: PassTrace = {
  title: "A product of a sum",
  intro: [],
  notes: [],
  digits: 4,
  detail: "gates",
  details: ["gates"],
  without: "",
  number: 1,
  result: 4,
  rate: null,
  nodes: [
    node("x", -2, -4, 0, 0),
    node("y", 5, -4, 0, 1),
    node("z", -4, 3, 1, 2),
    node("q", 3, -4, 1, 0.5, "x + y"),
    node("f", -12, 1, 2, 1, "q * z"),
  ],
  links: [link(0, 3, -4), link(1, 3, -4), link(3, 4, -4), link(2, 4, 3)],
  units: [],
  wires: [],
  steps: [
    step({ phase: "start", sentence: "These numbers are given." }),
    step({
      node: 3,
      links: [0, 1],
      sentence: "The gate adds x and y.",
      questions: [{ gap: 1, name: "q", label: "", node: 3, asked: "value", link: null }],
    }),
    step({
      node: 4,
      links: [2, 3],
      questions: [{ gap: 2, name: "f", label: "", node: 4, asked: "value", link: null }],
    }),
    step({ phase: "seed", node: 4, complete: [4] }),
    step({
      phase: "backward",
      node: 4,
      links: [2, 3],
      complete: [3, 2],
      questions: [
        { gap: 3, name: "df/dq", label: "", node: 3, asked: "error", link: null },
        { gap: 4, name: "df/dz", label: "", node: 2, asked: "error", link: null },
      ],
    }),
    step({ phase: "backward", node: 3, links: [0, 1], complete: [0, 1] }),
  ],
  changes: [],
  outputs: [],
};
