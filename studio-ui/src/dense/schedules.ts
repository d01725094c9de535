// The schedules of clearprop/optim/schedules.py that a few numbers describe: the learning rate after
// t updates, from the first one.

import { type Option, withInitials } from "./optimizer";

export interface Schedule {
  readonly options: Readonly<Record<string, Option>>;
  readonly rate: (
    initial: number,
    t: number,
    options: Readonly<Record<string, number>>,
  ) => number;
}

const count = (initial: number): Option => ({ initial, least: 1, whole: true });
const above = (initial: number): Option => ({ initial, least: 0, open: true });
const FINAL: Option = { initial: 0, least: 0 };

function falling(initial: number, final: number, height: number): number {
  return final + (initial - final) * height;
}

const halfCosine = (done: number) => (1 + Math.cos(Math.PI * done)) / 2;

export const SCHEDULES: Readonly<Record<string, Schedule>> = {
  constant: { options: {}, rate: (initial) => initial },
  step: {
    options: { every: count(250), factor: above(0.1) },
    rate: (initial, t, { every = 1, factor = 1 }) => initial * factor ** Math.floor(t / every),
  },
  exponential: {
    options: { factor: above(0.5), every: above(250) },
    rate: (initial, t, { factor = 1, every = 1 }) => initial * factor ** (t / every),
  },
  cosine: {
    options: { steps: count(2500), final: FINAL },
    rate: (initial, t, { steps = 1, final = 0 }) =>
      falling(initial, final, halfCosine(Math.min(t / steps, 1))),
  },
  polynomial: {
    options: { steps: count(2500), power: above(1), final: FINAL },
    rate: (initial, t, { steps = 1, power = 1, final = 0 }) =>
      falling(initial, final, (1 - Math.min(t / steps, 1)) ** power),
  },
  cosine_restarts: {
    options: { steps: count(250), multiply: count(1), final: FINAL },
    rate: (initial, t, { steps = 1, multiply = 1, final = 0 }) => {
      let [since, period] = [t, steps];
      if (multiply === 1) since = t % steps;
      else for (; since >= period; period *= multiply) since -= period;
      return falling(initial, final, halfCosine(since / period));
    },
  },
};

/** The learning rate as a function of the updates made so far. */
export function scheduled(
  name: string,
  initial: number,
  options: Readonly<Record<string, number>>,
): (t: number) => number {
  const found = Object.hasOwn(SCHEDULES, name) ? SCHEDULES[name] : undefined;
  if (!found) throw new RangeError(`there is no schedule ${name}`);
  const all = withInitials(found.options, options);
  return (t) => found.rate(initial, t, all);
}
