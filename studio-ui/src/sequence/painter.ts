// A table as a heat map: cells in the colors of all heat maps, with a column or a row marked.

import { Atlas } from "../drawing/atlas";
import type { Theme } from "../drawing/canvas";
import { codeOf, css, NOT_FINITE, signedColor } from "../drawing/heat";
import type { Table } from "./picture";

const STRIPE = 5;
const GRAY = css(signedColor(NaN));
const PALE = css(signedColor(0));

export interface Cell {
  readonly row: number;
  readonly column: number;
}

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Frames {
  readonly row?: number | null;
  readonly column?: number | null;
  readonly hovered?: Cell | null;
  readonly chosen?: Cell | null;
}

/** Codes of a table. With `root` the color grows with the root of the size, so that small numbers are seen. */
export function codesOf(table: Table, limit: number, root: boolean): Uint8Array {
  const codes = new Uint8Array(table.data.length);
  const edge = root ? Math.sqrt(limit) : limit;
  table.data.forEach((x, k) => {
    codes[k] = codeOf(root ? Math.sign(x) * Math.sqrt(Math.abs(x)) : x, edge);
  });
  return codes;
}

/** Draws tables of one canvas; the colored pixels are kept until the numbers change. */
export class TablePainter {
  readonly #atlas = new Atlas();
  #table: Table | null = null;
  #limit = NaN;
  #root = false;
  /** Numbers of the cells that are not finite. */
  #strange: readonly number[] = [];

  /** `hides` says of a row from which column on nothing is drawn. */
  paint(
    context: CanvasRenderingContext2D,
    table: Table,
    box: Box,
    limit: number,
    root: boolean,
    hides: ((row: number) => number) | null = null,
  ): void {
    if (table !== this.#table || limit !== this.#limit || root !== this.#root) {
      [this.#table, this.#limit, this.#root] = [table, limit, root];
      const codes = codesOf(table, limit, root);
      this.#atlas.fill(codes, 1, table.columns, undefined, table.rows);
      this.#strange = [...codes.keys()].filter((k) => codes[k] === NOT_FINITE);
    }
    context.imageSmoothingEnabled = false;
    context.save();
    context.beginPath();
    const [wide, high] = [box.width / table.columns, box.height / table.rows];
    for (let row = 0; row < table.rows; row++) {
      context.rect(box.x, box.y + row * high, Math.min(table.columns, hides?.(row) ?? Infinity) * wide, high);
    }
    context.clip();
    this.#atlas.draw(context, 0, box.x, box.y, box.width, box.height);
    if (this.#strange.length > 0) this.#stripe(context, table, box);
    context.restore();
  }

  /** Stripes over the cells that are not finite, however large the cells are. */
  #stripe(context: CanvasRenderingContext2D, table: Table, box: Box): void {
    const [wide, high] = [box.width / table.columns, box.height / table.rows];
    context.beginPath();
    for (const k of this.#strange) {
      context.rect(box.x + (k % table.columns) * wide, box.y + Math.floor(k / table.columns) * high, wide, high);
    }
    context.clip();
    context.fillStyle = PALE;
    context.fillRect(box.x, box.y, box.width, box.height);
    context.beginPath();
    for (let x = box.x - box.height; x < box.x + box.width; x += STRIPE) {
      context.moveTo(x, box.y + box.height);
      context.lineTo(x + box.height, box.y);
    }
    context.lineWidth = STRIPE / 3;
    context.strokeStyle = GRAY;
    context.stroke();
  }
}

/** Frame a row, a column and cells of a table. */
export function frame(context: CanvasRenderingContext2D, table: Table, box: Box, frames: Frames, theme: Theme): void {
  const [wide, high] = [box.width / table.columns, box.height / table.rows];
  const outline = (x: number, y: number, width: number, height: number, color: string, thick: number) => {
    context.lineWidth = thick + 1.5;
    context.strokeStyle = theme.paper;
    context.strokeRect(x, y, width, height);
    context.lineWidth = thick;
    context.strokeStyle = color;
    context.strokeRect(x, y, width, height);
  };
  const { row = null, column = null, hovered = null, chosen = null } = frames;
  if (row !== null) outline(box.x, box.y + row * high, box.width, high, theme.ink, 1);
  if (column !== null) outline(box.x + column * wide, box.y, wide, box.height, theme.ink, 1);
  for (const [cell, color] of [[hovered, theme.soft], [chosen, theme.orange]] as const) {
    if (cell) outline(box.x + cell.column * wide, box.y + cell.row * high, wide, high, color, 2);
  }
}

/** The cell at a point; null outside. */
export function cellAt(table: Table, box: Box, x: number, y: number): Cell | null {
  const column = Math.floor(((x - box.x) / box.width) * table.columns);
  const row = Math.floor(((y - box.y) / box.height) * table.rows);
  const isInside = row >= 0 && row < table.rows && column >= 0 && column < table.columns;
  return isInside ? { row, column } : null;
}

/** The cell to which a key moves; null for other keys. */
export function moved(table: Table, from: Cell, key: string): Cell | null {
  const { row, column } = from;
  const last = { row: table.rows - 1, column: table.columns - 1 };
  switch (key) {
    case "ArrowLeft":
      return { row, column: Math.max(0, column - 1) };
    case "ArrowRight":
      return { row, column: Math.min(last.column, column + 1) };
    case "ArrowUp":
      return { row: Math.max(0, row - 1), column };
    case "ArrowDown":
      return { row: Math.min(last.row, row + 1), column };
    case "Home":
      return { row: 0, column: 0 };
    case "End":
      return last;
    default:
      return null;
  }
}
