// What the playground has around it: the server of the studio, or nothing but the page's own file.

import type { Catalog } from "../engine/choices";
import type { Engine } from "../engine/engine";
import type { Part } from "./hidden";
import type { Recording } from "./recorded";

export interface Around {
  readonly engine: () => Engine;
  /** The entries of the menus; null where they are not known yet. */
  readonly catalog: () => Promise<Catalog | null>;
  /** What is shown until the engine has answered. */
  readonly recording: () => Promise<Recording | null>;
  /** Parts of the page that nothing here can fill. */
  readonly missing: readonly Part[];
  /** Save the page as a file that begins at an address; without this, a link is shared. */
  readonly save?: (address: string) => void;
}
