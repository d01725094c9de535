// What a loss asks of the last layer, and how it takes the targets: the table of
// clearprop/studio/playground/catalog.py, for the losses of this engine.

import type { PointSet, Task } from "./datasets";

/** "signs" are -1 and 1 for two classes, "bits" 0 and 1, "labels" the numbers of the classes. */
export type Coding = "signs" | "bits" | "labels" | "numbers";

export interface Output {
  readonly activation: string;
  readonly coding: Coding;
}

const CENTERED = {
  "two classes": { activation: "tanh", coding: "signs" },
  regression: { activation: "identity", coding: "numbers" },
} as const;
const LOGIT = { "two classes": { activation: "identity", coding: "bits" } } as const;
const PROBABILITY = { "two classes": { activation: "sigmoid", coding: "bits" } } as const;
const LOGITS = {
  "two classes": { activation: "identity", coding: "labels" },
  "several classes": { activation: "identity", coding: "labels" },
} as const;

/** For each loss the tasks that it fits. */
export const OUTPUTS: Readonly<Record<string, Readonly<Partial<Record<Task, Output>>>>> = {
  squared_error: CENTERED,
  mean_squared_error: CENTERED,
  absolute_error: CENTERED,
  mean_absolute_error: CENTERED,
  huber: CENTERED,
  smooth_l1: CENTERED,
  binary_squared_error: PROBABILITY,
  log_loss: PROBABILITY,
  binary_cross_entropy: LOGIT,
  hinge: LOGIT,
  perceptron: LOGIT,
  cross_entropy: LOGITS,
};

/** What the loss asks for; undefined where it does not fit the task. */
export function outputOf(loss: string, task: Task): Output | undefined {
  return Object.hasOwn(OUTPUTS, loss) ? OUTPUTS[loss]?.[task] : undefined;
}

export function outputLayer(loss: string, points: PointSet): { units: number; activation: string } {
  const found = outputOf(loss, points.task);
  if (!found) throw new RangeError(`the loss ${loss} does not fit a task of ${points.task}`);
  const units = found.coding === "labels" ? points.classes.length : 1;
  return { units, activation: found.activation };
}

/** The targets as the loss takes them. */
export function coded(loss: string, points: PointSet): Float64Array {
  const signs = outputOf(loss, points.task)?.coding === "signs";
  return signs ? points.targets.map((t) => 2 * t - 1) : points.targets;
}
