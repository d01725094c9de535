// A pass of a dense network as the page draws it, with every number written out: what
// clearprop/studio/backward/trace.py makes of it, one circle for each neuron.

import type {
  PassLink,
  PassNode,
  PassOutput,
  PassQuestion,
  PassStep,
  PassTrace,
  SentNetwork,
  WeightChange,
  WrittenEquation,
  WrittenNumber,
} from "../../backward/messages";
import { significant } from "../../dense/formulas/digits";
import { type Expression, joined, symbol } from "../../dense/formulas/expression";
import { MATHML, mathmlName, type Notation, signed, TEXT, write } from "../../dense/formulas/notation";
import { densePass, type Scalar, stepped } from "./dense_pass";
import { Flow, type FlowLink } from "./flow";
import type { KeyLine } from "./grading";
import { neurons } from "./neurons";
import { gateWords } from "./words";

const START = "These numbers are given. The pass computes all others, one gate after the other.";
const INTRO =
  "The loss is that of one example, without penalties and dropout. The step after the pass is plain gradient descent with the learning rate of the settings.";
const WITHOUT = "Gate by gate it is shown by the installed clearprop.";

export function writtenNumber(value: number, digits: number): WrittenNumber {
  const text = significant(value, digits);
  const mathml = `<mrow>${signed(text, MATHML)}</mrow>`;
  return { value: Number.isFinite(value) ? value : null, text, mathml };
}

/** The right sides of an equation, without repetitions. */
function sides(
  formulas: readonly Expression[],
  notation: Notation,
  numbers: ((value: number) => string) | null,
  result: string,
): string[] {
  const all = formulas.map((formula) => write(formula, notation));
  all.push(...formulas.slice(-1).map((formula) => write(formula, notation, numbers)));
  all.push(signed(result, notation));
  return all.filter((side, i) => i === 0 || side !== all[i - 1]);
}

/** Where a number comes from, for someone who does not know the paths of a model. */
export function inWords(about: string): string {
  const [, path, i, u] = /^(.+)\.weight\[(\d+),(\d+)\]$/.exec(about) ?? [];
  if (path) return `weight of ${path}, from input ${Number(i) + 1} to unit ${Number(u) + 1}`;
  const [, of, unit] = /^(.+)\.bias\[(\d+)\]$/.exec(about) ?? [];
  return of ? `bias of ${of}, unit ${Number(unit) + 1}` : about;
}

export interface Traced {
  readonly trace: PassTrace;
  readonly flow: Flow;
  readonly key: readonly KeyLine[];
}

/** The pass of a network with an example; `number` of 2 is the pass after one step. */
export function traced(sent: SentNetwork, digits: number, number: number): Traced {
  let now = sent;
  for (let earlier = 1; earlier < number; earlier++) now = stepped(now);
  const flow = new Flow(densePass(now), now.learning_rate);
  const again = new Flow(densePass(stepped(now)), now.learning_rate);
  const key = flow.key();
  const writer = new TraceWriter(flow, again, key, digits, now.features);
  return { trace: writer.trace(number), flow, key };
}

class TraceWriter {
  readonly #gaps: ReadonlyMap<string, number>;

  constructor(
    readonly flow: Flow,
    readonly again: Flow,
    key: readonly KeyLine[],
    readonly digits: number,
    readonly features: readonly string[],
  ) {
    this.#gaps = new Map(key.map(({ name, gap }) => [name, gap]));
  }

