// Whether this engine can train what the settings ask for.

import { MOST_EXAMPLES, MOST_LAYERS, MOST_UNITS } from "../engine/defaults";
import type { Problem, Settings } from "../engine/messages";
import { ACTIVATIONS } from "./activations";
import { DataProblem, FEATURES, KINDS, type PointSet, pointSet } from "./datasets";
import { INITIALIZERS } from "./initial";
import { type Option, OPTIMIZERS } from "./optimizer";
import { outputOf, OUTPUTS } from "./output";
import { SCHEDULES } from "./schedules";

/** Something that cannot be done, as the page shows it. */
export class Refusal extends Error {
  constructor(
    message: string,
    readonly details: Partial<Omit<Problem, "type" | "message">> = {},
  ) {
    super(message);
  }

  problem(request: string): Problem {
    const none = { where: null, given: null, expected: null, fix: null };
    return { type: "problem", message: this.message, ...none, ...this.details, request };
  }
}

type Bounds = readonly [low: number, high: number];

/** Return the examples that the settings describe. Throws a `Refusal`. */
export function checked(settings: Settings): PointSet {
  checkNumbers(settings);
  if (!settings.features.length) throw new Refusal("a network needs a feature", { where: "features" });
  settings.features.forEach((name) => oneOf(FEATURES, name, "features"));
  if (new Set(settings.features).size < settings.features.length) {
    const message = "a feature stands twice in the list, and the network would get it twice";
    throw new Refusal(message, { where: "features", given: settings.features.join(", ") });
  }
  if (settings.layers.length > MOST_LAYERS) {
    throw new Refusal("there are too many layers", {
      where: "layers",
      given: `${settings.layers.length}`,
      expected: `at most ${MOST_LAYERS}`,
    });
  }
  for (const { units, activation } of settings.layers) {
    within(units, [1, MOST_UNITS], "layers.units", true);
    oneOf(ACTIVATIONS, activation, "layers.activation");
  }
  const { optimizer, schedule, weight_init, loss } = settings;
  options(oneOf(OPTIMIZERS, optimizer.name, "optimizer").options, optimizer.options, "optimizer");
  options(oneOf(SCHEDULES, schedule.name, "schedule").options, schedule.options, "schedule");
  if (weight_init !== null) oneOf(INITIALIZERS, weight_init, "weight_init");
  oneOf(OUTPUTS, loss, "loss");
  const points = examples(settings);
  if (!outputOf(loss, points.task)) {
    const fitting = Object.keys(OUTPUTS).filter((name) => outputOf(name, points.task));
    throw new Refusal(`this loss does not fit a task of ${points.task}`, {
      where: "loss",
      given: loss,
      expected: `one of ${fitting.join(", ")}`,
    });
  }
  return points;
}

function examples(settings: Settings): PointSet {
  if (settings.data.kind === "table") {
    throw new Refusal("this page cannot read tables", {
      where: "data.kind",
      given: "table",
      expected: `one of ${[...Object.keys(KINDS), "drawn"].join(", ")}`,
      fix: "train on a table with the installed clearprop: clearprop studio",
    });
  }
  try {
    return pointSet(settings.data);
  } catch (error) {
    if (!(error instanceof DataProblem)) throw error;
    throw new Refusal(error.message, { where: error.where, given: error.given, fix: error.fix });
  }
}

function checkNumbers(settings: Settings): void {
  const { data } = settings;
  within(data.examples, [4, MOST_EXAMPLES], "data.examples", true);
  within(data.noise, [0, 0.5], "data.noise");
  within(data.test, [0, 0.9], "data.test");
  within(data.classes, [2, 6], "data.classes", true);
  within(data.seed, [0, Number.MAX_SAFE_INTEGER], "data.seed", true);
  within(settings.seed, [0, Number.MAX_SAFE_INTEGER], "seed", true);
  within(settings.learning_rate, [Number.MIN_VALUE, 1e6], "learning_rate");
  within(settings.batch_size, [1, MOST_EXAMPLES], "batch_size", true);
  within(settings.epochs, [1, 1e6], "epochs", true);
  within(settings.l1, [0, 10], "l1");
  within(settings.l2, [0, 10], "l2");
  within(settings.dropout, [0, 1 - Number.EPSILON], "dropout");
}

function within(value: number, [low, high]: Bounds, where: string, whole = false): void {
  if (value >= low && value <= high && (!whole || Number.isInteger(value))) return;
  const kind = whole ? "a whole number" : "a number";
  throw new Refusal("a number is out of its range", {
    where,
    given: `${value}`,
    expected: `${kind} from ${low} to ${high}`,
  });
}

function oneOf<T>(table: Readonly<Record<string, T>>, name: string, where: string): T {
  const found = Object.hasOwn(table, name) ? table[name] : undefined;
  if (found !== undefined) return found;
  throw new Refusal("this page does not have that", {
    where,
    given: name,
    expected: `one of ${Object.keys(table).join(", ")}`,
  });
}

function options(
  known: Readonly<Record<string, Option>>,
  given: Readonly<Record<string, number>>,
  where: string,
): void {
  for (const [name, value] of Object.entries(given)) {
    const { least, open = false, below = Infinity, whole = false } = oneOf(known, name, where);
    const fits = (open ? value > least : value >= least) && value < below;
    if (fits && (!whole || Number.isInteger(value))) continue;
    const low = open ? `above ${least}` : `from ${least}`;
    throw new Refusal("a number is out of its range", {
      where: `${where}.${name}`,
      given: `${value}`,
      expected: `${whole ? "a whole number" : "a number"} ${low}${below < Infinity ? ` to below ${below}` : ""}`,
    });
  }
}
