// A pass as pictures: the values and the error signals of the input and of every layer.

import { codeOf, valueOf } from "../drawing/heat";
import type { Frame, FrameArray } from "../engine/frame";
import type { LivePicture } from "../live/live.svelte";
import type { MapsLayer, PassShown } from "../models/headers";

/** The maps of a layer, one after the other: codes to draw, and where there is room exact numbers. */
export interface Maps {
  readonly codes: Uint8Array;
  readonly numbers: Float32Array | null;
  /** The size of the strongest color. */
  readonly limit: number;
}

/** First and last row (or column) of another layer, for each row (or column): (n, 2). */
export type Ranges = Int32Array;

export interface Reads {
  /** The layer that is read. */
  readonly layer: number;
  /** Whether a cell reads its own channel alone; null where it reads no rectangle. */
  readonly sameChannel: boolean | null;
  readonly rows: Ranges | null;
  readonly columns: Ranges | null;
}

export interface MapLayer {
  readonly number: number;
  readonly node: number;
  readonly group: number;
  /** Its path. */
  readonly path: string;
  readonly kind: string;
  readonly shape: readonly number[];
  readonly maps: number;
  readonly height: number;
  readonly width: number;
  /** Rows and columns of a pixel. */
  readonly factor: number;
  /** Whether its cells have places, in rows and columns of channels. */
  readonly isPicture: boolean;
  readonly value: Maps;
  readonly error: Maps | null;
  readonly reads: readonly Reads[];
  /** What of the input can reach each row and column. */
  readonly rows: Ranges | null;
  readonly columns: Ranges | null;
  /** The number of the parameter that is its kernel. */
  readonly kernelNode: number | null;
}

export interface PassPicture {
  /** Of a run that trains in the page; null for others. */
  readonly run: number | null;
  readonly step: number;
  readonly epoch: number;
  readonly seconds: number;
  /** The id under which its network can be asked for more; null where it already trains on. */
  readonly source: string | null;
  readonly made: PassShown;
  readonly layers: readonly MapLayer[];
  /** Kernels (kh, kw, in, out) by the number of their layer. */
  readonly kernels: ReadonlyMap<number, FrameArray>;
}

/** A picture of a network that trains in the page. */
export interface TrainedPicture extends PassPicture, LivePicture {
  readonly run: number;
}

/** A cell of a layer. */
export interface Cell {
  readonly layer: number;
  readonly map: number;
  readonly row: number;
  readonly column: number;
}

/** Read the layers of a frame; what the wiring says comes with the first frame of a network only. */
export function layersOf(frame: Frame, shown: readonly MapsLayer[], before?: readonly MapLayer[]): MapLayer[] {
  return shown.map((layer, k) => {
    const known = before?.[k];
    const value = maps(frame, "value", k);
    if (!value) throw new TypeError(`the frame has no value.${k}`);
    const [count = 1, height = 1, width = 1] = frame.arrays.get(`value.${k}`)?.shape ?? [];
    return {
      number: k,
      node: layer.node,
      group: layer.group,
      path: layer.title,
      kind: layer.kind,
      shape: layer.shape,
      maps: count,
      height,
      width,
      factor: layer.factor,
      isPicture: layer.shape.length === 4,
      value,
      error: maps(frame, "error", k),
      reads:
        known?.reads ??
        layer.reads.map(({ layer: of, same_channel }, i) => ({
          layer: of,
          sameChannel: same_channel,
          rows: ranges(frame, `rows.${k}.${i}`),
          columns: ranges(frame, `columns.${k}.${i}`),
        })),
      rows: known?.rows ?? ranges(frame, `rows.${k}`),
      columns: known?.columns ?? ranges(frame, `columns.${k}`),
      kernelNode: layer.kernel,
    };
  });
}

/** The kernels of a frame of a network that trains. */
export function kernelsOf(frame: Frame): Map<number, FrameArray> {
  const found = new Map<number, FrameArray>();
  for (const [name, array] of frame.arrays) {
    const [word, number] = name.split(".");
    if (word === "kernel") found.set(Number(number), array);
  }
  return found;
}

function maps(frame: Frame, what: "value" | "error", k: number): Maps | null {
  const codes = frame.arrays.get(`${what}.${k}`)?.data;
  if (!(codes instanceof Uint8Array)) return null;
  const numbers = frame.arrays.get(`${what}_numbers.${k}`)?.data;
  return {
    codes,
    numbers: numbers instanceof Float32Array ? numbers : null,
    limit: frame.arrays.get(`${what}_limit.${k}`)?.data[0] ?? 0,
  };
}

function ranges(frame: Frame, name: string): Ranges | null {
  const found = frame.arrays.get(name)?.data;
  return found instanceof Int32Array ? found : null;
}

/** The number of a cell: exact where it is known, else from its code. Null where there are none. */
export function numberAt(of: Maps | null, layer: MapLayer, { map, row, column }: Cell): number | null {
  if (!of) return null;
  const at = (map * layer.height + row) * layer.width + column;
  if (of.numbers) return of.numbers[at] ?? null;
  const code = of.codes[at];
  return code === undefined ? null : valueOf(code, of.limit);
}

/** The index of a cell in its layer's output, the batch of one first. */
export function indexOf(layer: MapLayer, { map, row, column }: Cell): number[] {
  const [down, right] = [row * layer.factor, column * layer.factor];
  if (layer.isPicture) return [0, down, right, map];
  if (layer.shape.length < 2) return [right];
  const index = [right];
  let rest = down;
  for (const size of layer.shape.slice(1, -1).reverse()) {
    index.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return [0, ...index];
}

/** Whether a layer has a cell: after another network was chosen it may not. */
export function hasCell(layers: readonly MapLayer[], cell: Cell): boolean {
  const layer = layers[cell.layer];
  return (
    layer !== undefined && cell.map < layer.maps && cell.row < layer.height && cell.column < layer.width
  );
}

/** Where a cell is, in words that count from 0. */
export function placeOf(layer: MapLayer, { map, row, column }: Cell): string {
  if (!layer.isPicture) return `unit ${column}`;
  const channel = layer.maps > 1 ? `map ${map}, ` : "";
  return `${channel}row ${row * layer.factor}, column ${column * layer.factor}`;
}

/** The input as gray codes, from its smallest to its largest number, for `GRAYS`. */
export function grayCodes({ codes, limit, numbers }: Maps): Uint8Array {
  let [low, top] = [Infinity, -Infinity];
  const value = (k: number) => (numbers ? (numbers[k] ?? NaN) : valueOf(codes[k] ?? 255, limit));
  for (let k = 0; k < codes.length; k++) {
    const x = value(k);
    if (Number.isFinite(x)) [low, top] = [Math.min(low, x), Math.max(top, x)];
  }
  const middle = (low + top) / 2;
  const half = Math.max((top - low) / 2, 1e-30);
  return Uint8Array.from(codes, (_, k) => codeOf(value(k) - middle, half));
}

/** How many bytes a picture takes, for the past. */
export function bytesOf(picture: PassPicture): number {
  let sum = 0;
  const add = (of: Maps | null) => (sum += of ? of.codes.byteLength + (of.numbers?.byteLength ?? 0) : 0);
  for (const layer of picture.layers) {
    add(layer.value);
    add(layer.error);
  }
  for (const kernel of picture.kernels.values()) sum += kernel.data.byteLength;
  return sum;
}
