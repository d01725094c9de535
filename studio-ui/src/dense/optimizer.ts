// The optimizers of clearprop/optim that take gradients alone, with its equations and defaults.
//
// In the comments w are the parameters, g the gradient and t the updates made so far.

/** Updates parameters in place; `slots` are arrays of their size that it keeps between updates. */
type Update = (
  w: Float64Array,
  g: Float64Array,
  slots: readonly Float64Array[],
  rate: number,
  t: number,
) => void;

export interface Option {
  readonly initial: number;
  /** The smallest value that is taken; `open` excludes it. */
  readonly least: number;
  readonly open?: boolean;
  /** The option stays below this. */
  readonly below?: number;
  /** Whether it is a whole number. */
  readonly whole?: boolean;
}

/** All options: those given, and what the others are without. */
export function withInitials(
  known: Readonly<Record<string, Option>>,
  given: Readonly<Record<string, number>>,
): Record<string, number> {
  const initial = Object.entries(known).map(([key, one]) => [key, one.initial] as const);
  return { ...Object.fromEntries(initial), ...given };
}

export interface Optimizer {
  readonly options: Readonly<Record<string, Option>>;
  /** The values that its slots begin with. */
  readonly slots: (options: Readonly<Record<string, number>>) => readonly number[];
  readonly update: (options: Readonly<Record<string, number>>) => Update;
}

const decay = (initial: number): Option => ({ initial, least: 0, below: 1 });
const small = (initial: number): Option => ({ initial, least: 0 });
const BETAS = { beta1: decay(0.9), beta2: decay(0.999), epsilon: small(1e-8) };

/** v <- g + momentum v,  w <- w - rate v; Nesterov's step is g + momentum v. */
function withVelocity(ahead: boolean): Optimizer {
  return {
    options: { momentum: decay(0.9) },
    slots: () => [0],
    update:
      ({ momentum = 0 }) =>
      (w, g, [v], rate) => {
        for (let i = 0; i < w.length; i++) {
          v![i] = g[i]! + momentum * v![i]!;
          w[i]! -= rate * (ahead ? g[i]! + momentum * v![i]! : v![i]!);
        }
      },
  };
}

/** m and v are running means of g and g^2, both corrected for their start. */
function adam(decoupled: boolean): Optimizer {
  return {
    options: decoupled ? { weight_decay: small(0.01), ...BETAS } : BETAS,
    slots: () => [0, 0],
    update:
      ({ beta1 = 0, beta2 = 0, epsilon = 0, weight_decay = 0 }) =>
      (w, g, [m, v], rate, t) => {
        const factor = rate / (1 - beta1 ** (t + 1));
        const correction = 1 / Math.sqrt(1 - beta2 ** (t + 1));
        for (let i = 0; i < w.length; i++) {
          m![i] = beta1 * m![i]! + (1 - beta1) * g[i]!;
          v![i] = beta2 * v![i]! + (1 - beta2) * g[i]! * g[i]!;
          const update = (factor * m![i]!) / (correction * Math.sqrt(v![i]!) + epsilon);
          w[i]! -= update + rate * weight_decay * w[i]!;
        }
      },
  };
}

