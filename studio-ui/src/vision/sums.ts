// The sums of a card: how a cell adds up forward, and how its error signal adds up from its readers.

import type { Headed } from "../models/api";
import type { BackShown, CellShown } from "../models/headers";
import type { Patches } from "../models/patches";
import type { FrameArray } from "../engine/frame";

/** A part of a sum, with its own terms behind it. */
export interface Share {
  readonly channel: number;
  readonly total: number;
}

/** What each channel of a patch adds. */
export function sharesOf(patches: Patches): Share[] {
  return patches.channels.map((channel, k) => ({
    channel,
    total: patches.product.reduce((sum, one) => sum + (one[k] ?? 0), 0),
  }));
}

/** A part of an error signal as windows: error signals, kernel entries, products. */
export function windowsOf({ frame }: Headed<BackShown>, part: number): Patches | null {
  const of = (name: string) => frame.arrays.get(`${name}.${part}`);
  const [error, factor, product, inside] = [of("error"), of("factor"), of("product"), of("inside")];
  if (!error || !factor || !product || !inside) return null;
  const taps = inside.data.length;
  const depth = error.data.length / Math.max(1, taps);
  const planes = (array: FrameArray) =>
    Array.from({ length: taps }, (_, k) => [...array.data.subarray(k * depth, (k + 1) * depth)]);
  return {
    columns: inside.shape.at(-1) ?? 1,
    channels: [...(of("channels")?.data ?? [0])],
    inside: [...inside.data].map((one) => one !== 0),
    patch: planes(error),
    kernel: planes(factor),
    product: planes(product),
  };
}

export interface PoolWindow {
  readonly row: number;
  readonly column: number;
  readonly error: number;
  readonly factor: number;
  readonly product: number;
}

/** The windows of a pool that cover a cell, each with what it passes back. */
export function poolsOf({ frame }: Headed<BackShown>, part: number): PoolWindow[] {
  const of = (name: string) => frame.arrays.get(`${name}.${part}`)?.data;
  const [rows, columns, inside] = [of("rows"), of("columns"), of("inside")];
  if (!rows || !columns || !inside) return [];
  const found: PoolWindow[] = [];
  for (let i = 0, k = 0; i < rows.length; i++) {
    for (let j = 0; j < columns.length; j++, k++) {
      if (!inside[k]) continue;
      const [error = NaN, factor = NaN, product = NaN] = [of("error")?.[k], of("factor")?.[k], of("product")?.[k]];
      found.push({ row: rows[i] ?? 0, column: columns[j] ?? 0, error, factor, product });
    }
  }
  return found;
}

export interface Term {
  readonly index: number;
  readonly left: number;
  readonly right: number;
  readonly product: number;
}

export interface Terms {
  readonly largest: readonly Term[];
  readonly others: number;
  readonly rest: number;
}

/** The largest terms of a weighted sum, by the names of its three arrays. */
export function largestOf(
  arrays: ReadonlyMap<string, FrameArray>,
  names: readonly [string, string, string],
  most: number,
): Terms | null {
  const [left, right, product] = names.map((name) => arrays.get(name)?.data);
  if (!left || !right || !product) return null;
  const order = Array.from(product.keys()).sort((a, b) => Math.abs(product[b] ?? 0) - Math.abs(product[a] ?? 0));
  const largest = order.slice(0, most).map((index) => ({
    index,
    left: left[index] ?? NaN,
    right: right[index] ?? NaN,
    product: product[index] ?? NaN,
  }));
  const rest = order.slice(most).reduce((sum, index) => sum + (product[index] ?? 0), 0);
  return { largest, others: Math.max(0, order.length - most), rest };
}

/** The number of the layer in which a node is computed: its output is the last of its nodes. */
export function layerWith(nodes: readonly number[], node: number): number {
  return nodes.findIndex((output) => output >= node);
}

/** Whether what a card shows adds up to its value; rounding aside. */
export function addsUp({ header }: Headed<CellShown>): boolean {
  const { total, value } = header;
  if (total === null || value === null) return true;
  return Math.abs(total - value) <= 1e-4 * Math.max(1, Math.abs(value));
}
