// The states that a run can go back to: spread evenly over the whole run, however long it is.

interface State {
  readonly step: number;
}

export class KeptStates<Kept extends State> {
  #states: Kept[] = [];
  /** Fewest steps between two of them; the newest may be closer to the one before it. */
  #gap = 1;
  /** Whether the newest goes with the next one where it is too close to the one before it. */
  #isLoose = false;

  /** `most` is how many are kept, at least 2. */
  constructor(readonly most: number) {}

  /** In their order. */
  get steps(): readonly number[] {
    return this.#states.map(({ step }) => step);
  }

  /**
   * Keep the state of a step that is no earlier than the last one. A step keeps its first state: to
   * go back to it undoes what was changed by hand there. `stays` keeps it however close it is.
   */
  add(step: number, state: () => Kept, stays = false): void {
    const states = this.#states;
    const last = states.at(-1);
    if (last?.step === step) {
      this.#isLoose &&= !stays;
      return;
    }
    const before = states.at(-2);
    if (this.#isLoose && last && before && last.step - before.step < this.#gap) states.pop();
    states.push(state());
    this.#isLoose = !stays;
    while (this.#states.length > this.most) this.#spread();
  }

  /** Double the gap, and drop what lies closer; the first and the newest stay. */
  #spread(): void {
    this.#gap *= 2;
    const newest = this.#states.at(-1)!;
    let end = -Infinity;
    this.#states = this.#states.filter((one) => {
      if (one !== newest && one.step - end < this.#gap) return false;
      end = one.step;
      return true;
    });
  }

  /** The state nearest to a step, of two that are as near the earlier one. */
  nearest(step: number): Kept {
    const far = (one: Kept) => Math.abs(one.step - step);
    return this.#states.reduce((best, one) => (far(one) < far(best) ? one : best));
  }

  /** Drop the states of later steps. */
  forgetAfter(step: number): void {
    this.#states = this.#states.filter((one) => one.step <= step);
    this.#isLoose = false;
  }
}
