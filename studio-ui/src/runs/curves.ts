// The frame "curves" of a run, and its lines.

import { line, type Points } from "../drawing/lines";
import type { Frame } from "../engine/frame";

export type Axis = "epoch" | "step" | "seconds";

export const AXES: readonly { readonly value: Axis; readonly title: string; readonly about: string }[] = [
  { value: "epoch", title: "Epoch", about: "One pass through all training examples." },
  { value: "step", title: "Step", about: "One update of the weights, with one batch of examples." },
  { value: "seconds", title: "Time", about: "Seconds of training, without the time of compiling." },
];

/** The axis that the address says. */
export function axisOf(values: URLSearchParams): Axis {
  return AXES.find((one) => one.value === values.get("x"))?.value ?? "epoch";
}

export interface RunCurves {
  readonly run: string;
  readonly version: number;
  readonly firstStep: number;
  readonly metrics: readonly string[];
  readonly epoch: Int32Array;
  readonly step: Int32Array;
  readonly seconds: Float32Array;
  /** By name: objective, training_error, development_error, development_objective, learning_rate, metric.k */
  readonly columns: ReadonlyMap<string, Float32Array>;
  readonly lossStep: Int32Array;
  readonly loss: Float32Array;
}

/** Read a frame of the kind "curves". */
export function readCurves(frame: Frame): RunCurves {
  const columns = new Map<string, Float32Array>();
  for (const [name, { data }] of frame.arrays) {
    if (data instanceof Float32Array && name !== "seconds" && name !== "loss") columns.set(name, data);
  }
  return {
    run: String(frame.fields["run"]),
    version: Number(frame.fields["version"]),
    firstStep: Number(frame.fields["first_step"]),
    metrics: frame.fields["metrics"] as readonly string[],
    epoch: whole(frame, "epoch"),
    step: whole(frame, "step"),
    seconds: floats(frame, "seconds"),
    columns,
    lossStep: whole(frame, "loss_step"),
    loss: floats(frame, "loss"),
  };
}

/** A column of a run over an axis; numbers that are not finite are gaps. */
export function points(curves: RunCurves, column: string, axis: Axis): Points {
  return line(curves[axis], curves.columns.get(column) ?? []);
}

/** The losses of single steps, over the epochs or the time as far as these are known. */
export function losses(curves: RunCurves, axis: Axis): Points {
  const x = Array.from(curves.lossStep, (step) => (axis === "step" ? step : along(curves, step, axis)));
  const kept = x.flatMap((at, i) => (Number.isFinite(at) ? [i] : []));
  return line(
    kept.map((i) => x[i] ?? 0),
    kept.map((i) => curves.loss[i] ?? NaN),
  );
}

/** Where a step lies on another axis: between the epochs around it. */
export function along(curves: RunCurves, step: number, axis: "epoch" | "seconds"): number {
  const { step: steps, [axis]: places } = curves;
  if (steps.length === 0) return NaN;
  let low = 0;
  let high = steps.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((steps[middle] ?? 0) < step) low = middle + 1;
    else high = middle;
  }
  const first = axis === "epoch" && curves.firstStep > 0 ? startOf(curves) : 0;
  const [s0, p0] = low > 0 ? [steps[low - 1] ?? 0, places[low - 1] ?? 0] : [curves.firstStep, first];
  if (low < steps.length) {
    const [s1, p1] = [steps[low] ?? 0, places[low] ?? 0];
    return s1 > s0 ? p0 + ((p1 - p0) * (step - s0)) / (s1 - s0) : p1;
  }
  // Behind the last epoch: as fast as it was.
  const [sa, pa] = low > 1 ? [steps[low - 2] ?? 0, places[low - 2] ?? 0] : [curves.firstStep, first];
  return s0 > sa ? p0 + ((p0 - pa) * (step - s0)) / (s0 - sa) : p0;
}

/** The epoch at which a fork begins, by the length of its later epochs. */
function startOf({ epoch, step, firstStep }: RunCurves): number {
  const [e0 = 0, e1] = [epoch[0], epoch[1]];
  const [s0 = 0, s1] = [step[0], step[1]];
  const perEpoch = e1 !== undefined && s1 !== undefined && e1 > e0 ? (s1 - s0) / (e1 - e0) : s0 / e0;
  return perEpoch > 0 ? e0 - (s0 - firstStep) / perEpoch : e0 - 1;
}

/** A fork's line with the point of its parent at which it left it. */
export function branched(own: Points, parent: Points, at: number): Points {
  let last = -1;
  parent.x.forEach((x, i) => {
    if (x <= at && parent.y[i] != null) last = i;
  });
  const x = parent.x[last];
  if (last < 0 || x === undefined || (own.x[0] ?? Infinity) <= x) return own;
  return { x: [x, ...own.x], y: [parent.y[last] ?? null, ...own.y] };
}

function whole(frame: Frame, name: string): Int32Array {
  const found = frame.arrays.get(name)?.data;
  if (found instanceof Int32Array) return found;
  throw new TypeError(`the frame has no array ${name} of int32`);
}

function floats(frame: Frame, name: string): Float32Array {
  const found = frame.arrays.get(name)?.data;
  if (found instanceof Float32Array) return found;
  throw new TypeError(`the frame has no array ${name} of float32`);
}