export const OPTIMIZERS: Readonly<Record<string, Optimizer>> = {
  /** w <- w - rate g */
  sgd: {
    options: {},
    slots: () => [],
    update: () => (w, g, _, rate) => {
      for (let i = 0; i < w.length; i++) w[i]! -= rate * g[i]!;
    },
  },
  momentum: withVelocity(false),
  nesterov: withVelocity(true),
  /** s <- s + g^2,  w <- w - rate g / (sqrt(s) + epsilon) */
  adagrad: {
    options: { epsilon: small(1e-10), initial_accumulator: small(0) },
    slots: ({ initial_accumulator = 0 }) => [initial_accumulator],
    update:
      ({ epsilon = 0 }) =>
      (w, g, [s], rate) => {
        for (let i = 0; i < w.length; i++) {
          s![i]! += g[i]! * g[i]!;
          w[i]! -= (rate * g[i]!) / (Math.sqrt(s![i]!) + epsilon);
        }
      },
  },
  /** d = g sqrt(r + epsilon) / sqrt(s + epsilon), with running means s of g^2 and r of d^2 */
  adadelta: {
    options: { decay: decay(0.95), epsilon: { initial: 1e-6, least: 0, open: true } },
    slots: () => [0, 0],
    update:
      ({ decay: rho = 0, epsilon = 0 }) =>
      (w, g, [s, r], rate) => {
        for (let i = 0; i < w.length; i++) {
          s![i] = rho * s![i]! + (1 - rho) * g[i]! * g[i]!;
          const d = Math.sqrt((r![i]! + epsilon) / (s![i]! + epsilon)) * g[i]!;
          r![i] = rho * r![i]! + (1 - rho) * d * d;
          w[i]! -= rate * d;
        }
      },
  },
  /** s is a running mean of g^2;  v <- momentum v + g / (sqrt(s) + epsilon),  w <- w - rate v */
  rmsprop: {
    options: { decay: decay(0.9), epsilon: small(1e-8), momentum: decay(0) },
    slots: () => [0, 0],
    update:
      ({ decay: rho = 0, epsilon = 0, momentum = 0 }) =>
      (w, g, [s, v], rate) => {
        for (let i = 0; i < w.length; i++) {
          s![i] = rho * s![i]! + (1 - rho) * g[i]! * g[i]!;
          v![i] = momentum * v![i]! + g[i]! / (Math.sqrt(s![i]!) + epsilon);
          w[i]! -= rate * v![i]!;
        }
      },
  },
  adam: adam(false),
  adamw: adam(true),
  /** u <- max(beta2 u, |g| + epsilon),  w <- w - rate m / ((1 - beta1^(t+1)) u) */
  adamax: {
    options: { ...BETAS, epsilon: { initial: 1e-8, least: 0, open: true } },
    slots: () => [0, 0],
    update:
      ({ beta1 = 0, beta2 = 0, epsilon = 0 }) =>
      (w, g, [m, u], rate, t) => {
        const factor = rate / (1 - beta1 ** (t + 1));
        for (let i = 0; i < w.length; i++) {
          m![i] = beta1 * m![i]! + (1 - beta1) * g[i]!;
          u![i] = Math.max(beta2 * u![i]!, Math.abs(g[i]!) + epsilon);
          w[i]! -= (factor * m![i]!) / u![i]!;
        }
      },
  },
};

/** g <- g + l1 sign(w) + l2 w, for weights and not for biases. */
export function penalize(
  w: Float64Array,
  g: Float64Array,
  isWeight: Uint8Array,
  l1: number,
  l2: number,
): void {
  if (l1 === 0 && l2 === 0) return;
  for (let i = 0; i < w.length; i++) {
    if (isWeight[i]) g[i]! += l1 * Math.sign(w[i]!) + l2 * w[i]!;
  }
}

/** An optimizer with its options and what it keeps between updates. */
export class Descent {
  readonly slots: readonly Float64Array[];
  readonly #update: Update;

  constructor(
    readonly name: string,
    options: Readonly<Record<string, number>>,
    size: number,
  ) {
    const found = Object.hasOwn(OPTIMIZERS, name) ? OPTIMIZERS[name] : undefined;
    if (!found) throw new RangeError(`there is no optimizer ${name}`);
    const all = withInitials(found.options, options);
    this.slots = found.slots(all).map((value) => new Float64Array(size).fill(value));
    this.#update = found.update(all);
  }

  /** Make the update number t + 1. */
  update(w: Float64Array, g: Float64Array, rate: number, t: number): void {
    this.#update(w, g, this.slots, rate, t);
  }
}
