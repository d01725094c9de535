// Which units of a recurrent layer are drawn, and in which order.

import type { Layer, Table } from "./picture";

export type Which = "change" | "error" | "all";

/** So many units are drawn unless all are. */
export const FEW = 24;

/** Numbers of the units to draw, in their order. */
export function unitsOf(layer: Layer, which: Which, most = FEW): number[] {
  const every = Array.from({ length: layer.about.units }, (_, unit) => unit);
  if (which === "all" || every.length <= most) return every;
  const hidden = layer.values.get("hidden");
  const error = layer.errors.get("cell") ?? layer.errors.get("hidden");
  const size = which === "error" ? (error ? strengthOf(error) : []) : hidden ? changeOf(hidden) : [];
  const of = (unit: number) => (Number.isFinite(size[unit]) ? (size[unit] as number) : Infinity);
  return every.sort((a, b) => of(b) - of(a) || a - b).slice(0, most).sort((a, b) => a - b);
}

/** Standard deviation of each column over the rows. */
function changeOf({ rows, columns, data }: Table): Float64Array {
  const found = new Float64Array(columns);
  for (let k = 0; k < columns; k++) {
    let [sum, squares] = [0, 0];
    for (let t = 0; t < rows; t++) {
      const x = data[t * columns + k] ?? NaN;
      sum += x;
      squares += x * x;
    }
    found[k] = Math.sqrt(Math.max(0, squares / rows - (sum / rows) ** 2));
  }
  return found;
}

/** Sum of the sizes of each column. */
function strengthOf({ rows, columns, data }: Table): Float64Array {
  const found = new Float64Array(columns);
  for (let k = 0; k < columns; k++) {
    for (let t = 0; t < rows; t++) found[k] = (found[k] ?? 0) + Math.abs(data[t * columns + k] ?? NaN);
  }
  return found;
}

/** The chosen units as rows and places as columns, as they are drawn. */
export function turned({ rows, columns, data }: Table, units: readonly number[]): Table {
  const found = new Float32Array(units.length * rows);
  units.forEach((unit, row) => {
    for (let t = 0; t < rows; t++) found[row * rows + t] = data[t * columns + unit] ?? NaN;
  });
  return { rows: units.length, columns: rows, data: found };
}
