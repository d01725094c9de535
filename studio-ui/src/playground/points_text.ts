// Drawn points as a short text: 4 letters each, with 10 bits for either place and 4 for the class.

import type { Point } from "../engine/messages";

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const SQUARE = 6;
const STEPS = 1023;

/** A place as the text has it, so that an address gives back the same points. */
export function rounded(x: number): number {
  return fromStep(toStep(x));
}

function toStep(x: number): number {
  return Math.round(((Math.max(-SQUARE, Math.min(SQUARE, x)) + SQUARE) / (2 * SQUARE)) * STEPS);
}

function fromStep(step: number): number {
  return Number(((step / STEPS) * 2 * SQUARE - SQUARE).toFixed(4));
}

export function writePoints(points: readonly Point[]): string {
  return points
    .map(({ x1, x2, target }) => {
      const bits = (toStep(x1) << 14) | (toStep(x2) << 4) | (target & 15);
      return [18, 12, 6, 0].map((shift) => LETTERS[(bits >> shift) & 63]).join("");
    })
    .join("");
}

export function readPoints(text: string): Point[] {
  const points: Point[] = [];
  for (let i = 0; i + 4 <= text.length; i += 4) {
    const letters = [...text.slice(i, i + 4)].map((letter) => LETTERS.indexOf(letter));
    if (letters.includes(-1)) return [];
    const bits = letters.reduce((sum, part) => (sum << 6) | part, 0);
    points.push({ x1: fromStep(bits >> 14), x2: fromStep((bits >> 4) & STEPS), target: bits & 15 });
  }
  return points;
}
