// The schedules of clearprop/optim/schedules.py that a few numbers describe: the learning rate after
// t updates, from the first one.

import type { Option } from "./optimizer";

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
    options: { every: count(1000), factor: above(0.1) },
    rate: (initial, t, { every = 1, factor = 1 }) => initial * factor ** Math.floor(t / every),
  },
  exponential: {
    options: { factor: above(0.9), every: above(1000) },
    rate: (initial, t, { factor = 1, every = 1 }) => initial * factor ** (t / every),
  },
  cosine: {
    options: { steps: count(1000), final: FINAL },
    rate: (initial, t, { steps = 1, final = 0 }) =>
      falling(initial, final, halfCosine(Math.min(t / steps, 1))),
  },
  polynomial: {
    options: { steps: count(1000), power: above(1), final: FINAL },
    rate: (initial, t, { steps = 1, power = 1, final = 0 }) =>
      falling(initial, final, (1 - Math.min(t / steps, 1)) ** power),
  },
  cosine_restarts: {
    options: { steps: count(1000), multiply: count(1), final: FINAL },
    rate: (initial, t, { steps = 1, multiply = 1, final = 0 }) => {
      let [since, period] = [t, steps];
      if (multiply === 1) since = t % steps;
      else for (; since >= period; period *= multiply) since -= period;
      return falling(initial, final, halfCosine(since / period));
    },
  },
};

/** The learning rate of the update number t + 1. */
export function learningRate(
  name: string,
  initial: number,
  t: number,
  options: Readonly<Record<string, number>>,
): number {
  const found = Object.hasOwn(SCHEDULES, name) ? SCHEDULES[name] : undefined;
  if (!found) throw new RangeError(`there is no schedule ${name}`);
  const initials = Object.entries(found.options).map(([key, one]) => [key, one.initial]);
  return found.rate(initial, t, { ...Object.fromEntries(initials), ...options });
}
