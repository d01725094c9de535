// What `clearprop studio --export` has written into this file.

import { DEFAULTS } from "../engine/defaults";
import type { Settings } from "../engine/messages";
import { PARTS, writeHidden } from "../playground/hidden";
import { written } from "../playground/settings_address";
import { parse, write } from "../shell/address";
import type { KeptRun } from "./kept_run";

export interface Embedded {
  /** With which the playground begins. */
  readonly settings?: Settings;
  /** The same as the address of a playground, such as "#/playground?data=xor". */
  readonly address?: string;
  /** Parts of the playground that are not shown. */
  readonly hide?: readonly string[];
  readonly run?: KeptRun;
}

export const ID = "classroom";

/** Read what is embedded; nothing where there is nothing. */
export function embedded(page: Document): Embedded {
  return JSON.parse(page.getElementById(ID)?.textContent || "{}") as Embedded;
}

/** The address with which the page begins where it was opened without one. */
export function firstAddress({ settings, address, hide, run }: Embedded): string {
  if (run && !settings && !address) return write({ view: "run", values: new URLSearchParams() });
  const values = address
    ? parse(address).values
    : new URLSearchParams(written({ ...DEFAULTS, ...settings }));
  const known = PARTS.filter((part) => hide?.includes(part.name)).map((part) => part.name);
  const hidden = writeHidden(new Set(known));
  if (hidden) values.set("hide", hidden);
  return write({ view: "playground", values });
}
