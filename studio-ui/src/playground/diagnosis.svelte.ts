// The diagnosis of the run, as of the last answer; one of a state that is forgotten is never shown.

import type { Findings, Problem } from "../engine/messages";

/** Milliseconds from a step or a change by hand to the diagnosis of what came of it. */
const RENEWED = 400;

export class Diagnosis {
  findings = $state.raw<Findings | null>(null);
  /** Why there is none. */
  problem = $state.raw<Problem | null>(null);

  readonly #send: () => boolean;
  /** How many are asked for, and how many of them are of a state that is forgotten. */
  #open = $state(0);
  #forgotten = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `send` asks the engine for one; false where it cannot be asked. */
  constructor(send: () => boolean) {
    this.#send = send;
  }

  /** Whether an answer is under way. */
  get isAsked(): boolean {
    return this.#open > 0;
  }

  ask(): void {
    clearTimeout(this.#timer);
    if (this.#send()) this.#open++;
  }

  /** Ask soon for another one where there is one; `forgets` takes this one away at once. */
  renew(forgets: boolean): void {
    const isWanted = this.findings !== null || this.#open > 0;
    if (forgets) {
      this.findings = this.problem = null;
      this.#forgotten = this.#open;
    }
    clearTimeout(this.#timer);
    if (isWanted) this.#timer = setTimeout(() => this.ask(), RENEWED);
  }

  /** Begin with another run, or with an engine that knows of no request. */
  clear(): void {
    clearTimeout(this.#timer);
    this.findings = this.problem = null;
    this.#open = this.#forgotten = 0;
  }

  /** Take what the engine found, or why it could not. Answers come in the order of the requests. */
  answered(found: Findings | Problem): void {
    const isForgotten = this.#forgotten > 0;
    this.#open = Math.max(0, this.#open - 1);
    this.#forgotten = Math.max(0, this.#forgotten - 1);
    if (isForgotten) return;
    this.problem = found.type === "problem" ? found : null;
    if (found.type === "findings") this.findings = found;
  }
}
