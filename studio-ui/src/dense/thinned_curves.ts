// Learning curves that never have too many points, and lose no peak: as clearprop/studio/thinned_curves.py.

import type { Curves } from "../engine/messages";

const MOST_POINTS = 2000;

/** The numbers of an epoch; those of the test part are null where there is none. */
export interface EpochDone {
  readonly epoch: number;
  /** Training steps made so far. */
  readonly step: number;
  readonly objective: number;
  readonly trainingError: number;
  readonly testError: number | null;
  readonly testObjective: number | null;
  /** Of the next step. */
  readonly learningRate: number;
}

/** The points of one run that the page has, or will have with the next message. */
export class ThinnedCurves {
  #points: EpochDone[] = [];
  #group: EpochDone[] = [];
  #every = 1;
  #sent = 0;
  #restart = false;

  constructor(readonly run: number) {}

  /** Take the numbers of an epoch; its group has points when it is whole. */
  add(done: EpochDone): void {
    this.#group.push(done);
    if (done.epoch % this.#every) return;
    this.#points.push(...peaks(this.#group));
    this.#group = [];
    while (this.#points.length >= MOST_POINTS) {
      this.#every *= 2;
      this.#regroup();
    }
  }

  #regroup(): void {
    const groups = new Map<number, EpochDone[]>();
    for (const one of this.#points) {
      const number = Math.floor((one.epoch - 1) / this.#every);
      const group = groups.get(number);
      if (group) group.push(one);
      else groups.set(number, [one]);
    }
    const every = [...groups.values()];
    const last = every.at(-1) ?? [];
    const isWhole = (last.at(-1)?.epoch ?? 0) % this.#every === 0;
    this.#points = (isWhole ? every : every.slice(0, -1)).flatMap(peaks);
    this.#group = isWhole ? [] : last;
    this.#restart = true;
  }

  /** Drop the points of epochs that ended after a step. */
  forgetAfter(step: number): void {
    this.#points = this.#points.filter((one) => one.step <= step);
    this.#group = this.#group.filter((one) => one.step <= step);
    this.#restart = true;
  }

  /** The points since the last message, or all of them; null where none are new. */
  taken(): Curves | null {
    if (!this.#restart && this.#sent === this.#points.length) return null;
    const restart = this.#restart;
    const points = restart ? this.#points : this.#points.slice(this.#sent);
    this.#sent = this.#points.length;
    this.#restart = false;
    const tested = points.flatMap(({ testError, testObjective }) =>
      testError === null || testObjective === null ? [] : [{ testError, testObjective }],
    );
    return {
      type: "curves",
      run: this.run,
      epoch: points.map((one) => one.epoch),
      objective: points.map((one) => one.objective),
      training_error: points.map((one) => one.trainingError),
      test_error: tested.map((one) => one.testError),
      test_objective: tested.map((one) => one.testObjective),
      learning_rate: points.map((one) => one.learningRate),
      restart,
    };
  }
}

const NUMBERS = ["objective", "trainingError", "testError", "testObjective"] as const;

/** The last epoch of a group, and those with the largest numbers, in their order. */
function peaks(group: readonly EpochDone[]): EpochDone[] {
  const kept = new Set([group.length - 1]);
  for (const name of NUMBERS) {
    const sizes = group.map((one) => size(one[name]));
    kept.add(sizes.indexOf(Math.max(...sizes)));
  }
  return group.filter((_, i) => kept.has(i));
}

/** How high a number stands out: nothing is above one that is not finite. */
function size(value: number | null): number {
  if (value === null) return -Infinity;
  return Number.isFinite(value) ? value : Infinity;
}
