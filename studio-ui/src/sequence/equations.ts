// The equations of one unit of a recurrent layer at one step, forward and backward, with its numbers.

import { number } from "../drawing/numbers";
import { at, STATES, type Layer, type Table } from "./picture";

export interface Line {
  /** What it is the equation of, such as "c". */
  readonly name: string;
  readonly formula: string;
  readonly numbers: string;
  readonly value: number;
}

export interface UnitEquations {
  readonly forward: readonly Line[];
  readonly backward: readonly Line[];
}

/** Letters as in the equations of the documentation. */
export const LETTERS: Readonly<Record<string, string>> = {
  input: "i",
  forget: "f",
  candidate: "g",
  output: "o",
  cell: "c",
  hidden: "h",
  reset: "r",
  update: "z",
};

export const letterOf = (kind: string, name: string) => (kind === "GRU" && name === "candidate" ? "n" : (LETTERS[name] ?? name));

const ORDER: Readonly<Record<string, readonly string[]>> = {
  LSTM: ["input", "forget", "candidate", "output"],
  GRU: ["reset", "update", "candidate"],
  RNN: ["hidden"],
};

const n = (x: number) => number(x, 3);
/** A number as a factor or a later term: in brackets where it is negative. */
const b = (x: number) => (x < 0 ? `(${n(x)})` : n(x));

/** What a unit has at a step, by name. */
class Unit {
  readonly layer: Layer;
  readonly unit: number;
  readonly step: number;

  constructor(layer: Layer, unit: number, step: number) {
    this.layer = layer;
    this.unit = unit;
    this.step = step;
  }

  value = (name: string, later = 0) => (this.step + later < 0 ? this.#first(name) : this.#of(this.layer.values.get(name), later));
  error = (name: string, later = 0) => this.#of(this.layer.errors.get(name), later);
  direct = () => this.#of(this.layer.direct ?? undefined, 0);

  get isLast(): boolean {
    return this.step + 1 >= (this.layer.values.get("hidden")?.rows ?? 0);
  }

  /** The two sums of a gate: from the input, and from the hidden state before. */
  sums(name: string): readonly [number, number] {
    const { kind, units } = this.layer.about;
    const column = Math.max(0, ORDER[kind]?.indexOf(name) ?? 0) * units + this.unit;
    const of = (table: Table | null) => (table ? at(table, this.step, column) : NaN);
    return [of(this.layer.fromInput), of(this.layer.fromHidden)];
  }

  #of(table: Table | undefined, later: number): number {
    const row = this.step + later;
    if (!table) return NaN;
    return row >= table.rows ? 0 : at(table, row, this.unit);
  }

  /** The state before the first step. */
  #first(name: string): number {
    const { before } = this.layer;
    return before ? at(before, STATES.indexOf(name), this.unit) : NaN;
  }
}

/** The equations of a unit; null where those of the layer are others, as with peepholes or in a layer of the user's own. */
export function equationsOf(layer: Layer, unit: number, step: number): UnitEquations | null {
  if (!layer.fromInput || !layer.fromHidden) return null;
  const one = new Unit(layer, unit, step);
  const { kind, form } = layer.about;
  if (kind === "LSTM") return lstm(one);
  if (kind === "GRU") return gru(one, form === "before");
  return kind === "RNN" ? rnn(one, form) : null;
}

function gate(one: Unit, name: string, letter: string): Line {
  const [x, h] = one.sums(name);
  const f = name === "candidate" ? "tanh" : "σ";
  const value = one.value(name);
  return { name: letter, formula: `${f}(x W + b + h′ U)`, numbers: `${f}(${n(x)} + ${b(h)}) = ${f}(${n(x + h)})`, value };
}

/** dE/dh = the part from the layers above + the part from the next step. */
function hiddenError(one: Unit): Line {
  const [error, direct] = [one.error("hidden"), one.direct()];
  const isAlone = one.isLast && error === direct;
  return {
    name: "dE/dh",
    formula: `from above${isAlone ? "" : one.isLast ? " + from the state after the text" : " + from the next step"}`,
    numbers: isAlone ? n(direct) : `${n(direct)} + ${b(error - direct)}`,
    value: error,
  };
}

/** The error signal of the sum inside a gate: that of the gate times the local derivative. */
function sumError(one: Unit, name: string, letter: string): Line {
  const [error, value] = [one.error(name), one.value(name)];
  const isTanh = name === "candidate";
  return {
    name: `dE/d(sum of ${letter})`,
    formula: isTanh ? `dE/d${letter} · (1 − ${letter}²)` : `dE/d${letter} · ${letter} (1 − ${letter})`,
    numbers: isTanh ? `${b(error)} · (1 − ${b(value)}²)` : `${b(error)} · ${b(value)} · (1 − ${b(value)})`,
    value: error * (isTanh ? 1 - value * value : value * (1 - value)),
  };
}

