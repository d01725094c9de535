// The layers as columns of the page: a layer with the activation that follows it is one column.

import type { Cell, MapLayer } from "./picture";

export interface Column {
  /** The numbers of its layers, in their order; the last one is shown. */
  readonly layers: readonly number[];
  readonly shown: number;
  readonly title: string;
  readonly isPicture: boolean;
  readonly isOutput: boolean;
}

/** Layers that only give their input another shape, or that do nothing outside of training. */
const SILENT = ["Flatten", "Dropout"];
/** Layers that only repeat their input: they are left out where activations are folded. */
const REPEATING = ["Enlarge"];
/** Layers that change each number by itself, and so fold into the layer before. */
const FOLDED = ["BatchNorm", "LayerNorm", "GroupNorm"];

const isActivation = ({ kind }: MapLayer) => /^[a-z]/.test(kind) && kind !== "input";

/**
 * The columns of a network, without its input.
 *
 * @param fold whether an activation stands in the column of the layer that it follows.
 */
export function columnsOf(layers: readonly MapLayer[], fold: boolean): Column[] {
  const readers = readersOf(layers);
  const columns: { layers: number[] }[] = [];
  const columnOf = new Map<number, { layers: number[] }>();
  for (const layer of layers) {
    if (layer.kind === "input" || SILENT.includes(layer.kind)) continue;
    if (fold && (REPEATING.includes(layer.kind) || isCopy(layers, layer))) continue;
    const [read, ...others] = layer.reads;
    const before = read && others.length === 0 ? columnOf.get(read.layer) : undefined;
    const folds =
      fold &&
      read !== undefined &&
      before !== undefined &&
      before.layers.at(-1) === read.layer &&
      readers.get(read.layer)?.length === 1 &&
      (isActivation(layer) || FOLDED.includes(layer.kind)) &&
      String(layers[read.layer]?.shape) === String(layer.shape);
    const column = folds ? before : { layers: [] };
    column.layers.push(layer.number);
    columnOf.set(layer.number, column);
    if (!folds) columns.push(column);
  }
  const last = columns.at(-1);
  return columns.map((column) => {
    const shown = column.layers.at(-1) ?? 0;
    return {
      layers: column.layers,
      shown,
      title: column.layers.map((k) => nameOf(layers, k)).join(" + "),
      isPicture: layers[shown]?.isPicture ?? false,
      isOutput: column === last && !(layers[shown]?.isPicture ?? true),
    };
  });
}

/** Whether a layer gives what the only layer that it reads gives, as a block gives its last layer. */
function isCopy(layers: readonly MapLayer[], layer: MapLayer): boolean {
  const [read, ...others] = layer.reads;
  const before = layers[read?.layer ?? -1];
  if (!read?.sameChannel || others.length > 0 || !before || isActivation(layer)) return false;
  const { codes, limit } = layer.value;
  const isSame = limit === before.value.limit && codes.length === before.value.codes.length;
  return isSame && String(layer.shape) === String(before.shape) && codes.every((code, k) => code === before.value.codes[k]);
}

/** The short name of a layer: the end of its path, or what it is. */
export function nameOf(layers: readonly MapLayer[], number: number): string {
  const layer = layers[number];
  if (!layer) return "";
  const end = layer.path.split(".").at(-1)?.split(" #")[0] ?? "";
  if (isActivation(layer)) return layer.kind;
  return /^\d*$/.test(end) ? layer.kind : end;
}

/** What a layer is called where its numbers are: its column if it is the last of it. */
export function titleOf(columns: readonly Column[], layers: readonly MapLayer[], number: number): string {
  const layer = layers[number];
  if (layer?.kind === "input") return "the input";
  if (layer && SILENT.includes(layer.kind)) return titleOf(columns, layers, layer.reads[0]?.layer ?? -1);
  return columns.find((column) => column.shown === number)?.title ?? nameOf(layers, number);
}

/** Which layers read each layer. */
export function readersOf(layers: readonly MapLayer[]): Map<number, number[]> {
  const found = new Map<number, number[]>();
  for (const layer of layers) {
    for (const { layer: read } of layer.reads) found.set(read, [...(found.get(read) ?? []), layer.number]);
  }
  return found;
}

