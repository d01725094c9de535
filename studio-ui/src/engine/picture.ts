// The frame "picture": everything that the playground draws of one moment of training.

import type { Frame } from "./frame";

/** A layer: its parameters, and the numbers of the chosen example. Arrays are read in place. */
export interface LayerPicture {
  readonly inputs: number;
  readonly units: number;
  /** (inputs, units), row by row. */
  readonly weight: Float32Array;
  readonly bias: Float32Array;
  /** Before the activation. */
  readonly preactivation: Float32Array;
  readonly value: Float32Array;
  /** dE/dvalue */
  readonly error: Float32Array;
  /** dE/dpreactivation */
  readonly delta: Float32Array;
  readonly weightGradient: Float32Array;
  readonly biasGradient: Float32Array;
  /** (units, grid, grid): what each unit gives over the square; codes of `drawing/heat.ts`. */
  readonly heat: Uint8Array;
  readonly grid: number;
  /** (units,): the value of the largest code. */
  readonly limit: Float32Array;
}

export interface FeaturePicture {
  /** (F, grid, grid) */
  readonly heat: Uint8Array;
  readonly grid: number;
  readonly limit: Float32Array;
}

export interface Picture {
  readonly run: number;
  readonly step: number;
  readonly epoch: number;
  /** The chosen example, among all. */
  readonly example: number;
  /** Its loss; null where it is not finite. */
  readonly loss: number | null;
  readonly target: number | null;
  /** Of the last epoch; null before the first one of the run, and where it is not finite. */
  readonly objective: number | null;
  readonly trainingError: number | null;
  /** The same; null too where there is no test part. */
  readonly testError: number | null;
  readonly testObjective: number | null;
  /** Training time so far. */
  readonly seconds: number;
  readonly first: boolean;
  /** Hidden layers, then the output. */
  readonly layers: readonly LayerPicture[];
  /** (F,), and dE/dinput. */
  readonly input: Float32Array;
  readonly inputError: Float32Array;
  /** Of the first frame of a run only. */
  readonly features: FeaturePicture | null;
  /** (N, 2): x1 and x2 of every example; of the first frame only. */
  readonly points: Float32Array | null;
  readonly targets: Float32Array | null;
}

/** Read a frame of the kind "picture". */
export function picture(frame: Frame): Picture {
  const layers: LayerPicture[] = [];
  while (frame.arrays.has(`weight.${layers.length}`)) layers.push(layer(frame, layers.length));
  return {
    run: numeric(frame, "run") ?? 0,
    step: numeric(frame, "step") ?? 0,
    epoch: numeric(frame, "epoch") ?? 0,
    example: numeric(frame, "example") ?? 0,
    loss: numeric(frame, "loss"),
    target: numeric(frame, "target"),
    objective: numeric(frame, "objective"),
    trainingError: numeric(frame, "training_error"),
    testError: numeric(frame, "test_error"),
    testObjective: numeric(frame, "test_objective"),
    seconds: numeric(frame, "seconds") ?? 0,
    first: frame.fields["first"] === true,
    layers,
    input: floats(frame, "input"),
    inputError: floats(frame, "input_error"),
    features: frame.arrays.has("feature_heat")
      ? {
          heat: bytes(frame, "feature_heat"),
          grid: frame.arrays.get("feature_heat")?.shape[1] ?? 0,
          limit: floats(frame, "feature_limit"),
        }
      : null,
    points: frame.arrays.has("points") ? floats(frame, "points") : null,
    targets: frame.arrays.has("targets") ? floats(frame, "targets") : null,
  };
}

function layer(frame: Frame, k: number): LayerPicture {
  const [inputs = 0, units = 0] = frame.arrays.get(`weight.${k}`)?.shape ?? [];
  return {
    inputs,
    units,
    weight: floats(frame, `weight.${k}`),
    bias: floats(frame, `bias.${k}`),
    preactivation: floats(frame, `preactivation.${k}`),
    value: floats(frame, `value.${k}`),
    error: floats(frame, `error.${k}`),
    delta: floats(frame, `delta.${k}`),
    weightGradient: floats(frame, `weight_gradient.${k}`),
    biasGradient: floats(frame, `bias_gradient.${k}`),
    heat: bytes(frame, `heat.${k}`),
    grid: frame.arrays.get(`heat.${k}`)?.shape[1] ?? 0,
    limit: floats(frame, `limit.${k}`),
  };
}

function numeric(frame: Frame, name: string): number | null {
  const value = frame.fields[name];
  return typeof value === "number" ? value : null;
}

function floats(frame: Frame, name: string): Float32Array {
  const found = frame.arrays.get(name)?.data;
  if (found instanceof Float32Array) return found;
  throw new TypeError(`the frame has no array ${name} of float32`);
}

function bytes(frame: Frame, name: string): Uint8Array {
  const found = frame.arrays.get(name)?.data;
  if (found instanceof Uint8Array) return found;
  throw new TypeError(`the frame has no array ${name} of uint8`);
}
