// Learning curves that never have too many points: the longer the run, the fewer of its epochs.

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
  #every = 1;
  #sent = 0;
  #restart = false;

  constructor(readonly run: number) {}

  /** Take the numbers of an epoch, if it has a point. */
  add(done: EpochDone): void {
    if (done.epoch % this.#every) return;
    this.#points.push(done);
    if (this.#points.length < MOST_POINTS) return;
    this.#every *= 2;
    this.#points = this.#points.filter(({ epoch }) => epoch % this.#every === 0);
    this.#restart = true;
  }

  /** Drop the points of epochs that ended after a step. */
  forgetAfter(step: number): void {
    this.#points = this.#points.filter((one) => one.step <= step);
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
