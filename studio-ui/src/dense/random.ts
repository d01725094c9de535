// Random numbers from a seed. They are not the numbers that NumPy or JAX give for the same seed.

/** The generator sfc32 of PractRand; each purpose of a seed (`stream`) has a sequence of its own. */
export class Random {
  readonly #state = new Uint32Array(4);
  #spare: number | null = null;

  constructor(seed: number, ...stream: readonly number[]) {
    let mixed = 0x9e3779b9;
    let word = 0;
    for (const part of [seed % 2 ** 32, Math.floor(seed / 2 ** 32), ...stream]) {
      mixed = scrambled(mixed ^ part);
      this.#state[word % 3]! ^= mixed;
      word += 1;
    }
    this.#state[3] = 1;
    for (let i = 0; i < 16; i++) this.word();
  }

  /** A whole number from 0 to 2^32 - 1. */
  word(): number {
    const s = this.#state;
    const sum = (s[0]! + s[1]! + s[3]!) >>> 0;
    s[3]!++;
    s[0] = s[1]! ^ (s[1]! >>> 9);
    s[1] = s[2]! + (s[2]! << 3);
    s[2] = ((s[2]! << 21) | (s[2]! >>> 11)) + sum;
    return sum;
  }

  /** A number from 0 to below 1, or between two others, with 53 random bits. */
  uniform(low = 0, high = 1): number {
    const bits = (this.word() >>> 5) * 2 ** 26 + (this.word() >>> 6);
    return low + (high - low) * (bits / 2 ** 53);
  }

  /** A number of the normal distribution (Box and Muller 1958). */
  normal(mean = 0, deviation = 1): number {
    if (this.#spare !== null) {
      const spare = this.#spare;
      this.#spare = null;
      return mean + deviation * spare;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    const angle = 2 * Math.PI * this.uniform();
    this.#spare = radius * Math.sin(angle);
    return mean + deviation * radius * Math.cos(angle);
  }

  /** A whole number from 0 to below n. */
  below(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  /** The numbers from 0 to n - 1 in a random order (Fisher and Yates). */
  permutation(n: number): Int32Array {
    const order = Int32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return order;
  }
}

/** Mix all bits of a 32-bit word (the finalizer of MurmurHash3). */
function scrambled(word: number): number {
  let x = (word + 0x6d2b79f5) | 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}
