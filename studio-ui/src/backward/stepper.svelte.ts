// Where the view stands in a pass: the step, whether it plays, and what a student has answered.

import type { PassQuestion, PassStep, PassTrace } from "./messages";
import { shownAt, type Shown } from "./shown";

export const SPEEDS = [0.5, 1, 2, 4] as const;
/** Milliseconds of a step at speed 1. */
const PACE = 2000;

export class Stepper {
  trace = $state.raw<PassTrace | null>(null);
  /** The step that is shown. */
  position = $state(0);
  isPlaying = $state(false);
  speed = $state(1);
  /** Whether each number is asked for before it is shown. */
  asks = $state(false);
  /** Whether the questions of the next step are being asked. */
  isOpen = $state(false);
  /** Questions of all steps that need no answer any more, by gap: what was written, or "". */
  done = $state.raw<ReadonlyMap<number, string>>(new Map());
  /** How many were right, and how many were shown. */
  right = $state(0);
  helped = $state(0);
  private timer: ReturnType<typeof setTimeout> | undefined;

  readonly last = $derived((this.trace?.steps.length ?? 1) - 1);
  readonly step: PassStep | null = $derived(this.trace?.steps[this.position] ?? null);
  readonly upcoming: PassStep | null = $derived(this.trace?.steps[this.position + 1] ?? null);
  /** What is asked now. */
  readonly question: PassQuestion | null = $derived(
    this.asks && this.isOpen
      ? (this.upcoming?.questions.find(({ gap }) => !this.done.has(gap)) ?? null)
      : null,
  );
  /** The step whose gate and links glow. */
  readonly active: PassStep | null = $derived(this.question ? this.upcoming : this.step);
  readonly shown: Shown = $derived.by(() => {
    if (!this.trace) return { values: new Set(), errors: new Set(), passed: new Set() };
    const answered = this.question
      ? (this.upcoming?.questions ?? []).filter(({ gap }) => this.done.has(gap))
      : [];
    return shownAt(this.trace, this.position, answered);
  });

  /** Show a pass from a step on; what was answered belongs to the pass before. */
  show(trace: PassTrace, position: number): void {
    this.pause();
    this.trace = trace;
    this.position = Math.max(0, Math.min(position, trace.steps.length - 1));
    this.isOpen = false;
    this.done = new Map();
    this.right = this.helped = 0;
  }

  go(position: number): void {
    this.isOpen = false;
    this.position = Math.max(0, Math.min(position, this.last));
  }

  /** Go to the next step, or ask for its numbers first. */
  next(): void {
    if (this.position >= this.last) return;
    const isAsked = this.upcoming?.questions.some(({ gap }) => !this.done.has(gap)) ?? false;
    if (this.asks && isAsked) {
      this.pause();
      this.isOpen = true;
    } else this.go(this.position + 1);
  }

  back(): void {
    if (this.isOpen) this.isOpen = false;
    else this.go(this.position - 1);
  }

  /** Take a question as answered; after the last one its step is shown. */
  settle(question: PassQuestion, text: string, isRight: boolean): void {
    this.done = new Map(this.done).set(question.gap, text);
    if (isRight) this.right += 1;
    else this.helped += 1;
    if (!this.question) this.go(this.position + 1);
  }

  setAsks(asks: boolean): void {
    this.asks = asks;
    this.isOpen = false;
    if (asks) this.pause();
  }

  toggle(): void {
    if (this.isPlaying) return this.pause();
    if (this.asks) return this.next();
    if (this.position >= this.last) this.go(0);
    this.isPlaying = true;
    this.later(0.3);
  }

  pause(): void {
    clearTimeout(this.timer);
    this.isPlaying = false;
  }

  setSpeed(speed: number): void {
    this.speed = speed;
    if (this.isPlaying) this.later(1);
  }

  private later(share: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(
      () => {
        this.next();
        if (this.position >= this.last) this.pause();
        else if (this.isPlaying) this.later(1);
      },
      (share * PACE) / this.speed,
    );
  }
}