/** The column that shows a layer; -1 where none does. */
export function columnWith(columns: readonly Column[], layer: number): number {
  return columns.findIndex((column) => column.layers.includes(layer));
}

// --- sizes ----------------------------------------------------------------------------------------

export type Show = "value" | "error" | "both";

/** How a column is laid out, in CSS pixels; `what` is drawn left and right. */
export interface Box {
  readonly what: readonly ("value" | "error")[];
  /** Maps beside each other, each with what is shown of it. */
  readonly across: number;
  /** Of a map, or the length of the longest bar. */
  readonly side: number;
  /** Of a map, or of a bar with its gap. */
  readonly high: number;
  readonly width: number;
  readonly height: number;
  /** Units below each other, of bars. */
  readonly down: number;
}

export interface Room {
  readonly width: number;
  readonly height: number;
}

const GAP = 4;
/** Between value and error signal of the same map. */
const PAIR = 1;
export const BETWEEN = 18;
const SMALLEST = 22;
const WISHED = 33;
const LARGEST = 104;
/** Of the only map of a layer. */
const LARGEST_ALONE = 64;
/** The longest bar, and the output column with names and bars of the classes: wished and at least. */
const BAR = [38, 20] as const;
const OUTPUT = [196, 176] as const;
const WIDEST_OUTPUT = 260;

/** The boxes of all columns, which fit the room where they can. */
export function boxesOf(columns: readonly Column[], layers: readonly MapLayer[], show: Show, room: Room): Box[] {
  const what: readonly ("value" | "error")[] = show === "both" ? ["value", "error"] : [show];
  const made = (scale: number) =>
    columns.map((column) => {
      const layer = layers[column.shown];
      if (!layer || column.isOutput) return output(room.height, scale);
      return layer.isPicture ? pictures(layer, what, room.height, scale) : bars(layer, what, room.height, scale);
    });
  const total = (boxes: readonly Box[]) =>
    boxes.reduce((sum, box) => sum + box.width, 0) + BETWEEN * Math.max(0, boxes.length - 1);
  let boxes = made(1);
  // A smaller map may need one column of maps fewer, so the scale is searched for.
  for (let scale = 0.96; scale > 0.2 && total(boxes) > room.width; scale -= 0.04) boxes = made(scale);
  // Where they scroll anyway, maps are as large as they can be.
  if (total(boxes) > room.width) boxes = made(1);
  // Names of classes may be long: the output takes what is left.
  const left = room.width - total(boxes);
  return boxes.map((box, k) => {
    const width = Math.floor(Math.min(WIDEST_OUTPUT, box.width + left));
    return columns[k]?.isOutput && left > 0 ? { ...box, width, side: width } : box;
  });
}

function pictures(layer: MapLayer, what: Box["what"], height: number, scale: number): Box {
  const proportion = layer.height / layer.width;
  const isInput = layer.kind === "input";
  const side = (across: number) => {
    const down = Math.ceil(layer.maps / across);
    return Math.min(layer.maps > 1 || isInput ? LARGEST : LARGEST_ALONE, ((height + GAP) / down - GAP) / proportion);
  };
  let across = 1;
  while (across < layer.maps && side(across) < WISHED) across += 1;
  let size = Math.max(SMALLEST, side(across) * scale);
  // Where maps are small anyway, they stand in fewer columns.
  while (across > 1 && side(across - 1) >= size) across -= 1;
  size = Math.floor(Math.min(size, Math.max(SMALLEST, side(across))));
  const down = Math.ceil(layer.maps / across);
  const high = Math.max(1, Math.round(size * proportion));
  const pair = what.length * size + (what.length - 1) * PAIR;
  return {
    what,
    across,
    side: size,
    high,
    down,
    width: across * (pair + GAP) - GAP,
    height: down * (high + GAP) - GAP,
  };
}

function bars(layer: MapLayer, what: Box["what"], height: number, scale: number): Box {
  const units = layer.width * layer.height;
  let across = 1;
  while (height / Math.ceil(units / across) < 2) across += 1;
  const down = Math.ceil(units / across);
  const high = Math.max(1.5, Math.min(12, height / down));
  const side = Math.round(Math.max(BAR[1], BAR[0] * scale));
  const pair = what.length * side + (what.length - 1) * PAIR;
  return { what, across, side, high, down, width: across * (pair + GAP) - GAP, height: down * high };
}

