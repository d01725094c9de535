// The bar under a box: the size of an array on a logarithmic scale, as on the page of `explain`.

import { STATISTICS } from "./headers";
import type { Bar } from "./painter";
import type { ItemId, NetworkTree } from "./tree";

export type Statistic = (typeof STATISTICS)[number];
export type BarKind = "error" | "value" | "zeros" | "none";

export interface Statistics {
  /** (nodes, columns), in the order of `STATISTICS`. */
  readonly value: Float32Array;
  readonly error: Float32Array;
}

const WIDTH = STATISTICS.length;
/** Sizes that differ by more than this factor from the largest have no bar left. */
const DECADES = 8;

export function statistic(table: Float32Array, node: number, name: Statistic): number {
  return table[node * WIDTH + STATISTICS.indexOf(name)] ?? NaN;
}

/** The bars of some items; null where none are wanted. */
export function barsOf(
  tree: NetworkTree,
  items: readonly ItemId[],
  statistics: Statistics,
  kind: BarKind,
): Map<ItemId, Bar> | null {
  if (kind === "none") return null;
  const table = kind === "error" ? statistics.error : statistics.value;
  if (kind === "zeros") {
    return new Map(items.map((id) => [id, { length: statistic(table, tree.nodeOf(id), "zeros"), isStrange: false }]));
  }
  const size = (id: ItemId) => statistic(table, tree.nodeOf(id), "size");
  const sizes = items.map(size).filter((one) => one > 0 && Number.isFinite(one));
  const top = Math.log10(Math.max(...sizes, 1e-300));
  const low = Math.max(top - DECADES, Math.log10(Math.min(...sizes, Infinity)));
  const spread = Math.max(0.5, top - low);
  const found = new Map<ItemId, Bar>();
  for (const id of items) {
    const node = tree.nodeOf(id);
    const own = size(id);
    if (Number.isNaN(own)) continue;
    const isStrange = statistic(table, node, "nonfinite") > 0;
    // The smallest one keeps a short bar, so that it is not taken for 0.
    const length = own > 0 ? 0.06 + 0.94 * Math.max(0, 1 - (top - Math.log10(own)) / spread) : 0;
    found.set(id, { length, isStrange });
  }
  return found;
}
