// An answer of the server that is asked for again when something has changed; the newest one counts.

import { inWords } from "./asking";

export class Loaded<Answer> {
  value: Answer | null = $state.raw(null);
  problem: string | null = $state(null);
  isLoading = $state(false);
  #now: AbortController | null = null;

  /** Ask; an earlier question that has no answer yet is dropped. */
  async ask(question: (signal: AbortSignal) => Promise<Answer>): Promise<void> {
    this.#now?.abort();
    const now = new AbortController();
    this.#now = now;
    this.isLoading = true;
    try {
      const value = await question(now.signal);
      if (this.#now !== now) return;
      this.value = value;
      this.problem = null;
    } catch (error) {
      if (this.#now !== now || now.signal.aborted) return;
      this.problem = inWords(error);
    } finally {
      if (this.#now === now) this.isLoading = false;
    }
  }

  stop(): void {
    this.#now?.abort();
    this.#now = null;
  }
}