function output(height: number, scale: number): Box {
  const width = Math.round(Math.max(OUTPUT[1], OUTPUT[0] * scale));
  return { what: [], across: 1, side: width, high: height, down: 1, width, height };
}

/** The left upper corner of a map, of its value or its error signal. */
export function corner(box: Box, map: number, what: "value" | "error"): readonly [number, number] {
  const pair = box.what.length * box.side + (box.what.length - 1) * PAIR;
  const shift = box.what.indexOf(what) * (box.side + PAIR);
  return [(map % box.across) * (pair + GAP) + shift, Math.floor(map / box.across) * (box.high + GAP)];
}

/** The left upper corner of the bar of a unit. */
export function barCorner(box: Box, unit: number, what: "value" | "error"): readonly [number, number] {
  const pair = box.what.length * box.side + (box.what.length - 1) * PAIR;
  const shift = box.what.indexOf(what) * (box.side + PAIR);
  return [Math.floor(unit / box.down) * (pair + GAP) + shift, (unit % box.down) * box.high];
}

/** The cell at a point of a column; null between maps. */
export function cellAt(box: Box, layer: MapLayer, x: number, y: number): Cell | null {
  const pair = box.what.length * box.side + (box.what.length - 1) * PAIR;
  const over = Math.floor(x / (pair + GAP));
  const inside = x - over * (pair + GAP);
  if (over < 0 || over >= box.across || inside < 0 || inside >= pair) return null;
  const of = Math.min(box.what.length - 1, Math.floor(inside / (box.side + PAIR)));
  const right = inside - of * (box.side + PAIR);
  if (right >= box.side) return null;
  if (!layer.isPicture) {
    const unit = over * box.down + Math.floor(y / box.high);
    const isOne = y >= 0 && Math.floor(y / box.high) < box.down && unit < layer.width * layer.height;
    const [row, column] = [Math.floor(unit / layer.width), unit % layer.width];
    return isOne ? { layer: layer.number, map: 0, row, column } : null;
  }
  const under = Math.floor(y / (box.high + GAP));
  const down = y - under * (box.high + GAP);
  const map = under * box.across + over;
  if (under < 0 || down < 0 || down >= box.high || map >= layer.maps) return null;
  const row = Math.min(layer.height - 1, Math.floor((down / box.high) * layer.height));
  const column = Math.min(layer.width - 1, Math.floor((right / box.side) * layer.width));
  return { layer: layer.number, map, row, column };
}

/** The next cell by an arrow key; page keys go to the next map. */
export function moved(layer: MapLayer, cell: Cell, key: string): Cell | null {
  const { map, row, column } = cell;
  const within = (n: number, size: number) => Math.max(0, Math.min(size - 1, n));
  if (!layer.isPicture) {
    const units = layer.width * layer.height;
    const unit = row * layer.width + column;
    const steps: Record<string, number> = {
      ArrowDown: 1,
      ArrowUp: -1,
      ArrowRight: 1,
      ArrowLeft: -1,
      PageDown: 10,
      PageUp: -10,
      Home: -units,
      End: units,
    };
    const step = steps[key];
    if (step === undefined) return null;
    const next = within(unit + step, units);
    return { ...cell, row: Math.floor(next / layer.width), column: next % layer.width };
  }
  switch (key) {
    case "ArrowLeft":
      return { ...cell, column: within(column - 1, layer.width) };
    case "ArrowRight":
      return { ...cell, column: within(column + 1, layer.width) };
    case "ArrowUp":
      return { ...cell, row: within(row - 1, layer.height) };
    case "ArrowDown":
      return { ...cell, row: within(row + 1, layer.height) };
    case "PageUp":
      return { ...cell, map: within(map - 1, layer.maps) };
    case "PageDown":
      return { ...cell, map: within(map + 1, layer.maps) };
    case "Home":
      return { ...cell, row: 0, column: 0 };
    case "End":
      return { ...cell, row: layer.height - 1, column: layer.width - 1 };
    default:
      return null;
  }
}
