// The complementary error function, which JavaScript does not have.

const TWO_OVER_ROOT_PI = 2 / Math.sqrt(Math.PI);

/** From here on 1 - erf(x) would lose digits that the continued fraction keeps. */
const FAR = 2;

/** erfc(x) = 1 - erf(x) = 2 / sqrt(pi) times the integral of e^-t^2 from x on. */
export function erfc(x: number): number {
  if (x < 0) return 2 - erfc(-x);
  return x < FAR ? 1 - series(x) : fraction(x);
}

/** erf by its series, all of whose terms have one sign (Abramowitz and Stegun 7.1.6). */
function series(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; term > sum * 1e-17; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return TWO_OVER_ROOT_PI * Math.exp(-x * x) * sum;
}

/** erfc by its continued fraction (Abramowitz and Stegun 7.1.14), from the innermost term out. */
function fraction(x: number): number {
  if (!(x < 27)) return Number.isNaN(x) ? x : 0; // e^-729 is below the smallest number
  let under = x;
  for (let n = 60; n > 0; n--) under = x + n / 2 / under;
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * under);
}
