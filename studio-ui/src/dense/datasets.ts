// The point sets of the playground, by the formulas of clearprop/studio/playground/datasets.py.
// The random numbers are others than NumPy's, so the same seed gives other points of the same set.

import type { DataSettings } from "../engine/messages";
import { Random } from "./random";

/** The square reaches from -6 to 6 on both axes. */
export const SQUARE = 6;
/** Of circle and exclusive-or, so that noise stays within the square. */
const RADIUS = 5;
/** How far the points of exclusive-or stay away from the axes. */
const PADDING = 0.3;
/** Of each arm of the spiral. */
const TURNS = 1.75;
/** How many times larger the moons are than those of scikit-learn, to fill the square. */
const MOONS = 3.3;
const MOST_NOISE = 0.5;
const MOST_CLASSES = 6;

export type Task = "two classes" | "several classes" | "regression";

/** Points with their targets; the training part stands before the test part. */
export interface PointSet {
  /** x1 and x2, (N, 2). */
  readonly places: Float64Array;
  /** Class numbers from 0, or the numbers of a regression, (N,). */
  readonly targets: Float64Array;
  readonly training: number;
  /** Names of the classes; empty for a regression. */
  readonly classes: readonly string[];
  readonly task: Task;
  readonly about: string;
}

/** x1, x2 and target. */
type Example = readonly [x1: number, x2: number, target: number];
type Draw = (random: Random, count: number, noise: number, classes: number) => Example[];

interface Kind {
  readonly about: string;
  readonly classes: readonly string[];
  readonly draw: Draw;
  /** The word for each class where their number can be chosen. */
  readonly each?: string;
}

/** How many points each class gets: as equal as possible. */
function members(count: number, classes: number): number[] {
  const more = count % classes;
  return Array.from({ length: classes }, (_, k) => Math.floor(count / classes) + (k < more ? 1 : 0));
}

function repeated<T>(counts: readonly number[], make: (k: number, i: number) => T): T[] {
  return counts.flatMap((n, k) => Array.from({ length: n }, (_, i) => make(k, i)));
}

function around(radius: number, angle: number): [number, number] {
  return [radius * Math.sin(angle), radius * Math.cos(angle)];
}

function jitter(random: Random, reach: number, noise: number): number {
  return random.uniform(-reach, reach) * noise;
}

const circle: Draw = (random, count, noise) =>
  repeated(members(count, 2), (k) => {
    const [low, high] = k === 0 ? [0, RADIUS * 0.5] : [RADIUS * 0.7, RADIUS];
    const [x1, x2] = around(random.uniform(low, high), random.uniform(0, 2 * Math.PI));
    const far = Math.hypot(x1 + jitter(random, RADIUS, noise), x2 + jitter(random, RADIUS, noise));
    return [x1, x2, far < RADIUS * 0.5 ? 1 : 0];
  });

const xor: Draw = (random, count, noise) =>
  repeated([count], () => {
    const padded = (x: number) => x + (x > 0 ? PADDING : -PADDING);
    const [x1, x2] = [padded(random.uniform(-RADIUS, RADIUS)), padded(random.uniform(-RADIUS, RADIUS))];
    const moved = (x1 + jitter(random, RADIUS, noise)) * (x2 + jitter(random, RADIUS, noise));
    return [x1, x2, moved >= 0 ? 1 : 0];
  });

/** Clouds whose variance grows with the noise from 0.5 to 4. */
function centered(centers: readonly (readonly [number, number])[]): Draw {
  return (random, count, noise) => {
    const deviation = Math.sqrt(0.5 + (noise / MOST_NOISE) * 3.5);
    return repeated(members(count, centers.length), (k) => {
      const [x1, x2] = centers[k]!;
      return [random.normal(x1, deviation), random.normal(x2, deviation), k];
    });
  };
}

const blobs: Draw = (random, count, noise, classes) => {
  const ring = Array.from({ length: classes }, (_, k) => around(4, (k / classes) * 2 * Math.PI));
  return centered(ring)(random, count, noise, classes);
};

