// The links between two columns: their curve, and which one is under the pointer.

import { linkHorizontal } from "d3-shape";

import type { Column } from "./layout";

export interface Ends {
  readonly source: readonly [number, number];
  readonly target: readonly [number, number];
}

/** The two ends of the link from one unit to another. */
export function ends(before: Column, from: number, after: Column, unit: number): Ends | null {
  const a = before.boxes[from];
  const b = after.boxes[unit];
  if (!a || !b) return null;
  return { source: [a.x + a.size / 2, a.y], target: [b.x - b.size / 2, b.y] };
}

type Drawn = { source: [number, number]; target: [number, number] };
const curve = linkHorizontal<Drawn, [number, number]>();

/** Add the curve to the path of a canvas. */
export function trace(context: CanvasRenderingContext2D, { source, target }: Ends): void {
  curve.context(context)({ source: [...source], target: [...target] });
}

/** The y of the curve at an x; null outside. Its control points have the x of the middle. */
export function heightAt({ source, target }: Ends, x: number): number | null {
  const [x0, y0] = source;
  const [x1, y1] = target;
  if (x < x0 || x > x1 || x1 <= x0) return null;
  const wanted = (x - x0) / (x1 - x0);
  // x(t) = 1.5 t (1 - t)^2 + 1.5 t^2 (1 - t) + t^3 rises, so that halving finds t.
  let low = 0;
  let high = 1;
  for (let i = 0; i < 24; i++) {
    const t = (low + high) / 2;
    if (1.5 * t * (1 - t) + t * t * t < wanted) low = t;
    else high = t;
  }
  const t = (low + high) / 2;
  return y0 + (y1 - y0) * t * t * (3 - 2 * t);
}

/** The link nearest to a point, if it is near enough. */
export function nearestLink(
  columns: readonly Column[],
  linked: (layer: number) => { readonly from: readonly number[]; readonly to: readonly number[] },
  x: number,
  y: number,
  reach: number,
): { layer: number; from: number; unit: number } | null {
  let best = reach;
  let found: { layer: number; from: number; unit: number } | null = null;
  for (let layer = 0; layer + 1 < columns.length; layer++) {
    const before = columns[layer];
    const after = columns[layer + 1];
    if (!before || !after || x < before.x || x > after.x) continue;
    const { from, to } = linked(layer);
    from.forEach((row, i) =>
      to.forEach((unit) => {
        const both = ends(before, row, after, unit);
        const at = both && heightAt(both, x);
        if (at !== null && Math.abs(at - y) < best) {
          best = Math.abs(at - y);
          found = { layer, from: i, unit };
        }
      }),
    );
  }
  return found;
}
