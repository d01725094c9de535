// What this engine offers of the library's choices: the entries of the menus.

import { CATALOG as ALL } from "../engine/catalog";
import type { Catalog, NumberOption } from "../engine/choices";
import { ACTIVATIONS } from "./activations";
import { KINDS } from "./datasets";
import { INITIALIZERS } from "./initial";
import { type Option, OPTIMIZERS } from "./optimizer";
import { OUTPUTS } from "./output";
import { SCHEDULES } from "./schedules";

type Table<T> = Readonly<Record<string, T>>;
interface Named {
  readonly name: string;
}

const has = <T>(table: Table<T>) => (one: Named) => Object.hasOwn(table, one.name);

/** The entries whose options the engine has; of each those that it has. */
function offered<T extends Named & { readonly options: readonly NumberOption[] }>(
  entries: readonly T[],
  table: Table<{ readonly options: Table<Option> }>,
): readonly T[] {
  const known = (name: string) => has(table[name]?.options ?? {});
  return entries
    .filter(has(table))
    .map((one) => ({ ...one, options: one.options.filter(known(one.name)) }));
}

export const CATALOG: Catalog = {
  data: ALL.data.filter((one) => one.name === "drawn" || has(KINDS)(one)),
  features: ALL.features,
  activations: ALL.activations.filter(has(ACTIVATIONS)),
  losses: ALL.losses.filter(has(OUTPUTS)),
  optimizers: offered(ALL.optimizers, OPTIMIZERS),
  schedules: offered(ALL.schedules, SCHEDULES),
  initializers: ALL.initializers.filter(has(INITIALIZERS)),
};
