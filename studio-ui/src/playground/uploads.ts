// Uploads of tables and the catalog, over HTTP.

import { problem } from "../engine/asking";
import type { Catalog } from "../engine/choices";
import type { Problem, Uploaded } from "../engine/messages";
import { wire } from "../engine/wire";

/** Send a table; the answer is what it holds, or what is wrong with it. */
export async function upload(file: File): Promise<Uploaded | Problem> {
  try {
    const address = `api/tables?name=${encodeURIComponent(file.name)}`;
    const response = await wire.ask(address, { method: "POST", body: file });
    return (await response.json()) as Uploaded | Problem;
  } catch {
    return problem(
      "the table was not sent: the studio does not answer",
      "start it again with `clearprop studio`",
    );
  }
}

/** The entries of the menus; null where the studio does not answer. */
export async function fetchCatalog(): Promise<Catalog | null> {
  try {
    const response = await wire.ask("api/playground/catalog");
    return response.ok ? ((await response.json()) as Catalog) : null;
  } catch {
    return null;
  }
}
