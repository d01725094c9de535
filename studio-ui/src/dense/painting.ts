// The frame "picture" of a run, with the same fields and arrays as the server's.

import { codeOf } from "../drawing/heat";
import type { FrameArray, Frame, Numbers } from "../engine/frame";
import { features as featuresOf, SQUARE } from "./datasets";
import type { Passed } from "./explanation";
import type { Network, Trace } from "./network";
import type { Run } from "./run";

const SMALL_GRID = 40;
const LARGE_GRID = 100;
/** A network with more parameters gets a coarse map of its output too: 10,000 points take long. */
const MOST_FOR_LARGE = 5_000;

/** Draws pictures of one run; it keeps the memory that they need. */
export class Painter {
  readonly #small: UnitMap;
  readonly #large: UnitMap;
  readonly #traces: readonly Trace[];
  readonly #inputError: Float64Array;

  constructor(readonly run: Run) {
    const { network, settings } = run;
    const large = network.parameters.length > MOST_FOR_LARGE ? SMALL_GRID : LARGE_GRID;
    this.#small = new UnitMap(SMALL_GRID, settings.features, network);
    this.#large = large === SMALL_GRID ? this.#small : new UnitMap(large, settings.features, network);
    this.#traces = network.traces(1);
    this.#inputError = new Float64Array(network.features);
  }

  /** The passes of one example, as they are in evaluation. */
  passes(example: number): Passed & { readonly input: Float64Array } {
    const { network, settings, inputs, targets, points } = this.run;
    const F = network.features;
    const input = inputs.subarray(example * F, (example + 1) * F);
    const target = targets.subarray(example, example + 1);
    network.forward(input, 1, this.#traces);
    const [objective] = network.measure(this.#traces, target, 1);
    network.backward(input, target, 1, this.#traces, this.#inputError);
    const { features, loss } = settings;
    const place = [points.places[2 * example]!, points.places[2 * example + 1]!] as const;
    const given = { network, features, loss, place, target: target[0]! };
    return { ...given, traces: this.#traces, input, objective };
  }

  /** A frame; the first of a run has the examples and the features too. */
  frame(number: number, example: number, first: boolean): Frame {
    const { run } = this;
    const { traces, input, objective, target } = this.passes(example);
    const arrays = new Map<string, FrameArray>();
    const put = (name: string, data: Numbers, ...shape: number[]) => arrays.set(name, { shape, data });
    const floats = (name: string, data: Float64Array, ...shape: number[]) =>
      put(name, Float32Array.from(data), ...(shape.length ? shape : [data.length]));
    const last = run.network.layers.length - 1;
    this.#small.compute(run.network);
    if (this.#large !== this.#small) this.#large.compute(run.network);
    run.network.layers.forEach((layer, k) => {
      const trace = traces[k]!;
      floats(`weight.${k}`, layer.weight, layer.inputs, layer.units);
      floats(`bias.${k}`, layer.bias);
      floats(`preactivation.${k}`, trace.preactivation);
      floats(`value.${k}`, trace.value);
      floats(`error.${k}`, trace.error);
      floats(`delta.${k}`, trace.delta);
      floats(`weight_gradient.${k}`, layer.weightGradient, layer.inputs, layer.units);
      floats(`bias_gradient.${k}`, layer.biasGradient);
      const map = k === last ? this.#large : this.#small;
      const [heat, limit] = map.coded(map.traces[k]!.value, layer.units);
      put(`heat.${k}`, heat, layer.units, map.grid, map.grid);
      put(`limit.${k}`, limit, layer.units);
    });
    floats("input", input);
    floats("input_error", this.#inputError);
    if (first) this.#describe(put, floats);
    const { last: done, seconds } = run;
    const { step, epoch } = run.position;
    const fields = {
      ...{ run: number, step, epoch, example, loss: finite(objective) },
      ...{ target: finite(target), seconds, first },
      objective: done && finite(done.objective),
      training_error: done && finite(done.trainingError),
      test_error: done?.testError ?? null,
      test_objective: done?.testObjective ?? null,
      changed_at: run.changedAt,
    };
    return { kind: "picture", fields, arrays };
  }

  #describe(
    put: (name: string, data: Numbers, ...shape: number[]) => void,
    floats: (name: string, data: Float64Array, ...shape: number[]) => void,
  ): void {
    const { points, network } = this.run;
    const map = this.#small;
    const [heat, limit] = map.coded(map.inputs, network.features);
    put("feature_heat", heat, network.features, map.grid, map.grid);
    put("feature_limit", limit, network.features);
    floats("points", points.places, points.targets.length, 2);
    floats("targets", points.targets);
  }
}

/** The values of all units at the points of a grid over the square; row 0 has the highest x2. */
class UnitMap {
  readonly inputs: Float64Array;
  readonly traces: readonly Trace[];

  constructor(
    readonly grid: number,
    names: readonly string[],
    network: Network,
  ) {
    const at = (i: number) => ((i + 0.5) / grid) * 2 * SQUARE - SQUARE;
    const places = new Float64Array(2 * grid * grid);
    for (let n = 0; n < grid * grid; n++) {
      places.set([at(n % grid), -at(Math.floor(n / grid))], 2 * n);
    }
    this.inputs = featuresOf(places, names);
    this.traces = network.traces(grid * grid);
  }

  compute(network: Network): void {
    network.forward(this.inputs, this.grid * this.grid, this.traces);
  }

  /** Values (points, units) as codes (units, points), and the value of the largest code of each. */
  coded(values: Float64Array, units: number): [Uint8Array<ArrayBuffer>, Float32Array<ArrayBuffer>] {
    const points = this.grid * this.grid;
    const codes = new Uint8Array(units * points);
    const limits = new Float32Array(units);
    for (let u = 0; u < units; u++) {
      let limit = 0;
      for (let n = 0; n < points; n++) {
        const size = Math.abs(values[n * units + u]!);
        if (size > limit && size < Infinity) limit = size;
      }
      limits[u] = limit;
      for (let n = 0; n < points; n++) codes[u * points + n] = codeOf(values[n * units + u]!, limit);
    }
    return [codes, limits];
  }
}

function finite(x: number): number | null {
  return Number.isFinite(x) ? x : null;
}
