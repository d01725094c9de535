// The boxes of one open group in ranks, while they are laid out, and the names of their places.

import { ROOT, type ItemId, type NetworkTree } from "./tree";

export const WIDTH = 172;
export const HEIGHT = 46;
export const HEADER = 24;
export const GAP_X = 22;
export const GAP_Y = 22;
export const LANE = 16;
export const PADDING = 14;

/** A place in a rank: an item, a port, or a bend of a long line. */
export interface Slot {
  readonly key: string;
  readonly id: ItemId | null;
  readonly width: number;
  readonly height: number;
  rank: number;
  order: number;
  x: number;
  y: number;
}

export interface Edge {
  readonly from: Slot;
  readonly to: Slot;
  /** Where it begins and ends, from the middle of its box. */
  readonly fromOffset: number;
  readonly toOffset: number;
}

/** An open group, laid out with its upper left corner at 0, 0. */
export interface Inner {
  readonly width: number;
  readonly height: number;
  readonly slots: readonly Slot[];
  /** The bends of a line between two slots, by their keys. */
  readonly bends: ReadonlyMap<string, readonly Slot[]>;
  readonly at: ReadonlyMap<string, Slot>;
  /** Where the columns are that the ranks are broken into. */
  readonly columns: readonly Strip[];
}

/** A column in its place: its ranks, and where it is. */
export interface Strip {
  readonly first: number;
  readonly last: number;
  readonly left: number;
  readonly top: number;
  readonly bottom: number;
}

export const item = (id: ItemId) => `i${id}`;
export const inPort = (from: ItemId) => `in${from}`;
export const outPort = (from: ItemId) => `out${from}`;
export const link = (a: string, b: string) => `${a}>${b}`;

export function slot(key: string, id: ItemId | null, width: number, height: number): Slot {
  return { key, id, width, height, rank: 0, order: 0, x: 0, y: 0 };
}

/** The innermost open group around both items, and the way from it down to each of them. */
export function ways(tree: NetworkTree, from: ItemId, to: ItemId): { up: ItemId[]; common: ItemId; down: ItemId[] } {
  const [a, b] = [tree.around(from), tree.around(to)];
  let k = 0;
  while (k + 1 < a.length && k + 1 < b.length && a[k + 1] === b[k + 1]) k++;
  return { up: a.slice(k + 1), common: a[k] ?? ROOT, down: b.slice(k + 1) };
}
