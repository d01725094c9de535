// Names of the library as words of the page.

interface Named {
  readonly name: string;
  readonly about: string;
}

/** The entries of a menu. */
export function menu(
  choices: readonly Named[] | undefined,
): { readonly value: string; readonly title: string; readonly about: string }[] {
  return (choices ?? []).map(({ name, about }) => ({ value: name, title: words(name), about: plain(about) }));
}

const SHORT: Readonly<Record<string, string>> = {
  sgd: "SGD",
  relu: "ReLU",
  elu: "ELU",
  selu: "SELU",
  celu: "CELU",
  gelu: "GELU",
  silu: "SiLU",
  relu6: "ReLU6",
  lbfgs: "L-BFGS",
  identity: "none (linear)",
};

/** "glorot_uniform" becomes "glorot uniform". */
export function words(name: string): string {
  return SHORT[name] ?? name.replaceAll("_", " ");
}

/** A sentence without the backquotes of its equations. */
export function plain(text: string): string {
  return text.replaceAll("`", "");
}
