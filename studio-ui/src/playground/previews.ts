// What each feature would show over the square, for those that are switched off.

import { FEATURES } from "../dense/datasets";
import { codeOf } from "../drawing/heat";
import type { FeaturePicture } from "../engine/picture";

const SQUARE = 6;
const GRID = 20;

export function featurePreviews(names: readonly string[]): FeaturePicture {
  const heat = new Uint8Array(names.length * GRID * GRID);
  const limits = names.map((name, k) => {
    const values = Array.from({ length: GRID * GRID }, (_, i) => {
      const x1 = -SQUARE + ((i % GRID) * 2 * SQUARE) / (GRID - 1);
      const x2 = SQUARE - (Math.floor(i / GRID) * 2 * SQUARE) / (GRID - 1);
      return FEATURES[name]?.(x1, x2) ?? 0;
    });
    const limit = Math.max(...values.map(Math.abs));
    values.forEach((value, i) => (heat[k * GRID * GRID + i] = codeOf(value, limit)));
    return limit;
  });
  return { heat, grid: GRID, limit: Float32Array.from(limits) };
}