  trace(number: number): PassTrace {
    const { flow } = this;
    return {
      title: "The network of the playground",
      intro: [INTRO],
      notes: [],
      digits: this.digits,
      detail: "neurons",
      details: ["neurons"],
      without: WITHOUT,
      number,
      result: flow.pass.result,
      rate: this.#number(flow.rate),
      nodes: flow.scalars.map((scalar, place) => this.#node(scalar, place)),
      links: flow.links.map((link) => this.#link(link)),
      ...neurons(flow),
      steps: [...this.#steps()],
      changes: this.#changes(),
      outputs: this.#outputs(),
    };
  }

  #number(value: number): WrittenNumber {
    return writtenNumber(value, this.digits);
  }

  /** An equation; a quantity without a name has a formula in its place. */
  #equation(name: string | Expression, formulas: readonly Expression[], value: number): WrittenEquation {
    const result = this.#number(value);
    const numbers = (one: number) => significant(one, this.digits);
    const written = (notation: Notation): EquationSides => {
      const symbols = sides(formulas, notation, null, result.text).slice(0, -1);
      const every = sides(formulas, notation, numbers, result.text);
      const title = typeof name === "string" ? notation.name(name) : write(name, notation);
      return { title, symbols, numbers: every.length > symbols.length + 1 ? every.at(-2)! : null };
    };
    const [mathml, text] = [written(MATHML), written(TEXT)];
    const question = [text.title, ...text.symbols].join(" = ");
    return {
      name: mathml.title,
      symbols: mathml.symbols,
      numbers: mathml.numbers,
      result,
      text: [question, ...(text.numbers ? [text.numbers] : []), result.text].join(" = "),
      question,
    };
  }

  // --- nodes and links -------------------------------------------------------------------------------

  #node(scalar: Scalar, place: number): PassNode {
    const { flow } = this;
    const { name, kind, operation, about, tape, value, error, formula } = scalar;
    const isWeight = kind === "weight" || kind === "bias";
    const input = kind === "input" ? Number(name.slice(1)) - 1 : -1;
    return {
      name,
      label: mathmlName(name),
      kind: place === flow.pass.result ? "result" : operation ? "gate" : isWeight ? "weight" : (kind as "input" | "target"),
      operation,
      sign: operation ? this.#words(place).sign : name,
      about: this.features[input] ?? inWords(about),
      tape,
      value: this.#number(value),
      error: kind === "target" ? null : this.#number(error),
      forward: operation && formula ? this.#equation(name, [formula], value) : null,
      total: this.#total(place),
      column: 0,
      row: 0,
      changes: isWeight,
    };
  }