const spiral: Draw = (random, count, noise, classes) => {
  const counts = members(count, classes);
  return repeated(counts, (k, i) => {
    const along = i / counts[k]!;
    const angle = TURNS * along * 2 * Math.PI + (2 * Math.PI * k) / classes;
    const [x1, x2] = around(along * RADIUS, angle);
    const target = (k + 1) % classes; // of two arms the first is the class 1
    return [x1 + jitter(random, 1, noise), x2 + jitter(random, 1, noise), target];
  });
};

const moons: Draw = (random, count, noise) => {
  const [lower = 0, upper = 0] = members(count, 2);
  return repeated([upper, lower], (k, i) => {
    const n = k === 0 ? upper : lower;
    const angle = n > 1 ? (i / (n - 1)) * Math.PI : 0;
    const [x1, x2] =
      k === 0 ? [Math.cos(angle), Math.sin(angle)] : [1 - Math.cos(angle), 0.5 - Math.sin(angle)];
    const moved = [x1 + random.normal() * noise, x2 + random.normal() * noise] as const;
    return [(moved[0] - 0.5) * MOONS, (moved[1] - 0.25) * MOONS, k === 0 ? 1 : 0];
  });
};

/** A target that is a function of the place, which noise moves. */
function plane(target: (x1: number, x2: number) => number): Draw {
  return (random, count, noise) =>
    repeated([count], () => {
      const [x1, x2] = [random.uniform(-SQUARE, SQUARE), random.uniform(-SQUARE, SQUARE)];
      const moved = [jitter(random, SQUARE, noise), jitter(random, SQUARE, noise)] as const;
      return [x1, x2, target(x1 + moved[0], x2 + moved[1])];
    });
}

/** Places and signs of the hills and hollows of "gauss-plane". */
const HILLS: readonly Example[] = [
  [-4, 2.5, 1],
  [0, 2.5, -1],
  [4, 2.5, 1],
  [-4, -2.5, -1],
  [0, -2.5, 1],
  [4, -2.5, -1],
];

/** The height of the strongest hill or hollow at a place. */
export function hills(x1: number, x2: number): number {
  let strongest = 0;
  for (const [at1, at2, sign] of HILLS) {
    const height = sign * Math.max(0, Math.min(1, 1 - Math.hypot(x1 - at1, x2 - at2) / 2));
    if (Math.abs(height) > Math.abs(strongest)) strongest = height;
  }
  return strongest;
}

export const KINDS: Readonly<Record<string, Kind>> = {
  circle: {
    about: "One class lies within a circle, the other around it.",
    classes: ["outside", "inside"],
    draw: circle,
  },
  xor: {
    about: "Exclusive-or: the class says whether x1 and x2 have the same sign.",
    classes: ["different signs", "same sign"],
    draw: xor,
  },
  gauss: {
    about: "Two clouds, around (-2, -2) and (2, 2); a single line can separate them.",
    classes: ["lower cloud", "upper cloud"],
    draw: centered([
      [-2, -2],
      [2, 2],
    ]),
  },
  spiral: {
    about: "Each class is an arm of a spiral, wound around the others.",
    classes: [],
    draw: spiral,
    each: "arm",
  },
  moons: {
    about: "Two half circles that reach into each other.",
    classes: ["lower moon", "upper moon"],
    draw: moons,
  },
  blobs: {
    about: "Each class is a cloud; the clouds stand in a ring.",
    classes: [],
    draw: blobs,
    each: "cloud",
  },
  plane: {
    about: "A regression: the target is (x1 + x2) / 10.",
    classes: [],
    draw: plane((x1, x2) => (x1 + x2) / 10),
  },
  "gauss-plane": {
    about: "A regression: the target has three hills and three hollows.",
    classes: [],
    draw: plane(hills),
  },
};

/** What is wrong with the examples that were asked for: message and mend. */
export class DataProblem extends Error {
  constructor(
    message: string,
    readonly where: string,
    readonly given: string,
    readonly fix: string,
  ) {
    super(message);
  }
}

