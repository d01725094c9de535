// The arrays of a frame "cell" as what a page shows: windows, and the terms of a sum.

import type { Color } from "../drawing/heat";
import type { Headed } from "./api";
import type { CellShown } from "./headers";

/** A window: for each of its places one number for each channel. */
export interface Patches {
  readonly columns: number;
  readonly channels: readonly number[];
  readonly inside: readonly boolean[];
  readonly patch: readonly (readonly number[])[];
  readonly kernel: readonly (readonly number[])[];
  readonly product: readonly (readonly number[])[];
}

export interface Terms {
  readonly largest: readonly { index: number; input: number; weight: number; product: number }[];
  /** How many products are not among them, and their sum. */
  readonly others: number;
  readonly rest: number;
}

const MOST_TERMS = 6;

/** The window of a convolution or a pool; null for other cells. */
export function patchesOf({ header, frame }: Headed<CellShown>): Patches | null {
  const patch = frame.arrays.get("patch");
  const inside = frame.arrays.get("inside");
  if (!patch || !inside) return null;
  const isConvolution = header.cell_kind === "convolution";
  const depth = isConvolution ? (patch.shape.at(-1) ?? 1) : 1;
  const window = isConvolution ? patch.shape.slice(0, -1) : patch.shape;
  const planes = (name: string) => {
    const data = frame.arrays.get(name)?.data ?? new Float32Array();
    return Array.from({ length: inside.data.length }, (_, k) => [...data.subarray(k * depth, (k + 1) * depth)]);
  };
  const channels = frame.arrays.get("channels")?.data ?? [header.index.at(-1) ?? 0];
  return {
    columns: window.at(-1) ?? 1,
    channels: [...channels],
    inside: [...inside.data].map((one) => one !== 0),
    patch: planes("patch"),
    kernel: planes("kernel"),
    product: planes("product"),
  };
}

/** The largest terms of a weighted sum; null for other cells. */
export function termsOf({ frame }: Headed<CellShown>): Terms | null {
  const of = (name: string) => frame.arrays.get(name)?.data;
  const [input, weight, product] = [of("input"), of("weight"), of("product")];
  if (!input || !weight || !product) return null;
  const order = Array.from(product.keys()).sort((a, b) => Math.abs(product[b] ?? 0) - Math.abs(product[a] ?? 0));
  const largest = order.slice(0, MOST_TERMS).map((index) => ({
    index,
    input: input[index] ?? NaN,
    weight: weight[index] ?? NaN,
    product: product[index] ?? NaN,
  }));
  const rest = order.slice(MOST_TERMS).reduce((sum, index) => sum + (product[index] ?? 0), 0);
  return { largest, others: Math.max(0, order.length - MOST_TERMS), rest };
}

const [DARK, LIGHT] = ["#000000", "#ffffff"] as const;
/** Above this luminance dark letters have the stronger contrast. */
const MIDDLE = 0.179;

/** The color of letters that can be read on a color. */
export function inkOn(color: Color): string {
  const [red, green, blue] = color.map((part) => {
    const one = part / 255;
    return one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4;
  });
  const luminance = 0.2126 * (red ?? 0) + 0.7152 * (green ?? 0) + 0.0722 * (blue ?? 0);
  return luminance > MIDDLE ? DARK : LIGHT;
}
