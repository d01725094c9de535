// Formulas as plain text and as MathML, the same signs as clearprop/glass/equations/notation.py
// writes; a test compares the two.

import { MOST_DIGITS, significant } from "./digits";
import { type Expression, isApply } from "./expression";

/** How the parts of a formula are written. */
export interface Notation {
  readonly name: (name: string) => string;
  /** Writes digits without a sign. */
  readonly number: (digits: string) => string;
  readonly times: string;
  readonly minus: string;
  readonly plus: string;
  readonly brackets: (text: string) => string;
  /** Writes a fraction; null writes a slash. */
  readonly quotient: ((over: string, under: string) => string) | null;
  readonly power: (base: string, exponent: string) => string;
  readonly call: (name: string, of: readonly string[]) => string;
}

type Write = (value: number) => string;
type Written = readonly [text: string, rank: number, signed: boolean];

const [SUM, PRODUCT, POWER, ATOM] = [0, 1, 2, 3];

/** Write a formula with the names of its symbols, or with numbers in their place. */
export function write(x: Expression, notation: Notation, numbers: Write | null = null): string {
  return new Writer(notation, numbers).write(x, SUM, true);
}

/** Write a number that may be negative. */
export function signed(digits: string, notation: Notation): string {
  return digits.startsWith("-")
    ? notation.minus + notation.number(digits.slice(1))
    : notation.number(digits);
}

class Writer {
  constructor(
    readonly notation: Notation,
    readonly numbers: Write | null,
  ) {}

  /** Write a formula, in brackets where the formula around it binds more strongly. */
  write(x: Expression, within: number, first: boolean): string {
    const [text, rank, isSigned] = this.#written(x, first);
    return within > rank || (isSigned && !first) ? this.notation.brackets(text) : text;
  }

  #written(x: Expression, first: boolean): Written {
    const n = this.notation;
    if (x.kind === "number") return this.#number(significant(x.value, MOST_DIGITS - 1));
    if (x.kind === "symbol") {
      return this.numbers ? this.#number(this.numbers(x.value)) : [n.name(x.name), ATOM, false];
    }
    const [a, b] = x.of;
    switch (x.operation) {
      case "+":
        return [this.#sum(x.of), SUM, hasSign(a!)];
      case "*": {
        const written = x.of.map((factor, i) => this.#factor(factor, first && i === 0));
        return [written.join(n.times), PRODUCT, written[0]!.startsWith(n.minus)];
      }
      case "neg":
        return [n.minus + this.write(a!, PRODUCT, false), PRODUCT, true];
      case "/":
        return this.#quotient(a!, b!, first);
      case "^": {
        const exponent = this.write(b!, n.quotient ? SUM : ATOM, n.quotient !== null);
        return [n.power(this.write(a!, ATOM, false), exponent), POWER, false];
      }
    }
    return [n.call(x.operation, x.of.map((one) => this.write(one, SUM, true))), ATOM, false];
  }

  #number(digits: string): Written {
    const isNegative = digits.startsWith("-");
    const isProduct = isNegative || (digits.includes("e") && this.notation !== TEXT);
    return [signed(digits, this.notation), isProduct ? PRODUCT : ATOM, isNegative];
  }

  #factor(x: Expression, first: boolean): string {
    return this.write(x, this.notation.quotient || first ? PRODUCT : POWER, first);
  }

  #sum(terms: readonly Expression[]): string {
    const { minus, plus } = this.notation;
    const spaced = minus === "-" ? ` ${minus} ` : minus;
    let text = this.write(terms[0]!, PRODUCT, true);
    for (const term of terms.slice(1)) {
      if (isApply(term, "neg")) {
        text += spaced + this.write(term.of[0]!, PRODUCT, false);
        continue;
      }
      const isLeaf = term.kind !== "apply";
      const written = this.write(term, PRODUCT, isLeaf);
      const isNegative = isLeaf && written.startsWith(minus);
      text += isNegative ? spaced + written.slice(minus.length) : plus + written;
    }
    return text;
  }

  #quotient(x: Expression, y: Expression, first: boolean): Written {
    const { quotient } = this.notation;
    if (!quotient) {
      const over = this.write(x, PRODUCT, first);
      return [`${over} / ${this.write(y, POWER, false)}`, PRODUCT, over.startsWith("-")];
    }
    return [quotient(this.write(x, SUM, true), this.write(y, SUM, true)), PRODUCT, false];
  }
}