/** The point set of the settings. Throws a `DataProblem` where there is none to learn from. */
export function pointSet(data: DataSettings): PointSet {
  if (data.kind === "drawn") return drawn(data);
  const kind = Object.hasOwn(KINDS, data.kind) ? KINDS[data.kind] : undefined;
  if (!kind) {
    const message = "this page has no examples of that kind";
    throw new DataProblem(message, "data.kind", data.kind, `choose one of ${Object.keys(KINDS).join(", ")}`);
  }
  const count = kind.each ? data.classes : kind.classes.length;
  const examples = kind.draw(new Random(data.seed, 0), data.examples, data.noise, count);
  const names = kind.each
    ? Array.from({ length: count }, (_, k) => `${kind.each} ${k + 1}`)
    : kind.classes;
  return split(examples, names, data, kind.about);
}

function drawn(data: DataSettings): PointSet {
  const points = data.points;
  if (points.length < 2) {
    const message = "there are too few points to learn from";
    const fix = "draw points of two classes into the picture";
    throw new DataProblem(message, "data.points", `${points.length}`, fix);
  }
  const targets = points.map(({ target }) => target);
  const areClasses = targets.every((t) => Number.isInteger(t) && t >= 0 && t < MOST_CLASSES);
  if (areClasses && new Set(targets).size < 2) {
    const message = "all points are of one class, so there is nothing to tell apart";
    const given = `${points.length} points of class ${targets[0]}`;
    throw new DataProblem(message, "data.points", given, "draw points of another class too");
  }
  const count = areClasses ? Math.max(2, Math.max(...targets) + 1) : 0;
  const names = Array.from({ length: count }, (_, k) => `class ${k + 1}`);
  const examples = points.map(({ x1, x2, target }): Example => [x1, x2, target]);
  return split(examples, names, data, `The ${points.length} points that you drew.`);
}

function split(
  examples: readonly Example[],
  classes: readonly string[],
  data: DataSettings,
  about: string,
): PointSet {
  const count = examples.length;
  const training = count - rounded(data.test * count);
  if (training < 1) {
    const given = `${count} points, of which ${count - training} are held out for the test`;
    throw new DataProblem("no point is left to train with", "data", given, "hold out fewer points");
  }
  const order = new Random(data.seed, 1).permutation(count);
  const places = new Float64Array(2 * count);
  const targets = new Float64Array(count);
  order.forEach((from, to) => {
    const [x1, x2, target] = examples[from]!;
    places.set([x1, x2], 2 * to);
    targets[to] = target;
  });
  const task = !classes.length ? "regression" : classes.length === 2 ? "two classes" : "several classes";
  return { places, targets, training, classes, task, about };
}

/** The nearest whole number; of two the even one, as Python does. */
function rounded(x: number): number {
  const below = Math.floor(x);
  if (x - below !== 0.5) return Math.round(x);
  return below % 2 === 0 ? below : below + 1;
}

// --- what a network gets of a point --------------------------------------------------------------

export const FEATURES: Readonly<Record<string, (x1: number, x2: number) => number>> = {
  x1: (x1) => x1,
  x2: (_, x2) => x2,
  "x1^2": (x1) => x1 * x1,
  "x2^2": (_, x2) => x2 * x2,
  "x1*x2": (x1, x2) => x1 * x2,
  "sin(x1)": (x1) => Math.sin(x1),
  "sin(x2)": (_, x2) => Math.sin(x2),
};

/** The features (N, F) of places (N, 2). */
export function features(places: Float64Array, names: readonly string[]): Float64Array {
  const made = new Float64Array((places.length / 2) * names.length);
  const functions = names.map((name) => FEATURES[name]!);
  for (let n = 0; n < places.length / 2; n++) {
    functions.forEach((f, k) => {
      made[n * names.length + k] = f(places[2 * n]!, places[2 * n + 1]!);
    });
  }
  return made;
}
