// Colors and dashes of several runs: told apart without color, in light and dark.

import { mixed, css, type Color } from "../drawing/heat";
import { CLASS_COLORS } from "../drawing/palette";

const WHITE: Color = [255, 255, 255];

export const DASHES: readonly (readonly number[])[] = [[], [7, 3], [2, 3], [9, 3, 2, 3], [4, 2], [1, 2]];

/** The color of the k-th run; on a dark page a lighter one. */
export function runColor(k: number, dark: boolean): string {
  const color = CLASS_COLORS[k % CLASS_COLORS.length] ?? [90, 90, 90];
  return css(dark ? mixed(color, WHITE, 0.5) : color);
}

export function dashOf(k: number): readonly number[] {
  return DASHES[k % DASHES.length] ?? [];
}
