// A run of the dense engine: training a step at a time, with the states that it can go back to.

import type { Settings } from "../engine/messages";
import { features, type PointSet } from "./datasets";
import { fill } from "./initial";
import { KeptStates } from "./kept_states";
import { Network, type Trace } from "./network";
import { Descent, penalize } from "./optimizer";
import { coded, outputLayer } from "./output";
import { Random } from "./random";
import { scheduled } from "./schedules";
import type { EpochDone } from "./thinned_curves";

/** What the random numbers of a seed are for. */
const [WEIGHTS, ORDER, DROPOUT] = [10, 11, 12];
/** So many states are kept, and so many bytes of them. */
const MOST_KEPT = 256;
const MOST_KEPT_BYTES = 2 ** 26;

/** Where a run is. The sums are those of the epoch under way. */
interface Position {
  step: number;
  /** How often the optimizer has updated the weights, by hand too. */
  updates: number;
  epoch: number;
  stepInEpoch: number;
  objective: number;
  error: number;
}

interface Kept {
  readonly step: number;
  readonly position: Readonly<Position>;
  readonly vectors: readonly Float64Array[];
  readonly seconds: number;
  readonly last: EpochDone | null;
  readonly changedAt: number | null;
}

export type Ended = { readonly reason: "finished" | "non-finite"; readonly about: string };

export class Run {
  readonly network: Network;
  readonly inputs: Float64Array;
  readonly targets: Float64Array;
  readonly batch: number;
  readonly stepsPerEpoch: number;
  /** Called with the numbers of each epoch. */
  onEpoch: (done: EpochDone) => void = () => {};
  /** The last epoch. */
  last: EpochDone | null = null;
  /** The step of the last change by hand after it. */
  changedAt: number | null = null;
  position: Position = { step: 0, updates: 0, epoch: 0, stepInEpoch: 0, objective: 0, error: 0 };
  /** Seconds of training. */
  seconds = 0;
  ended: Ended | null = null;
  readonly #descent: Descent;
  readonly #rate: (t: number) => number;
  /** All that training changes: the parameters, and what the optimizer keeps. */
  readonly #vectors: readonly Float64Array[];
  readonly #traces: readonly Trace[];
  readonly #testTraces: readonly Trace[];
  readonly #batchInputs: Float64Array;
  readonly #batchTargets: Float64Array;
  readonly #before: readonly Float64Array[];
  #order: { readonly epoch: number; readonly rows: Int32Array } | null = null;
  readonly #kept: KeptStates<Kept>;

  constructor(
    readonly settings: Settings,
    readonly points: PointSet,
    parent: Run | null = null,
  ) {
    const { units, activation } = outputLayer(settings.loss, points);
    const last = { units, activation };
    const F = settings.features.length;
    this.network = new Network(F, [...settings.layers, last], settings.loss);
    this.inputs = features(points.places, settings.features);
    this.targets = coded(settings.loss, points);
    this.batch = Math.min(settings.batch_size, points.training);
    this.stepsPerEpoch = Math.ceil(points.training / this.batch);
    this.#traces = this.network.traces(this.batch, settings.dropout > 0);
    this.#testTraces = this.network.traces(Math.max(1, points.targets.length - points.training));
    this.#batchInputs = new Float64Array(this.batch * F);
    this.#batchTargets = new Float64Array(this.batch);
    const size = this.network.parameters.length;
    this.#descent = new Descent(settings.optimizer.name, settings.optimizer.options, size);
    const { name, options } = settings.schedule;
    this.#rate = scheduled(name, settings.learning_rate, options);
    this.#vectors = [this.network.parameters, ...this.#descent.slots];
    this.#before = this.#vectors.map((vector) => vector.slice());
    const bytes = 8 * this.#vectors.length * size;
    this.#kept = new KeptStates(Math.max(8, Math.min(MOST_KEPT, Math.floor(MOST_KEPT_BYTES / bytes))));
    if (parent) this.#leave(parent);
    else fill(this.network.layers, settings.weight_init, new Random(settings.seed, WEIGHTS));
    this.keep();
  }

