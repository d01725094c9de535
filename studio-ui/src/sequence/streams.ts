// Which streams are drawn: the outer layers, or every layer inside them too.

import type { Table } from "./picture";

/** Whether a layer is a part of the whole network or one of its blocks, and not a layer inside a block. */
export const isOuter = (path: string): boolean => /^[^.]*(\.\d+)?$/.test(path);

/** Some rows of a table. */
export function rowsOf(table: Table, rows: readonly number[]): Table {
  const data = new Float32Array(rows.length * table.columns);
  rows.forEach((row, k) => data.set(table.data.subarray(row * table.columns, (row + 1) * table.columns), k * table.columns));
  return { rows: rows.length, columns: table.columns, data };
}
