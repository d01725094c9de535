// The links of a pass, the order of the sweep, and everything that can be asked: what
// clearprop/studio/backward/flow.py has of a network.

import { type Expression, isApply, joined, product, sum, symbol } from "../../dense/formulas/expression";
import { type DensePass, type Scalar, update } from "./dense_pass";
import type { KeyLine } from "./grading";

export interface FlowLink {
  readonly source: number;
  readonly user: number;
  readonly slope: number | null;
  readonly formula: Expression | null;
}

/** What the sweep does at one operation: it hands its error signal on through links. */
export interface Visit {
  readonly user: number;
  readonly links: readonly number[];
  /** The numbers whose error signals are complete after it. */
  readonly complete: readonly number[];
}

export class Flow {
  readonly scalars: readonly Scalar[];
  readonly links: readonly FlowLink[];
  readonly visits: readonly Visit[];
  /** The links through which each error signal arrives, in the order of the sweep. */
  readonly arriving: readonly (readonly number[])[];

  constructor(
    readonly pass: DensePass,
    readonly rate: number,
  ) {
    this.scalars = pass.scalars;
    this.links = pass.scalars.flatMap(({ inputs }, user) => inputs.map((one) => ({ ...one, user })));
    this.visits = this.#sweep();
    const arriving = this.scalars.map((): number[] => []);
    for (const { links } of this.visits) {
      for (const link of links) arriving[this.links[link]!.source]!.push(link);
    }
    this.arriving = arriving;
  }

  #sweep(): Visit[] {
    const ofUser = new Map<number, number[]>();
    const missing = new Map<number, number>();
    this.links.forEach(({ source, user, slope }, number) => {
      if (slope === null) return;
      ofUser.set(user, [...(ofUser.get(user) ?? []), number]);
      missing.set(source, (missing.get(source) ?? 0) + 1);
    });
    const computed = this.scalars.flatMap(({ operation }, place) => (operation ? [place] : []));
    const order = computed.sort((a, b) => this.scalars[b]!.tape - this.scalars[a]!.tape || a - b);
    return order.map((user) => {
      const links = ofUser.get(user) ?? [];
      const complete: number[] = [];
      for (const link of links) {
        const { source } = this.links[link]!;
        missing.set(source, missing.get(source)! - 1);
        if (missing.get(source) === 0) complete.push(source);
      }
      return { user, links, complete };
    });
  }

  name(place: number): string {
    return this.scalars[place]!.name;
  }

  errorName(place: number): string {
    return `dE/d${this.name(place)}`;
  }

  error(place: number): Expression {
    return symbol(this.errorName(place), this.scalars[place]!.error);
  }

  slope(link: FlowLink): Expression & { readonly kind: "symbol" } {
    const name = `d${this.name(link.user)}/d${this.name(link.source)}`;
    return { kind: "symbol", name, value: link.slope ?? NaN };
  }

  /** The formula of a local derivative; without one, its symbol. */
  factor(link: FlowLink): Expression {
    return link.formula ?? this.slope(link);
  }

  /** Error signal times local derivative, both as symbols. */
  chain(link: FlowLink): Expression {
    return joined("*", [this.error(link.user), this.slope(link)]);
  }

  /** Error signal times the formula of the local derivative, also where that is 1. */
  written(link: FlowLink): Expression {
    const factor = this.factor(link);
    const factors = isApply(factor, "*") ? factor.of : [factor];
    return joined("*", [this.error(link.user), ...factors]);
  }

  /** What a link hands back. */
  passed(link: FlowLink): number {
    return this.scalars[link.user]!.error * (link.slope ?? NaN);
  }

  partName(link: FlowLink): string {
    return `${this.errorName(link.source)} through ${this.name(link.user)}`;
  }

  /** The places of the weights and biases, which the step of gradient descent changes. */
  get changing(): readonly number[] {
    return this.scalars.flatMap(({ kind }, place) =>
      kind === "weight" || kind === "bias" ? [place] : [],
    );
  }

  // --- questions -----------------------------------------------------------------------------------

  /** Everything that can be asked on the way through the steps, with numbered gaps. */
  key(): KeyLine[] {
    return numbered([
      ...this.given(),
      ...this.forwardLines().map((line) => ({ ...line, about: "" })),
      ...this.#backwardLines(),
      ...this.updateLines(),
    ]);
  }

  given(): Line[] {
    return this.scalars.flatMap(({ name, value, operation, about }) =>
      operation ? [] : [{ name, value, formula: null, about }],
    );
  }

  forwardLines(): Line[] {
    return this.scalars.flatMap(({ name, value, operation, formula, about }) =>
      operation ? [{ name, value, formula, about: about ? `${about}, ${operation}` : operation }] : [],
    );
  }

  /** The parts and the sums of all error signals, in the order of the sweep. */
  *#backwardLines(): Generator<Line> {
    const arrived = new Map<number, Expression[]>();
    for (const { links } of this.visits) {
      for (const number of links) {
        const link = this.links[number]!;
        const { source } = link;
        const slope = this.slope(link);
        if (!link.formula) yield { name: slope.name, value: slope.value, formula: null, about: "" };
        const part = product(this.error(link.user), this.factor(link));
        const { error } = this.scalars[source]!;
        if (this.arriving[source]!.length === 1) {
          yield { name: this.errorName(source), value: error, formula: part, about: "" };
          continue;
        }
        const [name, passed] = [this.partName(link), this.passed(link)];
        yield { name, value: passed, formula: part, about: "" };
        const before = [...(arrived.get(source) ?? []), symbol(name, passed)];
        arrived.set(source, before);
        if (before.length === this.arriving[source]!.length) {
          yield { name: this.errorName(source), value: error, formula: sum(...before), about: "" };
        }
      }
    }
  }

  updateLines(): Line[] {
    return this.changing.map((place) => {
      const scalar = this.scalars[place]!;
      const value = scalar.value - this.rate * scalar.error;
      return { name: `${scalar.name}'`, value, formula: update(scalar, this.rate), about: "" };
    });
  }
}

export type Line = Omit<KeyLine, "gap" | "value"> & { readonly value: number };

/** The lines with their computed quantities numbered from 1. */
export function numbered(lines: readonly Line[]): KeyLine[] {
  let gap = 0;
  return lines.map((line) => ({
    ...line,
    value: Number.isFinite(line.value) ? line.value : null,
    gap: line.formula ? ++gap : 0,
  }));
}