  /** Begin where another run is; another optimizer begins anew, other batches begin the epoch anew. */
  #leave(parent: Run): void {
    this.network.parameters.set(parent.network.parameters);
    this.position = { ...parent.position };
    if (optimizerKind(parent.settings) === optimizerKind(this.settings)) {
      this.#descent.slots.forEach((slot, i) => slot.set(parent.#descent.slots[i]!));
    } else this.position.updates = 0;
    this.seconds = parent.seconds;
    // Other settings make another network or another measure of what the last epoch was.
    const holds = (["loss", "dropout", "layers"] as const).every(
      (key) => JSON.stringify(this.settings[key]) === JSON.stringify(parent.settings[key]),
    );
    if (holds && parent.changedAt === null) this.last = parent.last;
    const { batch_size, seed, loss } = this.settings;
    const own = parent.settings;
    if (batch_size !== own.batch_size || seed !== own.seed || loss !== own.loss) {
      Object.assign(this.position, { stepInEpoch: 0, objective: 0, error: 0 });
    }
    this.#checkEnd();
  }

  get learningRate(): number {
    return this.#rate(this.position.updates);
  }

  /** Take a step of the epoch, and end the epoch with its last one. Nothing happens after the end. */
  step(): void {
    if (this.ended) return;
    const from = this.position.stepInEpoch * this.batch;
    const size = Math.min(this.batch, this.points.training - from);
    const rows = this.#rows().subarray(from, from + size);
    const about = this.#update(rows);
    if (about) {
      this.ended = { reason: "non-finite", about };
      return;
    }
    this.position.step += 1;
    this.position.stepInEpoch += 1;
    if (this.position.stepInEpoch === this.stepsPerEpoch) this.#endEpoch();
  }

  /**
   * Take a step in which one example is the whole batch, beside those of the epochs. Returns why it
   * was not taken; null where it was.
   */
  stepExample(example: number): string | null {
    this.keep(true);
    const { objective, error } = this.position;
    const about = this.#update(Int32Array.of(example));
    Object.assign(this.position, { objective, error });
    if (!about) this.#changed();
    return about;
  }

  /** A run that had ended with a number that is not finite goes on from what was changed. */
  #changed(): void {
    this.changedAt = this.position.step;
    if (this.ended?.reason === "non-finite") this.ended = null;
  }

  #rows(): Int32Array {
    const { epoch } = this.position;
    if (this.#order?.epoch !== epoch) {
      const random = new Random(this.settings.seed, ORDER, epoch);
      this.#order = { epoch, rows: random.permutation(this.points.training) };
    }
    return this.#order.rows;
  }

  /** Update the weights by some examples; where a number is not finite it says so, and nothing changes. */
  #update(rows: Int32Array): string | null {
    const { network, settings, position } = this;
    const [B, F] = [rows.length, network.features];
    for (let b = 0; b < B; b++) {
      const n = rows[b]!;
      for (let k = 0; k < F; k++) this.#batchInputs[b * F + k] = this.inputs[n * F + k]!;
      this.#batchTargets[b] = this.targets[n]!;
    }
    if (settings.dropout > 0) this.#drop();
    network.forward(this.#batchInputs, B, this.#traces);
    const [objective, error] = network.measure(this.#traces, this.#batchTargets, B);
    network.backward(this.#batchInputs, this.#batchTargets, B, this.#traces);
    const rate = this.learningRate;
    this.#vectors.forEach((vector, i) => this.#before[i]!.set(vector));
    penalize(network.parameters, network.gradients, network.isWeight, settings.l1, settings.l2);
    this.#descent.update(network.parameters, network.gradients, rate, position.updates);
    if (!isFloat(objective) || !network.parameters.every(isFloat)) {
      const about = this.#cause(objective);
      this.#vectors.forEach((vector, i) => vector.set(this.#before[i]!));
      return about;
    }
    position.updates += 1;
    position.objective += objective;
    position.error += error;
    return null;
  }

  /** Say in one sentence what broke in the step that was just tried. */
  #cause(objective: number): string {
    const { network } = this;
    const step = `step ${this.position.step + 1}`;
    const mend = "Lower the learning rate, or go back and try another one.";
    const layers = this.#traces.map((trace) => trace.value.every(isFloat)).indexOf(false);
    const name = (k: number) => (k === network.layers.length - 1 ? "the output" : `layer ${k + 1}`);
    if (layers >= 0) return `In ${step} a value of ${name(layers)} became too large to be a number. ${mend}`;
    if (!isFloat(objective)) {
      return `In ${step} the loss became too large to be a number. ${mend}`;
    }
    return `In ${step} the update made a weight too large to be a number. ${mend}`;
  }

  /** Draw which values of the hidden layers are dropped in this step. */
  #drop(): void {
    const random = new Random(this.settings.seed, DROPOUT, this.position.step);
    const keep = 1 - this.settings.dropout;
    for (const { mask } of this.#traces) {
      if (mask) for (let i = 0; i < mask.length; i++) mask[i] = random.uniform() < keep ? 1 / keep : 0;
    }
  }

  #endEpoch(): void {
    const { position, points } = this;
    position.epoch += 1;
    this.last = {
      epoch: position.epoch,
      step: position.step,
      objective: position.objective / points.training,
      trainingError: this.#finished(position.error / points.training),
      ...this.#tested(),
      learningRate: this.learningRate,
    };
    this.changedAt = null;
    this.onEpoch(this.last);
    Object.assign(position, { stepInEpoch: 0, objective: 0, error: 0 });
    this.keep();
    this.#checkEnd();
  }

  /** The error that is reported, from its mean over the examples. */
  #finished(mean: number): number {
    return this.network.loss.error === "error rate" ? mean : Math.sqrt(mean);
  }

  #tested(): Pick<EpochDone, "testError" | "testObjective"> {
    const { points, network } = this;
    const count = points.targets.length - points.training;
    if (count === 0) return { testError: null, testObjective: null };
    const inputs = this.inputs.subarray(points.training * network.features);
    network.forward(inputs, count, this.#testTraces);
    const targets = this.targets.subarray(points.training);
    const [objective, error] = network.measure(this.#testTraces, targets, count);
    return { testObjective: objective / count, testError: this.#finished(error / count) };
  }

  #checkEnd(): void {
    if (this.position.epoch < this.settings.epochs) return;
    const epochs = this.settings.epochs.toLocaleString("en-US");
    const about = `All ${epochs} epochs are trained; a fork can train more of them.`;
    this.ended = { reason: "finished", about };
  }

  // --- the states of before ----------------------------------------------------------------------

  /** The steps to which the run can go back. */
  get steps(): readonly number[] {
    return this.#kept.steps;
  }

  /**
   * Keep the state as it is now, to go back to it; a step keeps its first state. With `stays` it is
   * kept however close others are.
   */
  keep(stays = false): void {
    const { step } = this.position;
    const state = (): Kept => {
      const vectors = this.#vectors.map((vector) => vector.slice());
      const { position, seconds, last, changedAt } = this;
      return { step, position: { ...position }, vectors, seconds, last, changedAt };
    };
    this.#kept.add(step, state, stays);
  }

  /**
   * Return to the kept state nearest to a step, and say which; what came later is forgotten. What
   * was changed by hand at that step is undone.
   */
  back(step: number): number {
    const kept = this.#kept.nearest(step);
    this.#kept.forgetAfter(kept.step);
    this.#vectors.forEach((vector, i) => vector.set(kept.vectors[i]!));
    this.position = { ...kept.position };
    this.seconds = kept.seconds;
    this.last = kept.last;
    this.changedAt = kept.changedAt;
    this.ended = null;
    this.#checkEnd();
    return kept.step;
  }

  /** Change a parameter by hand. */
  edit(vector: Float64Array, index: number, value: number): void {
    this.keep(true);
    vector[index] = value;
    this.#changed();
  }
}

/** Whether a number is finite with 32 bits, with which the library computes and the page shows it. */
function isFloat(x: number): boolean {
  return Number.isFinite(Math.fround(x));
}

/** An optimizer of another kind, or one that gets or loses a penalty, begins with a new state. */
function optimizerKind({ optimizer, l1, l2 }: Settings): string {
  return [optimizer.name, l1 > 0, l2 > 0].join();
}
