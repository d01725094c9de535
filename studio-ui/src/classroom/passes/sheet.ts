// The exercise of a pass of a dense network: the sections of a worked solution of the library
// (clearprop/glass/equations/solution.py), with gaps in the place of the results.

import type { ExerciseSheet, SentNetwork, SheetLine } from "../../backward/messages";
import { significant } from "../../dense/formulas/digits";
import { product, substitute, sum, symbol } from "../../dense/formulas/expression";
import { MATHML, mathmlName, signed, TEXT, write } from "../../dense/formulas/notation";
import { densePass, stepped } from "./dense_pass";
import { FEWEST_DIGITS } from "./filled";
import { Flow, type Line, numbered } from "./flow";
import type { KeyLine } from "./grading";
import { RATE } from "./mistakes";
import { inWords } from "./trace";

const HOW = `Give each number with the digits that you are sure of, at least ${FEWEST_DIGITS}. It is right if it is the true number, rounded to these digits. A number that follows from an earlier wrong one counts as well.`;

interface Section {
  readonly heading: string;
  readonly text: string;
  readonly lines: readonly Line[];
}

export interface Exercise {
  readonly sheet: ExerciseSheet;
  readonly key: readonly KeyLine[];
}

export function exercise(sent: SentNetwork, digits: number): Exercise {
  const flow = new Flow(densePass(sent), sent.learning_rate);
  const again = new Flow(densePass(stepped(sent)), sent.learning_rate);
  const sections = sectionsOf(flow, again);
  const key = numbered(sections.flatMap(({ lines }) => lines));
  let at = 0;
  const parts = sections.map(({ heading, text, lines }) => ({
    heading,
    text,
    lines: lines.map(() => shown(key[at++]!, digits)),
  }));
  const intro = ["The network of the playground as it is now, with the chosen example."];
  return { sheet: { title: "The network of the playground", intro, how: HOW, parts }, key };
}

function sectionsOf(flow: Flow, again: Flow): Section[] {
  const rate: Line = { name: RATE, value: flow.rate, formula: null, about: "learning rate" };
  return [
    {
      heading: "What is given",
      text: "The error is E. The step is meant to reduce it.",
      lines: [rate, ...flow.given()],
    },
    {
      heading: "Forward pass",
      text: "Each value follows from the values before it.",
      lines: flow.forwardLines(),
    },
    {
      heading: "Backward pass",
      text: "The error signal of a value v is dE/dv. It is a sum over all values that v is used for: the error signal of each times its local derivative by v.",
      lines: [...backwardLines(flow)],
    },
    {
      heading: "Update",
      text: "Gradient descent, w' = w - eta dE/dw, with the old values on the right.",
      lines: flow.updateLines(),
    },
    {
      heading: "Second forward pass",
      text: "The same computation with the new values.",
      lines: primed(again),
    },
  ];
}

/** The error signals that the weights need, each after those that it needs. */
function* backwardLines(flow: Flow): Generator<Line> {
  const { scalars, pass } = flow;
  // All numbers that depend on a weight or a bias.
  const wanted = new Set<number>();
  scalars.forEach(({ kind, inputs }, place) => {
    const isLearned = kind === "weight" || kind === "bias";
    if (isLearned || inputs.some(({ source }) => wanted.has(source))) wanted.add(place);
  });
  const users = scalars.map((): number[] => []);
  flow.links.forEach(({ source }, number) => users[source]!.push(number));
  const waiting = users.map((links) => links.length);
  const ready = [pass.result];
  for (let place = ready.shift(); place !== undefined; place = ready.shift()) {
    if (place !== pass.result) yield* errorLines(flow, place, users[place]!);
    // As on the library's sheets: the values that a sum reads first, then its weights.
    const isWeight = ({ source }: { source: number }) => scalars[source]!.kind === "weight";
    const inputs = scalars[place]!.inputs;
    for (const { source } of [...inputs.filter((one) => !isWeight(one)), ...inputs.filter(isWeight)]) {
      if (!wanted.has(source)) continue;
      waiting[source]! -= 1;
      if (waiting[source] === 0) ready.push(source);
    }
  }
}

function* errorLines(flow: Flow, place: number, links: readonly number[]): Generator<Line> {
  const terms = [];
  for (const number of links) {
    const link = flow.links[number]!;
    if (!link.formula) {
      const { name, value } = flow.slope(link);
      yield { name, value, formula: null, about: `given: the rule of ${flow.scalars[link.user]!.operation}` };
    }
    const isDirect = link.user === flow.pass.result;
    terms.push(isDirect ? flow.factor(link) : product(flow.error(link.user), flow.factor(link)));
  }
  const value = flow.scalars[place]!.error;
  yield { name: flow.errorName(place), value, formula: sum(...terms), about: "" };
}

/** The forward pass with the new values; a prime follows the names that change. */
function primed(again: Flow): Line[] {
  const fixed = new Set(
    again.scalars.flatMap(({ kind, name }) => (kind === "input" || kind === "target" ? [name] : [])),
  );
  return again.forwardLines().map((line) => ({
    ...line,
    name: `${line.name}'`,
    formula:
      line.formula &&
      substitute(line.formula, ({ name, value }) => symbol(fixed.has(name) ? name : `${name}'`, value)),
  }));
}

function shown({ gap, name, value, formula, about }: KeyLine, digits: number): SheetLine {
  const given = significant(value ?? NaN, digits);
  return {
    gap,
    name,
    label: mathmlName(name),
    formula: `<mrow>${formula ? write(formula, MATHML) : signed(given, MATHML)}</mrow>`,
    text: formula ? write(formula, TEXT) : given,
    about: inWords(about),
  };
}