function lstm(one: Unit): UnitEquations {
  const [i, f, g, o] = [one.value("input"), one.value("forget"), one.value("candidate"), one.value("output")];
  const [c, before, h] = [one.value("cell"), one.value("cell", -1), one.value("hidden")];
  const [dh, dc] = [one.error("hidden"), one.error("cell")];
  const [later, kept] = [one.error("cell", 1), one.value("forget", 1)];
  const squashed = Math.fround(Math.tanh(c)); // of 32 bits, as in the pass
  const inside = dh * o * (1 - squashed * squashed);
  // The state after the last step may be read too, such as by a decoder.
  const after = dc - inside;
  const isReadAfter = one.isLast && Math.abs(after) > 1e-5 * Math.max(Math.abs(dc), Math.abs(inside));
  const product = (name: string, formula: string, left: number, right: number): Line => ({
    name,
    formula,
    numbers: `${b(left)} · ${b(right)}`,
    value: left * right,
  });
  return {
    forward: [
      gate(one, "input", "i"),
      gate(one, "forget", "f"),
      gate(one, "candidate", "g"),
      gate(one, "output", "o"),
      { name: "c", formula: "f c′ + i g", numbers: `${b(f)} · ${b(before)} + ${b(i)} · ${b(g)}`, value: c },
      { name: "h", formula: "o tanh(c)", numbers: `${b(o)} · tanh(${n(c)})`, value: h },
    ],
    backward: [
      hiddenError(one),
      {
        name: "dE/dc",
        formula: `dE/dh · o (1 − tanh² c)${isReadAfter ? " + from the state after the text" : one.isLast ? "" : " + dE/dc⁺ · f⁺"}`,
        numbers: isReadAfter ? `${n(inside)} + ${b(after)}` : one.isLast ? n(inside) : `${n(inside)} + ${b(later)} · ${b(kept)}`,
        value: dc,
      },
      product("dE/do", "dE/dh · tanh(c)", dh, squashed),
      product("dE/df", "dE/dc · c′", dc, before),
      product("dE/di", "dE/dc · g", dc, g),
      product("dE/dg", "dE/dc · i", dc, i),
      sumError(one, "input", "i"),
      sumError(one, "forget", "f"),
      sumError(one, "candidate", "g"),
      sumError(one, "output", "o"),
      product("back to c′", "dE/dc · f", dc, f),
    ],
  };
}

function gru(one: Unit, isBefore: boolean): UnitEquations {
  const [r, z, m] = [one.value("reset"), one.value("update"), one.value("candidate")];
  const [h, before] = [one.value("hidden"), one.value("hidden", -1)];
  const [dh, dm] = [one.error("hidden"), one.error("candidate")];
  const [x, u] = one.sums("candidate");
  const da = dm * (1 - m * m);
  return {
    forward: [
      gate(one, "reset", "r"),
      gate(one, "update", "z"),
      isBefore
        ? { name: "n", formula: "tanh(x W + b + (r h′) U)", numbers: `tanh(${n(x)} + ${b(u)})`, value: m }
        : { name: "n", formula: "tanh(x W + b + r (h′ U + d))", numbers: `tanh(${n(x)} + ${b(r)} · ${b(u)})`, value: m },
      { name: "h", formula: "(1 − z) n + z h′", numbers: `(1 − ${b(z)}) · ${b(m)} + ${b(z)} · ${b(before)}`, value: h },
    ],
    backward: [
      hiddenError(one),
      { name: "dE/dn", formula: "dE/dh · (1 − z)", numbers: `${b(dh)} · (1 − ${b(z)})`, value: dm },
      { name: "dE/dz", formula: "dE/dh · (h′ − n)", numbers: `${b(dh)} · (${n(before)} − ${b(m)})`, value: one.error("update") },
      { name: "dE/d(sum of n)", formula: "dE/dn · (1 − n²)", numbers: `${b(dm)} · (1 − ${b(m)}²)`, value: da },
      isBefore
        ? { name: "dE/dr", formula: "(dE/d(sums of n) Uᵀ) · h′", numbers: `… · ${b(before)}`, value: one.error("reset") }
        : { name: "dE/dr", formula: "dE/d(sum of n) · (h′ U + d)", numbers: `${b(da)} · ${b(u)}`, value: one.error("reset") },
      sumError(one, "reset", "r"),
      sumError(one, "update", "z"),
      { name: "back to h′", formula: "dE/dh · z, and through the sums", numbers: `${b(dh)} · ${b(z)} + …`, value: dh * z },
    ],
  };
}

function rnn(one: Unit, form: string): UnitEquations {
  const [x, u] = one.sums("hidden");
  const [h, dh] = [one.value("hidden"), one.error("hidden")];
  const isTanh = form !== "relu";
  const slope = isTanh ? 1 - h * h : h > 0 ? 1 : 0;
  return {
    forward: [
      { name: "h", formula: `${isTanh ? "tanh" : "relu"}(x W + b + h′ U)`, numbers: `${isTanh ? "tanh" : "relu"}(${n(x)} + ${b(u)})`, value: h },
    ],
    backward: [
      hiddenError(one),
      {
        name: "dE/d(sum)",
        formula: isTanh ? "dE/dh · (1 − h²)" : "dE/dh where h > 0, else 0",
        numbers: `${b(dh)} · ${isTanh ? `(1 − ${b(h)}²)` : n(slope)}`,
        value: dh * slope,
      },
    ],
  };
}
