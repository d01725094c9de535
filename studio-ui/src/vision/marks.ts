// Which cells of other layers a cell reads, and which read it: rectangles to frame.

import type { Cell, MapLayer, Ranges } from "./picture";

/** A rectangle of a layer, in one of its maps or in all of them. */
export interface Mark {
  /** First and last row, first and last column. */
  readonly rows: readonly [number, number];
  readonly columns: readonly [number, number];
  /** Null for all maps. */
  readonly map: number | null;
}

export type Marks = ReadonlyMap<number, Mark>;

/** What a cell reads of every layer before it, back to the input: its receptive fields. */
export function marksBefore(layers: readonly MapLayer[], cell: Cell): Map<number, Mark> {
  const found = new Map<number, Mark>([[cell.layer, markOf(cell)]]);
  for (let k = cell.layer; k > 0; k--) {
    const mark = found.get(k);
    const layer = layers[k];
    if (!mark || !layer) continue;
    for (const { layer: read, sameChannel, rows, columns } of layer.reads) {
      const of = layers[read];
      if (!of) continue;
      const isRectangle = sameChannel !== null && rows !== null && columns !== null;
      const made: Mark | null = isRectangle
        ? rectangle(mark, layer.factor, rows, columns, sameChannel, of.factor)
        : layer.kind === "Flatten" && k !== cell.layer
          ? whole(of)
          : fromUnits(layer, of, mark);
      if (made) found.set(read, joined(found.get(read), made));
    }
  }
  return found;
}

/** What reads a cell in the layers that take it. */
export function marksAfter(layers: readonly MapLayer[], cell: Cell): Map<number, Mark> {
  const found = new Map<number, Mark>();
  for (const layer of layers) {
    for (const { layer: read, sameChannel, rows, columns } of layer.reads) {
      if (read !== cell.layer) continue;
      if (sameChannel === null || !rows || !columns) {
        found.set(layer.number, whole(layer));
        continue;
      }
      const of = layers[read];
      const down = covering(rows, cell.row * (of?.factor ?? 1));
      const right = covering(columns, cell.column * (of?.factor ?? 1));
      if (down && right) {
        found.set(layer.number, {
          rows: scaled(down, layer.factor),
          columns: scaled(right, layer.factor),
          map: sameChannel ? cell.map : null,
        });
      }
    }
  }
  return found;
}

export function markOf({ map, row, column }: Cell): Mark {
  return { rows: [row, row], columns: [column, column], map };
}

function whole(layer: MapLayer): Mark {
  return { rows: [0, layer.height - 1], columns: [0, layer.width - 1], map: null };
}

/** A unit without a place reads everything; a flattened one is a cell of the picture before. */
function fromUnits(layer: MapLayer, before: MapLayer, mark: Mark): Mark {
  const isOne = layer.kind === "Flatten" && mark.columns[0] === mark.columns[1];
  if (!isOne || !before.isPicture || before.factor !== 1) return whole(before);
  const [, , width = 1, channels = 1] = before.shape;
  const at = mark.columns[0];
  const place = Math.floor(at / channels);
  const [row, column] = [Math.floor(place / width), place % width];
  return { rows: [row, row], columns: [column, column], map: at % channels };
}

function rectangle(
  mark: Mark,
  own: number,
  rows: Ranges,
  columns: Ranges,
  same: boolean,
  factor: number,
): Mark | null {
  const down = union(rows, unscaled(mark.rows, own));
  const right = union(columns, unscaled(mark.columns, own));
  if (!down || !right) return null;
  return { rows: scaled(down, factor), columns: scaled(right, factor), map: same ? mark.map : null };
}

/** What several rows read together; null where they lie in the padding alone. */
function union(ranges: Ranges, [from, to]: readonly [number, number]): [number, number] | null {
  let [first, last] = [Infinity, -Infinity];
  for (let k = from; k <= to; k++) {
    const [low, top] = [ranges[2 * k] ?? 1, ranges[2 * k + 1] ?? -1];
    if (low > top) continue;
    first = Math.min(first, low);
    last = Math.max(last, top);
  }
  return first <= last ? [first, last] : null;
}

/** The first and the last row that reads a row. */
function covering(ranges: Ranges, at: number): [number, number] | null {
  let [first, last] = [Infinity, -Infinity];
  for (let k = 0; 2 * k < ranges.length; k++) {
    if ((ranges[2 * k] ?? 0) <= at && at <= (ranges[2 * k + 1] ?? -1)) {
      first = Math.min(first, k);
      last = Math.max(last, k);
    }
  }
  return first <= last ? [first, last] : null;
}

function unscaled([first, last]: readonly [number, number], factor: number): [number, number] {
  return [first * factor, (last + 1) * factor - 1];
}

function scaled([first, last]: readonly [number, number], factor: number): [number, number] {
  return [Math.floor(first / factor), Math.floor(last / factor)];
}

function joined(a: Mark | undefined, b: Mark): Mark {
  if (!a) return b;
  return {
    rows: [Math.min(a.rows[0], b.rows[0]), Math.max(a.rows[1], b.rows[1])],
    columns: [Math.min(a.columns[0], b.columns[0]), Math.max(a.columns[1], b.columns[1])],
    map: a.map === b.map ? a.map : null,
  };
}
