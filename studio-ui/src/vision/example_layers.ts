// A small LeNet for tests: enlarged input, convolution, rectifier, pool, flat, two linear layers.

import type { MapLayer, Maps, Ranges } from "./picture";

interface Given {
  number: number;
  path: string;
  kind: string;
  shape: readonly number[];
  reads: readonly number[];
  /** Of each row and column of the layer that it reads. */
  ranges?: readonly (readonly [number, number])[];
  same?: boolean | null;
  factor?: number;
}

function maps(size: number): Maps {
  const numbers = Float32Array.from({ length: size }, (_, k) => (k % 7) - 3);
  return { codes: Uint8Array.from(numbers, (x) => Math.round((x / 3) * 127) + 127), numbers, limit: 3 };
}

export function layer({ number, path, kind, shape, reads, ranges, same = null, factor = 1 }: Given): MapLayer {
  const isPicture = shape.length === 4;
  const [, high = 1, wide = 1, count = 1] = isPicture ? shape : [1, 1, shape[1] ?? 1, 1];
  const [height, width] = [Math.ceil(high / factor), Math.ceil(wide / factor)];
  const rows: Ranges | null = ranges ? Int32Array.from(ranges.flat()) : null;
  return {
    number,
    node: 10 * number,
    group: number - 1,
    path,
    kind,
    shape,
    maps: count,
    height,
    width,
    factor,
    isPicture,
    value: maps(count * height * width),
    error: maps(count * height * width),
    reads: reads.map((of) => ({ layer: of, sameChannel: same, rows, columns: rows })),
    rows: null,
    columns: null,
    kernelNode: kind === "Conv2d" ? 5 : null,
  };
}

const each = (n: number, range: (k: number) => readonly [number, number]) => Array.from({ length: n }, (_, k) => range(k));

export const LENET: readonly MapLayer[] = [
  layer({ number: 0, path: "input", kind: "input", shape: [1, 3, 3, 1], reads: [] }),
  layer({
    number: 1,
    path: "layers.0",
    kind: "Enlarge",
    shape: [1, 6, 6, 1],
    reads: [0],
    ranges: each(6, (k) => [Math.floor(k / 2), Math.floor(k / 2)]),
    same: true,
  }),
  layer({
    number: 2,
    path: "layers.1.conv1",
    kind: "Conv2d",
    shape: [1, 4, 4, 2],
    reads: [1],
    ranges: each(4, (k) => [k, k + 2]),
    same: false,
  }),
  layer({
    number: 3,
    path: "layers.1.activation #1",
    kind: "relu",
    shape: [1, 4, 4, 2],
    reads: [2],
    ranges: each(4, (k) => [k, k]),
    same: true,
  }),
  layer({
    number: 4,
    path: "layers.1.pool1",
    kind: "MaxPool2d",
    shape: [1, 2, 2, 2],
    reads: [3],
    ranges: each(2, (k) => [2 * k, 2 * k + 1]),
    same: true,
  }),
  layer({ number: 5, path: "layers.1.flatten", kind: "Flatten", shape: [1, 8], reads: [4] }),
  layer({ number: 6, path: "layers.1.hidden1", kind: "Linear", shape: [1, 5], reads: [5] }),
  layer({ number: 7, path: "layers.1.activation #2", kind: "relu", shape: [1, 5], reads: [6] }),
  layer({ number: 8, path: "layers.1.output", kind: "Linear", shape: [1, 3], reads: [7] }),
];
