import { expect, test } from "vitest";

import { KeptStates } from "./kept_states";

function kept(count: number, most: number, every = 1): KeptStates<{ step: number }> {
  const states = new KeptStates<{ step: number }>(most);
  for (let i = 0; i < count; i++) states.add(i * every, () => ({ step: i * every }));
  return states;
}

test.each([1, 10, 7])("after 5,000 states, %i steps apart, every part of the run can be reached", (every) => {
  const states = kept(5000, 256, every);
  const end = 4999 * every;
  expect(states.steps.length).toBeLessThanOrEqual(256);
  expect(states.steps[0]).toBe(0);
  expect(states.steps.at(-1)).toBe(end);
  for (const part of [0.01, 0.1, 0.25, 0.5, 0.75, 0.9]) {
    const wanted = part * end;
    expect(Math.abs(states.nearest(wanted).step - wanted)).toBeLessThanOrEqual(0.02 * end);
  }
});

test("a few large states are spread as well", () => {
  const { steps } = kept(1000, 8);
  const gaps = steps.slice(1, -1).map((step, i) => step - (steps[i] ?? 0));
  expect(steps.length).toBeGreaterThanOrEqual(4);
  expect(steps.length).toBeLessThanOrEqual(8);
  expect(new Set(gaps).size).toBe(1);
});

test.each([[false], [true]])("a state that stays is not replaced by the next one (%s)", (stays) => {
  const states = kept(1000, 8);
  const close = 1000 - (1000 % 128) + 130;
  states.add(close, () => ({ step: close }));
  states.add(close + 1, () => ({ step: close + 1 }), stays);
  states.add(close + 2, () => ({ step: close + 2 }));
  expect(states.steps.includes(close + 1)).toBe(stays);
  expect(states.steps.length).toBeLessThanOrEqual(8);
});

test("a step keeps its first state, and what came later can be forgotten", () => {
  const states = new KeptStates<{ step: number; name: string }>(8);
  states.add(0, () => ({ step: 0, name: "first" }));
  states.add(5, () => ({ step: 5, name: "before the change" }));
  states.add(5, () => ({ step: 5, name: "after the change" }));
  states.add(9, () => ({ step: 9, name: "later" }));
  expect(states.nearest(6).name).toBe("before the change");
  expect(states.nearest(7).name).toBe("before the change");
  states.forgetAfter(5);
  expect(states.steps).toEqual([0, 5]);
});
