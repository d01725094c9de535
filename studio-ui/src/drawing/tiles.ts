// Tiles of numbers as one picture, and back from a place in it to the number.

import type { Frame, FrameArray } from "../engine/frame";
import { hatched, NOT_FINITE, SIGNED, type ColorTable } from "./heat";

export interface Tiles {
  readonly data: Float32Array;
  readonly count: number;
  readonly height: number;
  readonly width: number;
  /** The number of each tile, such as that of its unit. */
  readonly labels: readonly number[];
  /** How many tiles stand in a row; 0 leaves it to the page. */
  readonly across: number;
  /** Of how many rows and columns one is shown. */
  readonly every: readonly [number, number];
  /** What tiles, rows and columns are; "" where there is one only. */
  readonly axes: readonly [string, string, string];
}

export interface Shape {
  /** A vector goes on in the next row after so many numbers; 0 for all else. */
  readonly wrap: number;
  readonly across: number;
  readonly down: number;
  /** Pixels of the whole picture, with a line of pixels between tiles. */
  readonly width: number;
  readonly height: number;
}

export interface Cell {
  readonly tile: number;
  readonly row: number;
  readonly column: number;
}

/** The tiles of a frame that has one array of them. */
export function tilesOf(frame: Frame, name = "tiles"): Tiles {
  return described(frame.arrays.get(name), frame.fields);
}

/** Tiles from an array (N, H, W) and what is said about it. */
export function described(array: FrameArray | undefined, about: Readonly<Record<string, unknown>>): Tiles {
  if (!(array?.data instanceof Float32Array)) throw new TypeError("these are no tiles of float32");
  const [count = 0, height = 0, width = 0] = array.shape;
  return {
    data: array.data,
    count,
    height,
    width,
    labels: (about["labels"] as readonly number[] | undefined) ?? [],
    across: (about["across"] as number | undefined) ?? 0,
    every: (about["every"] as readonly [number, number] | undefined) ?? [1, 1],
    axes: (about["axes"] as readonly [string, string, string] | undefined) ?? ["", "row", "column"],
  };
}

/** A vector that is longer is shown in several rows. */
const LONGEST = 40;

/** How tiles are laid out in a room of some proportion of width to height. */
export function layout(tiles: Tiles, proportion = 1.6): Shape {
  const { count, height, width } = tiles;
  if (count === 1 && height === 1 && width > LONGEST) {
    const most = Math.max(LONGEST, Math.ceil(Math.sqrt(4 * width)));
    const down = Math.ceil(width / most);
    const wrap = Math.ceil(width / down);
    return { wrap, across: 1, down: 1, width: wrap, height: down };
  }
  const gap = count > 1 ? 1 : 0;
  const wanted = Math.round(Math.sqrt((count * (height + gap) * proportion) / (width + gap)));
  const across = tiles.across > 0 ? Math.min(tiles.across, count) : Math.max(1, Math.min(count, wanted));
  const down = Math.ceil(count / across);
  return {
    wrap: 0,
    across,
    down,
    width: across * (width + gap) - gap,
    height: down * (height + gap) - gap,
  };
}

/** Fill the pixels of the whole picture; lines between tiles, and places without a code, stay clear. */
export function fillTiles(
  out: Uint32Array,
  tiles: Tiles,
  shape: Shape,
  codeAt: (place: number) => number | null,
  table: ColorTable = SIGNED,
): void {
  const { count, height, width } = tiles;
  out.fill(0);
  for (let tile = 0, place = 0; tile < count; tile++) {
    for (let row = 0; row < height; row++) {
      const [x, y] = pixelOf(tiles, shape, { tile, row, column: 0 });
      // A vector in several rows goes on in the next one.
      const first = y * shape.width + x;
      for (let column = 0; column < width; column++, place++) {
        const code = codeAt(place);
        if (code === null) continue;
        const pixel = first + column;
        out[pixel] = code === NOT_FINITE ? hatched(pixel, shape.width, table) : (table[code] ?? 0);
      }
    }
  }
}

/** The cell at a pixel of the whole picture; null between tiles. */
export function cellAt(tiles: Tiles, shape: Shape, x: number, y: number): Cell | null {
  if (shape.wrap > 0) {
    const [right, down] = [Math.floor(x), Math.floor(y)];
    const column = down * shape.wrap + right;
    const isInside = right >= 0 && right < shape.wrap && down >= 0 && column < tiles.width;
    return isInside ? { tile: 0, row: 0, column } : null;
  }
  const gap = tiles.count > 1 ? 1 : 0;
  const [wide, high] = [tiles.width + gap, tiles.height + gap];
  const [right, down] = [Math.floor(x / wide), Math.floor(y / high)];
  const [column, row] = [Math.floor(x - right * wide), Math.floor(y - down * high)];
  const tile = down * shape.across + right;
  const isInside = column >= 0 && row >= 0 && column < tiles.width && row < tiles.height;
  return isInside && right < shape.across && tile < tiles.count ? { tile, row, column } : null;
}

/** The pixel of a cell. */
export function pixelOf(tiles: Tiles, shape: Shape, cell: Cell): readonly [number, number] {
  if (shape.wrap > 0) return [cell.column % shape.wrap, Math.floor(cell.column / shape.wrap)];
  const gap = tiles.count > 1 ? 1 : 0;
  return [
    (cell.tile % shape.across) * (tiles.width + gap) + cell.column,
    Math.floor(cell.tile / shape.across) * (tiles.height + gap) + cell.row,
  ];
}

export function valueAt(tiles: Tiles, { tile, row, column }: Cell): number {
  return tiles.data[(tile * tiles.height + row) * tiles.width + column] ?? NaN;
}

/** Where a cell is in the whole array, in words. */
export function placeOf(tiles: Tiles, { tile, row, column }: Cell): string {
  const [ofTile, ofRow, ofColumn] = tiles.axes;
  const parts: string[] = [];
  if (tiles.across > 0 && tiles.count > tiles.across) {
    parts.push(`input channel ${Math.floor(tile / tiles.across)}`);
  }
  if (ofTile) parts.push(`${ofTile} ${tiles.labels[tile] ?? tile}`);
  if (ofRow) parts.push(`${ofRow} ${row * tiles.every[0]}`);
  if (ofColumn) parts.push(`${ofColumn} ${column * tiles.every[1]}`);
  return parts.join(", ");
}

/** The cell next to another one, for the arrow keys; it goes on in the next tile. */
export function neighbor(tiles: Tiles, shape: Shape, cell: Cell, right: number, down: number): Cell {
  const [x, y] = pixelOf(tiles, shape, cell);
  const gap = tiles.count > 1 ? 1 : 0;
  for (const extra of [0, gap]) {
    const found = cellAt(tiles, shape, x + right * (1 + extra), y + down * (1 + extra));
    if (found) return found;
  }
  return cell;
}
