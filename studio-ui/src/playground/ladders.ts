// Usual numbers of settings: arrow keys move from one to the next.

export const RATES = [
  ...[0.00001, 0.00003, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10],
] as const;
export const PENALTIES = [0, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10] as const;
export const DROPOUTS = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8] as const;
export const BATCHES = [1, 2, 5, 10, 20, 30, 50, 100, 200, 500, 1000] as const;
export const EPOCHS = [100, 300, 1000, 3000, 10_000, 30_000, 100_000, 1_000_000] as const;
