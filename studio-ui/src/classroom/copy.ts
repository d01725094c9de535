// A copy of this file with something else embedded, to save and to mail.

import { saved } from "../shell/clipboard";
import { type Embedded, ID } from "./embedded";

/** The page as it came, before anything in it ran. */
export class PageCopy {
  readonly #page: HTMLElement;

  constructor(page: Document) {
    this.#page = page.documentElement.cloneNode(true) as HTMLElement;
  }

  /** The whole file with this embedded in it. */
  html(data: Embedded): string {
    const place = this.#page.querySelector(`#${ID}`);
    if (!place) throw new RangeError("this file has no place for what is embedded");
    place.textContent = asScript(data);
    return `<!doctype html>\n${this.#page.outerHTML}\n`;
  }

  save(data: Embedded): void {
    saved(this.html(data), "classroom.html", "text/html");
  }
}

/** JSON in which no text ends the element or is markup, as clearprop/studio/export.py writes it. */
export function asScript(data: unknown): string {
  return JSON.stringify(data)
    .replaceAll("<", "\\u003c")
    .replaceAll("&", "\\u0026")
    .replaceAll("\u2028", "\\u2028")
    .replaceAll("\u2029", "\\u2029");
}