function hasSign(x: Expression): boolean {
  return x.kind === "number" ? x.value < 0 : isApply(x, "neg");
}

// --- plain text ----------------------------------------------------------------------------------

export const TEXT: Notation = {
  name: (name) => name,
  number: (digits) => digits,
  times: " * ",
  minus: "-",
  plus: " + ",
  brackets: (text) => `(${text})`,
  quotient: null,
  power: (base, exponent) => `${base}^${exponent}`,
  call: (name, of) => `${name}(${of.join(", ")})`,
};

// --- MathML --------------------------------------------------------------------------------------

const NAME = /^([A-Za-z_]*[A-Za-z])(\d*)(?:\[([^\]]*)\])?('*)$/;
const DERIVATIVE = /^d([A-Za-z]\w*(?:\[[^\]]*\])?)\/d([A-Za-z_]\w*(?:\[[^\]]*\])?)/;
const GREEK: Readonly<Record<string, string>> = { eta: "η", sigma: "σ", delta: "δ", epsilon: "ε" };
const ESCAPED: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&#34;",
  "'": "&#39;",
};

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => ESCAPED[sign] ?? sign);
}

function row(text: string): string {
  return `<mrow>${text}</mrow>`;
}

/** A symbol's name, such as h1, y[0,2] or dE/dh1. */
export function mathmlName(name: string): string {
  const derived = DERIVATIVE.exec(name);
  if (derived) {
    const [all, of = "", by = ""] = derived;
    const over = row(`<mo>∂</mo>${mathmlName(of)}`);
    return `<mfrac>${over}${row(`<mo>∂</mo>${mathmlName(by + name.slice(all.length))}`)}</mfrac>`;
  }
  const [, stem = name, digits = "", index = "", primes = ""] = NAME.exec(name) ?? [];
  const below = [digits, index].filter((part) => part).join(";");
  let letters = `<mi>${escaped(GREEK[stem] ?? stem)}</mi>`;
  if (below) letters = `<msub>${letters}<mn>${escaped(below)}</mn></msub>`;
  return primes ? `<msup>${letters}<mo>${"′".repeat(primes.length)}</mo></msup>` : letters;
}

function mathmlNumber(digits: string): string {
  const [mantissa = "", power = ""] = digits.replace("inf", "∞").split("e");
  if (!power) return `<mn>${mantissa}</mn>`;
  const sign = power.startsWith("-") ? "<mo>−</mo>" : "";
  const exponent = row(`${sign}<mn>${power.replace("-", "")}</mn>`);
  return `<mn>${mantissa}</mn><mo>·</mo><msup><mn>10</mn>${exponent}</msup>`;
}

function mathmlBrackets(text: string): string {
  return row(`<mo>(</mo>${row(text)}<mo>)</mo>`);
}

function mathmlCall(name: string, of: readonly string[]): string {
  const inside = of.join("<mo>,</mo>");
  if (name === "exp") return `<msup><mi>e</mi>${row(inside)}</msup>`;
  if (name === "sqrt") return `<msqrt>${inside}</msqrt>`;
  if (name === "abs") return row(`<mo>|</mo>${inside}<mo>|</mo>`);
  const operator = { sigmoid: "σ", log: "ln" }[name] ?? name;
  return `<mi>${escaped(operator)}</mi>${mathmlBrackets(inside)}`;
}

export const MATHML: Notation = {
  name: mathmlName,
  number: mathmlNumber,
  times: "<mo>·</mo>",
  minus: "<mo>−</mo>",
  plus: "<mo>+</mo>",
  brackets: mathmlBrackets,
  quotient: (over, under) => `<mfrac>${row(over)}${row(under)}</mfrac>`,
  power: (base, exponent) => `<msup>${row(base)}${row(exponent)}</msup>`,
  call: mathmlCall,
};
