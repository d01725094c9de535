// Heat maps: 8-bit codes become colors by a table of 256, on a canvas that the browser stretches.
// A code from 0 to 254 is the value (code - 127) / 127 * limit; 255 is a number that is not finite.

import { NEGATIVE, POSITIVE } from "./palette";

export const NOT_FINITE = 255;
const ZERO = 127;
const GRAY = [128, 128, 128] as const;

export type Color = readonly [number, number, number];
/** 256 colors as they lie in the pixels of a canvas. */
export type ColorTable = Uint32Array;

/** The color of a fraction from -1 to 1 of the limit: blue, near white at 0, orange. */
export function signedColor(fraction: number): Color {
  if (!Number.isFinite(fraction)) return GRAY;
  const stops = fraction < 0 ? NEGATIVE : POSITIVE;
  const place = Math.min(1, Math.abs(fraction)) * (stops.length - 1);
  const i = Math.min(Math.floor(place), stops.length - 2);
  return mixed(stops[i] ?? GRAY, stops[i + 1] ?? GRAY, place - i);
}

export function mixed(from: Color, to: Color, part: number): Color {
  const at = (k: 0 | 1 | 2) => Math.round(from[k] + (to[k] - from[k]) * part);
  return [at(0), at(1), at(2)];
}

export function css(color: Color, opacity = 1): string {
  return `rgb(${color.join(" ")} / ${opacity})`;
}

/** A table from a function of the fraction; numbers that are not finite are gray. */
export function tableOf(color: (fraction: number) => Color): ColorTable {
  const table = new Uint32Array(256);
  const bytes = new Uint8Array(table.buffer);
  for (let code = 0; code < 256; code++) {
    const rgb = code === NOT_FINITE ? GRAY : color((code - ZERO) / ZERO);
    bytes.set([...rgb, 255], 4 * code);
  }
  return table;
}

export const SIGNED: ColorTable = tableOf(signedColor);
/** The signs alone: what a threshold at 0 decides. */
export const DISCRETE: ColorTable = tableOf((fraction) => signedColor(fraction < 0 ? -0.5 : 0.5));

/** The value of a code. */
export function valueOf(code: number, limit: number): number {
  return code === NOT_FINITE ? NaN : ((code - ZERO) / ZERO) * limit;
}

/** The code of a value: what Python's engine does too. */
export function codeOf(value: number, limit: number): number {
  if (!Number.isFinite(value)) return NOT_FINITE;
  const fraction = limit > 0 ? Math.max(-1, Math.min(1, value / limit)) : 0;
  return Math.round(fraction * ZERO) + ZERO;
}

const buffers = new WeakMap<HTMLCanvasElement, ImageData>();

/** Draw one map of grid x grid codes that begins at `offset`; gray pixels are hatched. */
export function drawHeat(
  canvas: HTMLCanvasElement,
  codes: Uint8Array,
  offset: number,
  grid: number,
  table: ColorTable = SIGNED,
): void {
  const pixels = pixelsOf(canvas, grid);
  if (!pixels) return;
  const out = new Uint32Array(pixels.data.buffer);
  for (let i = 0; i < grid * grid; i++) {
    const code = codes[offset + i] ?? NOT_FINITE;
    out[i] = code === NOT_FINITE ? hatched(i, grid, table) : (table[code] ?? 0);
  }
  canvas.getContext("2d")?.putImageData(pixels, 0, 0);
}

/** The pixels of a canvas of grid x grid, kept between two pictures. */
export function pixelsOf(canvas: HTMLCanvasElement, grid: number): ImageData | undefined {
  let pixels = buffers.get(canvas);
  if (!pixels || pixels.width !== grid) {
    canvas.width = canvas.height = grid;
    pixels = canvas.getContext("2d")?.createImageData(grid, grid);
    if (pixels) buffers.set(canvas, pixels);
  }
  return pixels;
}

/** Diagonal stripes say "not a number" without color. */
export function hatched(i: number, grid: number, table: ColorTable = SIGNED): number {
  const diagonal = (i % grid) + Math.floor(i / grid);
  return (diagonal % 8 < 3 ? table[NOT_FINITE] : table[ZERO]) ?? 0;
}
