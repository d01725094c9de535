// The learning curves of a run and of the runs that it left, outside of reactive state.

import type { Curves } from "../engine/messages";
import type { Picture } from "../engine/picture";

export interface RunCurves {
  readonly run: number;
  /** What tells it from the others, such as "learning rate 0.1". */
  title: string;
  /** The step at which it left its parent. */
  readonly leftAt: number | null;
  epoch: number[];
  objective: number[];
  trainingError: number[];
  testError: number[];
  learningRate: number[];
}

/** What a picture says of the last epoch. */
export type Measured = Pick<Picture, "run" | "epoch" | "objective" | "trainingError" | "testError">;

/** So many runs are kept: the newest, and those that it was compared with. */
export const MOST_RUNS = 4;

export class CurveStore {
  runs: RunCurves[] = [];

  /** Begin the curves of a run; a run that is no fork replaces all others. */
  begin(run: number, title: string, leftAt: number | null, isFork: boolean): void {
    if (!isFork) this.runs = [];
    this.runs = this.runs.filter((one) => one.run !== run).slice(-(MOST_RUNS - 1));
    this.runs.push({
      run,
      title,
      leftAt,
      epoch: [],
      objective: [],
      trainingError: [],
      testError: [],
      learningRate: [],
    });
  }

  /** Add points; false where the run is not kept. */
  add(curves: Curves): boolean {
    const found = this.runs.find((one) => one.run === curves.run);
    if (!found) return false;
    if (curves.restart) {
      found.epoch = [];
      found.objective = [];
      found.trainingError = [];
      found.testError = [];
      found.learningRate = [];
    }
    found.epoch.push(...curves.epoch);
    found.objective.push(...curves.objective);
    found.trainingError.push(...curves.training_error);
    found.testError.push(...curves.test_error);
    found.learningRate.push(...curves.learning_rate);
    return true;
  }

  get current(): RunCurves | null {
    return this.runs.at(-1) ?? null;
  }

  /** Add the last epoch for good, before the run is left by a fork. */
  finish(measured: Measured | null): void {
    const drawn = this.upTo(measured).at(-1);
    this.runs = this.runs.map((one) => (one === this.current ? { ...one, ...drawn } : one));
  }

  /** The runs to draw. Engines leave epochs out of long curves; the last epoch is in them all the same. */
  upTo(measured: Measured | null): readonly Drawn[] {
    const { current } = this;
    const point = current && measured ? lastPoint(current, measured) : null;
    if (!current || !point) return this.runs;
    const { epoch, objective, trainingError, testError } = current;
    const drawn: Drawn = {
      epoch: [...epoch, point.epoch],
      objective: [...objective, point.objective],
      trainingError: [...trainingError, point.trainingError],
      testError: testError.length ? [...testError, point.testError] : testError,
    };
    return [...this.runs.slice(0, -1), drawn];
  }
}

type Drawn = Pick<RunCurves, "epoch" | "objective" | "trainingError" | "testError">;

/** The last epoch, where a curve that has begun does not have it; NaN for what is not finite. */
function lastPoint(run: RunCurves, measured: Measured) {
  const last = run.epoch.at(-1);
  if (measured.run !== run.run || last === undefined || measured.epoch <= last) return null;
  const { epoch, objective, trainingError, testError } = measured;
  return { epoch, objective: objective ?? NaN, trainingError: trainingError ?? NaN, testError: testError ?? NaN };
}