  #words(place: number) {
    const { inputs } = this.flow.scalars[place]!;
    return gateWords(this.flow.scalars[place]!, inputs.map(({ source }) => this.flow.name(source)));
  }

  /** The sum of what arrives, where that is more than one part. */
  #total(place: number): WrittenEquation | null {
    const { flow } = this;
    const found = flow.arriving[place]!.map((number) => flow.links[number]!);
    if (found.length < 2) return null;
    const parts = joined("+", found.map((link) => symbol("", flow.passed(link))));
    const chain = joined("+", found.map((link) => flow.chain(link)));
    const made = this.#equation(flow.errorName(place), [chain], flow.scalars[place]!.error);
    const numbers = (value: number) => significant(value, this.digits);
    const said = [made.question, write(parts, TEXT, numbers), made.result.text].join(" = ");
    return { ...made, numbers: write(parts, MATHML, numbers), text: said };
  }

  #link(link: FlowLink): PassLink {
    const { flow } = this;
    const { source, user, slope } = link;
    if (slope === null) {
      return { source, user, slope: null, passed: null, local: null, backward: null };
    }
    const [passed, chain, written] = [flow.passed(link), flow.chain(link), flow.written(link)];
    const isAlone = flow.arriving[source]!.length === 1;
    return {
      source,
      user,
      slope: this.#number(slope),
      passed: this.#number(passed),
      local: this.#equation(flow.slope(link).name, [flow.factor(link)], slope),
      backward: isAlone
        ? this.#equation(flow.errorName(source), [chain, written], passed)
        : this.#equation(chain, [written], passed),
    };
  }

  // --- steps -----------------------------------------------------------------------------------------

  *#steps(): Generator<PassStep> {
    const { flow } = this;
    const nothing = { node: null, links: [], complete: [], questions: [] };
    yield { ...nothing, phase: "start", sentence: START };
    for (const [place, { operation }] of flow.scalars.entries()) {
      if (!operation) continue;
      const links = flow.links.flatMap(({ user }, number) => (user === place ? [number] : []));
      const phase = place === flow.pass.result ? "loss" : "forward";
      const questions = this.#questions([{ name: flow.name(place), node: place, asked: "value" }]);
      yield { phase, node: place, links, complete: [], sentence: this.#words(place).forward, questions };
    }
    const end = flow.pass.result;
    const sentence = "The backward pass begins at E: dE/dE = 1.";
    yield { ...nothing, phase: "seed", node: end, complete: [end], sentence };
    for (const visit of flow.visits) yield this.#backward(visit.user, visit.links, visit.complete);
    yield this.#update();
  }

  #backward(user: number, links: readonly number[], complete: readonly number[]): PassStep {
    const { flow } = this;
    const asked: Asked[] = [];
    for (const number of links) {
      const { source } = flow.links[number]!;
      const whole: Asked = { name: flow.errorName(source), node: source, asked: "error" };
      const ways = flow.arriving[source]!;
      if (ways.length > 1) {
        const name = flow.partName(flow.links[number]!);
        asked.push({ name, node: source, asked: "error", link: number });
      }
      if (ways.at(-1) === number) asked.push(whole);
    }
    const sentences = [this.#words(user).backward, ...links.flatMap((link) => this.#arrival(link))];
    const hasTarget = flow.scalars[user]!.inputs.some(
      ({ source }) => flow.scalars[source]!.kind === "target",
    );
    if (hasTarget) sentences.push("The target is a constant: no error signal goes to it.");
    const sentence = sentences.join(" ");
    return { phase: "backward", node: user, links, complete, sentence, questions: this.#questions(asked) };
  }

  /** A sentence about an input that is used more than once. */
  #arrival(number: number): string[] {
    const { source } = this.flow.links[number]!;
    const [ways, name] = [this.flow.arriving[source]!, this.flow.name(source)];
    if (ways.length < 2) return [];
    const seen = ways.indexOf(number) + 1;
    if (seen < ways.length) return [`This is part ${seen} of ${ways.length} for ${name}.`];
    const times = ways.length === 2 ? "twice" : `${ways.length} times`;
    return [`${name} is used ${times}: its error signal is the sum of all its parts.`];
  }

  #update(): PassStep {
    const asked = this.flow.changing.map((node): Asked => ({ name: `${this.flow.name(node)}'`, node, asked: "update" }));
    const sentence =
      "Each weight moves against its gradient: the new weight is the old one minus the learning rate times its error signal.";
    return { phase: "update", node: null, links: [], complete: [], sentence, questions: this.#questions(asked) };
  }

  #questions(asked: readonly Asked[]): PassQuestion[] {
    return asked.flatMap(({ name, node, asked: what, link = null }) => {
      const gap = this.#gaps.get(name);
      if (!gap) return [];
      const label =
        link === null
          ? mathmlName(name.split(" ")[0]!)
          : write(this.flow.chain(this.flow.links[link]!), MATHML);
      return [{ gap, name, label, node, asked: what, link }];
    });
  }

  #changes(): WeightChange[] {
    const lines = this.flow.updateLines();
    return this.flow.changing.map((node, i) => {
      const { name, formula, value } = lines[i]!;
      return { node, equation: this.#equation(name, [formula!], value) };
    });
  }

  #outputs(): PassOutput[] {
    const { outputs, result } = this.flow.pass;
    return [...outputs, result].map((place) => {
      const name = this.flow.name(place);
      const [before, after] = [this.flow, this.again].map((one) =>
        this.#number(one.scalars[place]!.value),
      );
      return { label: mathmlName(name), name, before: before!, after: after! };
    });
  }
}

interface EquationSides {
  readonly title: string;
  readonly symbols: readonly string[];
  readonly numbers: string | null;
}

interface Asked {
  readonly name: string;
  readonly node: number;
  readonly asked: PassQuestion["asked"];
  readonly link?: number;
}
