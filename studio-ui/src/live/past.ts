// The pictures of a run that the page has seen: the back slider shows them while it is dragged.

const MOST_PICTURES = 240;
const MOST_BYTES = 64 * 2 ** 20;

export class Past<Kept extends { readonly step: number }> {
  readonly #size: (picture: Kept) => number;
  #pictures: Kept[] = [];
  #bytes = 0;
  #apart = 1;
  #skipped = 0;

  /** `size` tells how many bytes a picture takes. */
  constructor(size: (picture: Kept) => number) {
    this.#size = size;
  }

  /** In the order of their steps. */
  get steps(): readonly number[] {
    return this.#pictures.map((one) => one.step);
  }

  get last(): number {
    return this.#pictures.at(-1)?.step ?? 0;
  }

  clear(): void {
    this.#pictures = [];
    this.#bytes = 0;
    this.#apart = 1;
    this.#skipped = 0;
  }

  /**
   * Keep a picture; of a long run only every second, fourth, ... is kept. A step keeps its first
   * picture: the run goes back to what it was before it was changed by hand there. `always` keeps it
   * in a long run too.
   */
  add(picture: Kept, always = false): void {
    if (this.#pictures.at(-1)?.step === picture.step) return;
    const isBack = this.#forgetFrom(picture.step);
    const isFirst = this.#pictures.length === 0;
    if (!isFirst && !isBack && !always && ++this.#skipped < this.#apart) return;
    this.#skipped = 0;
    this.#pictures.push(picture);
    this.#bytes += this.#size(picture);
    if (this.#pictures.length > MOST_PICTURES || this.#bytes > MOST_BYTES) {
      this.#pictures = this.#pictures.filter((_, i) => i % 2 === 0);
      this.#bytes = this.#pictures.reduce((sum, one) => sum + this.#size(one), 0);
      this.#apart *= 2;
    }
  }

  /** The picture nearest to a step; null where there is none. */
  nearest(step: number): Kept | null {
    let best: Kept | null = null;
    for (const one of this.#pictures) {
      if (!best || Math.abs(one.step - step) < Math.abs(best.step - step)) best = one;
    }
    return best;
  }

  // A run that went back makes its later steps again. Returns whether it went back.
  #forgetFrom(step: number): boolean {
    const count = this.#pictures.length;
    while ((this.#pictures.at(-1)?.step ?? -1) >= step) {
      const gone = this.#pictures.pop();
      if (gone) this.#bytes -= this.#size(gone);
    }
    return this.#pictures.length < count;
  }
}
