// Draws the maps of a column on a canvas, or the bars of its units, and frames cells in them.

import { Atlas } from "../drawing/atlas";
import type { Theme } from "../drawing/canvas";
import { css, signedColor, SIGNED, tableOf, valueOf, type Color, type ColorTable } from "../drawing/heat";
import { barCorner, corner, type Box } from "./columns";
import type { Mark } from "./marks";
import { grayCodes, type MapLayer, type Maps } from "./picture";

const [BLACK, WHITE]: [Color, Color] = [
  [0, 0, 0],
  [255, 255, 255],
];
/** From black to white: the input as a picture. */
export const GRAYS: ColorTable = tableOf((part) => {
  const level = Math.round(((part + 1) / 2) * 255);
  return part <= -1 ? BLACK : part >= 1 ? WHITE : [level, level, level];
});

export interface Frames {
  /** What is read, and what reads: thin frames. */
  readonly marks: readonly Mark[];
  /** The cell under the pointer or with the focus. */
  readonly hovered: Mark | null;
  readonly chosen: Mark | null;
}

export class ColumnPainter {
  readonly #atlases = { value: new Atlas(), error: new Atlas() };
  #drawn: { value: Maps | null; error: Maps | null } = { value: null, error: null };

  paint(
    context: CanvasRenderingContext2D,
    layer: MapLayer,
    box: Box,
    frames: Frames,
    theme: Theme,
    isGray = false,
  ): void {
    for (const what of box.what) {
      const maps = layer[what];
      if (!maps) continue;
      if (layer.isPicture) this.#maps(context, layer, box, what, maps, isGray && what === "value", theme);
      else bars(context, layer, box, what, maps, theme);
    }
    for (const mark of frames.marks) if (!isWhole(layer, mark)) frame(context, layer, box, mark, theme.ink, theme.paper, 1);
    if (frames.chosen) frame(context, layer, box, frames.chosen, theme.ink, theme.paper, 2);
    if (frames.hovered) frame(context, layer, box, frames.hovered, theme.ink, theme.paper, 1.5);
  }

  #maps(
    context: CanvasRenderingContext2D,
    layer: MapLayer,
    box: Box,
    what: "value" | "error",
    maps: Maps,
    isGray: boolean,
    theme: Theme,
  ): void {
    if (this.#drawn[what] !== maps) {
      const codes = isGray ? grayCodes(maps) : maps.codes;
      this.#atlases[what].fill(codes, layer.maps, layer.width, isGray ? GRAYS : SIGNED, layer.height);
      this.#drawn[what] = maps;
    }
    context.imageSmoothingEnabled = false;
    context.strokeStyle = theme.line;
    context.lineWidth = 1;
    for (let map = 0; map < layer.maps; map++) {
      const [x, y] = corner(box, map, what);
      this.#atlases[what].draw(context, map, x, y, box.side, box.high);
      if (theme.dark) continue;
      context.strokeRect(x + 0.5, y + 0.5, box.side - 1, box.high - 1);
    }
  }
}

/** The longest bar is the limit; those below 0 go to the left. */
function bars(
  context: CanvasRenderingContext2D,
  layer: MapLayer,
  box: Box,
  what: "value" | "error",
  maps: Maps,
  theme: Theme,
): void {
  const half = box.side / 2;
  const count = layer.width * layer.height;
  context.fillStyle = theme.panel;
  for (let from = 0; from < count; from += box.down) {
    const [x, y] = barCorner(box, from, what);
    context.fillRect(x, y, box.side, Math.min(box.down, count - from) * box.high);
  }
  const inset = box.high > 4 ? 1 : 0;
  for (let unit = 0; unit < count; unit++) {
    const [x, y] = barCorner(box, unit, what);
    const number = maps.numbers ? (maps.numbers[unit] ?? NaN) : valueOf(maps.codes[unit] ?? 255, maps.limit);
    if (!Number.isFinite(number)) {
      context.fillStyle = css([128, 128, 128]);
      for (let k = 0; k < box.side; k += 4) context.fillRect(x + k, y + inset, 2, box.high - 2 * inset);
      continue;
    }
    const part = maps.limit > 0 ? Math.max(-1, Math.min(1, number / maps.limit)) : 0;
    // A color that is seen on paper and on a dark page.
    context.fillStyle = css(signedColor(Math.sign(part) * (0.45 + 0.55 * Math.abs(part))));
    const long = Math.max(Math.abs(part) * half, part === 0 ? 0 : 0.75);
    context.fillRect(part < 0 ? x + half - long : x + half, y + inset, long, Math.max(1, box.high - 2 * inset));
  }
  context.fillStyle = theme.soft;
  for (let from = 0; from < count; from += box.down) {
    const [x, y] = barCorner(box, from, what);
    context.fillRect(x + half - 0.5, y, 1, Math.min(box.down, count - from) * box.high);
  }
}

function frame(
  context: CanvasRenderingContext2D,
  layer: MapLayer,
  box: Box,
  mark: Mark,
  ink: string,
  paper: string,
  width: number,
): void {
  for (const what of box.what) {
    for (const [x, y, wide, high] of rectangles(layer, box, mark, what)) {
      context.strokeStyle = paper;
      context.lineWidth = width + 2;
      context.strokeRect(x, y, wide, high);
      context.strokeStyle = ink;
      context.lineWidth = width;
      context.strokeRect(x, y, wide, high);
    }
  }
}

/** What reads everything needs no frame. */
function isWhole(layer: MapLayer, { rows, columns, map }: Mark): boolean {
  const isAll = rows[0] <= 0 && columns[0] <= 0 && rows[1] >= layer.height - 1 && columns[1] >= layer.width - 1;
  return isAll && (map === null || !layer.isPicture || layer.maps === 1);
}

type Rectangle = readonly [x: number, y: number, wide: number, high: number];

function rectangles(layer: MapLayer, box: Box, mark: Mark, what: "value" | "error"): Rectangle[] {
  if (!layer.isPicture) {
    const [x, y] = barCorner(box, mark.rows[0] * layer.width + mark.columns[0], what);
    return [[x, y, box.side, box.high]];
  }
  const maps = mark.map === null ? Array.from({ length: layer.maps }, (_, k) => k) : [mark.map];
  const [tall, wide] = [box.high / layer.height, box.side / layer.width];
  return maps.map((map) => {
    const [x, y] = corner(box, map, what);
    const [top, bottom] = mark.rows;
    const [left, right] = mark.columns;
    return [x + left * wide, y + top * tall, (right - left + 1) * wide, (bottom - top + 1) * tall];
  });
}
