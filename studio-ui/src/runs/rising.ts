// Colors of numbers from 0 up: near white, orange, dark brown, as in clearprop/glass/colors.py; and grays.

import { css, mixed, tableOf, type Color, type ColorTable } from "../drawing/heat";
import { DARKEST, POSITIVE } from "../drawing/palette";

const STOPS: readonly Color[] = [...POSITIVE, DARKEST];
const PAPER: Color = [255, 255, 255];
const INK: Color = [20, 24, 30];

/** The color of a fraction from 0 to 1. */
export function rising(fraction: number): string {
  if (!Number.isFinite(fraction)) return "rgb(128 128 128)";
  const place = Math.max(0, Math.min(1, fraction)) * (STOPS.length - 1);
  const i = Math.min(Math.floor(place), STOPS.length - 2);
  return css(mixed(STOPS[i] ?? PAPER, STOPS[i + 1] ?? PAPER, place - i));
}

/** Whether dark letters can be read on this color. */
export function isPale(fraction: number): boolean {
  return !(fraction > 0.55);
}

/** 0 is paper, the limit is ink; below 0 it is paper too. */
export const GRAY: ColorTable = tableOf((fraction) => mixed(PAPER, INK, Math.max(0, fraction)));
