// The output of a network over the square as pixels: one number by its sign, or several classes by
// the one that is most probable.

import type { LayerPicture } from "../engine/picture";
import { css, hatched, mixed, NOT_FINITE, signedColor, tableOf, valueOf, type Color } from "./heat";
import { CLASS_COLORS, NEGATIVE, POSITIVE } from "./palette";

const PAPER: Color = [247, 247, 245];

/** What the numbers of the output mean. */
export interface OutputKind {
  /** How many classes; 0 for a regression. */
  readonly classes: number;
  /** Of the output layer: "tanh", "sigmoid", "log_softmax", or "identity" for logits and numbers. */
  readonly activation: string;
  /** Of a regression: the number that gets the full color. */
  readonly scale: number;
}

/** The color of a class: of two classes those of the signs. */
export function classColor(k: number, classes: number): Color {
  if (classes <= 2) return (k === 0 ? NEGATIVE[3] : POSITIVE[3]) ?? PAPER;
  return CLASS_COLORS[k % CLASS_COLORS.length] ?? PAPER;
}

/** The color of an example by its target. */
export function targetColor(target: number, kind: OutputKind): string {
  if (kind.classes > 0) return css(classColor(target, kind.classes));
  return css(signedColor(kind.scale > 0 ? target / kind.scale : 0));
}

/** One output as a number from -1 to 1: which side, and how surely. */
export function fractionOf(value: number, kind: OutputKind): number {
  if (kind.classes === 0) return value / (kind.scale || 1);
  if (kind.activation === "identity") return Math.tanh(value / 2);
  if (kind.activation === "sigmoid") return 2 * value - 1;
  return value;
}

/** The class with the largest output; null where an output is not finite, as no class is decided. */
export function decided(outputs: readonly number[]): number | null {
  return outputs.length > 0 && outputs.every(Number.isFinite)
    ? outputs.indexOf(Math.max(...outputs))
    : null;
}

/** Fill grid x grid pixels. `discrete` shows the decision alone. */
export function fillOutput(
  out: Uint32Array,
  layer: LayerPicture,
  kind: OutputKind,
  discrete: boolean,
): void {
  if (layer.units === 1) fillSigned(out, layer, kind, discrete);
  else fillClasses(out, layer, kind, discrete);
}

function fillSigned(out: Uint32Array, layer: LayerPicture, kind: OutputKind, discrete: boolean): void {
  const limit = layer.limit[0] ?? 0;
  // Colors are pale, so that the points stand out.
  const table = tableOf((part) => {
    const fraction = fractionOf(part * limit, kind);
    return signedColor((discrete ? (fraction < 0 ? -0.7 : 0.7) : Math.max(-1, Math.min(1, fraction))) * 0.62);
  });
  const size = layer.grid * layer.grid;
  for (let i = 0; i < size; i++) {
    const code = layer.heat[i] ?? NOT_FINITE;
    out[i] = code === NOT_FINITE ? hatched(i, layer.grid, table) : (table[code] ?? 0);
  }
}

const SHADES = 32;

/** Outputs y whose softmax gives the probabilities; that of log p is p itself. */
const LOGITS: ReadonlySet<string> = new Set(["identity", "log_softmax"]);

function fillClasses(out: Uint32Array, layer: LayerPicture, kind: OutputKind, discrete: boolean): void {
  const { units, grid, heat, limit } = layer;
  const size = grid * grid;
  const isLogit = LOGITS.has(kind.activation);
  // values[k * 256 + code]: what a code of class k means.
  const values = new Float32Array(units * 256);
  for (let k = 0; k < units; k++) {
    for (let code = 0; code < 256; code++) values[k * 256 + code] = valueOf(code, limit[k] ?? 0);
  }
  const shades = shadesOf(units);
  const bytes = new Uint32Array(1);
  new Uint8Array(bytes.buffer).set([128, 128, 128, 255]);
  const gray = tableOf(() => PAPER);
  for (let i = 0; i < size; i++) {
    let [best, most, isFinite] = [0, -Infinity, true];
    for (let k = 0; k < units; k++) {
      const value = values[k * 256 + (heat[k * size + i] ?? NOT_FINITE)] ?? NaN;
      if (Number.isNaN(value)) isFinite = false;
      if (value > most) [best, most] = [k, value];
    }
    if (!isFinite) {
      out[i] = hatched(i, grid, gray);
      continue;
    }
    let sure = most;
    if (isLogit) {
      let sum = 0;
      for (let k = 0; k < units; k++) {
        sum += Math.exp((values[k * 256 + (heat[k * size + i] ?? 0)] ?? 0) - most);
      }
      sure = 1 / sum;
    }
    // From "as probable as all others" to "certain".
    const part = discrete ? 0.8 : Math.max(0, Math.min(1, (sure - 1 / units) / (1 - 1 / units)));
    out[i] = shades[best * SHADES + Math.round(part * (SHADES - 1))] ?? 0;
  }
}

const known = new Map<number, Uint32Array>();

function shadesOf(classes: number): Uint32Array {
  let found = known.get(classes);
  if (!found) {
    found = new Uint32Array(classes * SHADES);
    const bytes = new Uint8Array(found.buffer);
    for (let k = 0; k < classes; k++) {
      for (let s = 0; s < SHADES; s++) {
        const color = mixed(PAPER, classColor(k, classes), 0.08 + (0.5 * s) / (SHADES - 1));
        bytes.set([...color, 255], 4 * (k * SHADES + s));
      }
    }
    known.set(classes, found);
  }
  return found;
}
