// The numbers of one place of the network, for the chosen example, read from a picture.

import type { LayerPicture, Picture } from "../engine/picture";

export interface UnitFacts {
  readonly preactivation: number;
  readonly value: number;
  readonly error: number;
  readonly delta: number;
  /** dvalue/dpreactivation; null where the error signal is 0, from which it cannot be read. */
  readonly local: number | null;
  readonly bias: number;
  readonly biasGradient: number;
  readonly inputs: readonly InputFacts[];
  readonly limit: number;
}

export interface InputFacts {
  readonly from: number;
  readonly value: number;
  readonly weight: number;
  readonly product: number;
  readonly gradient: number;
}

export function unitFacts(picture: Picture, layer: number, unit: number): UnitFacts | null {
  const found = picture.layers[layer];
  if (!found || unit >= found.units) return null;
  const error = at(found.error, unit);
  const delta = at(found.delta, unit);
  return {
    preactivation: at(found.preactivation, unit),
    value: at(found.value, unit),
    error,
    delta,
    local: error === 0 ? null : delta / error,
    bias: at(found.bias, unit),
    biasGradient: at(found.biasGradient, unit),
    inputs: Array.from({ length: found.inputs }, (_, from) => inputFacts(picture, layer, from, unit)),
    limit: at(found.limit, unit),
  };
}

/** The numbers of the link from `from` of the layer before. */
export function inputFacts(picture: Picture, layer: number, from: number, unit: number): InputFacts {
  const found = picture.layers[layer];
  const value = at(layer === 0 ? picture.input : picture.layers[layer - 1]?.value, from);
  const weight = entry(found, found?.weight, from, unit);
  return {
    from,
    value,
    weight,
    product: value * weight,
    gradient: entry(found, found?.weightGradient, from, unit),
  };
}

function entry(
  layer: LayerPicture | undefined,
  matrix: Float32Array | undefined,
  from: number,
  unit: number,
): number {
  return at(matrix, from * (layer?.units ?? 0) + unit);
}

function at(array: Float32Array | undefined, index: number): number {
  return array?.[index] ?? NaN;
}
