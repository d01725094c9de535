// An exercise of the playground's network, or its solution, as a page to print; it loads nothing.

import type { SentNetwork } from "../../backward/messages";
import { significant } from "../../dense/formulas/digits";
import { MATHML, mathmlName, signed, write } from "../../dense/formulas/notation";
import { exercise } from "./sheet";
import { inWords } from "./trace";

const STYLE = `
body { max-width: 46em; margin: 2em auto; padding: 0 1em; font: 16px/1.5 system-ui, sans-serif; color: #000; background: #fff; }
table { border-collapse: collapse; width: 100%; }
td { padding: 3px 12px 3px 0; vertical-align: baseline; }
td:first-child { width: 3em; color: #555; }
.gap { display: inline-block; min-width: 7em; border-bottom: 1px solid #000; }
small { color: #555; }
h2 { margin: 1.4em 0 0.2em; font-size: 1.1em; break-after: avoid; }
tr { break-inside: avoid; }
`;

export function handout(sent: SentNetwork, digits: number, isBlank: boolean): string {
  const { sheet, key } = exercise(sent, digits);
  const lines = new Map(key.map((line) => [line.name, line]));
  const sections = sheet.parts.map(({ heading, text, lines: shown }) => {
    const rows = shown.map(({ name }) => row(lines.get(name)!, digits, isBlank));
    return `<h2>${escaped(heading)}</h2><p>${escaped(text)}</p><table>${rows.join("")}</table>`;
  });
  const title = escaped(sheet.title);
  const intro = sheet.intro.map((text) => `<p>${escaped(text)}</p>`).join("");
  const how = isBlank ? `<p>${escaped(sheet.how)}</p>` : "";
  return (
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title}</title>` +
    `<style>${STYLE}</style></head><body><h1>${title}</h1>${intro}${how}${sections.join("")}</body></html>`
  );
}

type KeyLine = ReturnType<typeof exercise>["key"][number];

function row({ gap, name, value, formula, about }: KeyLine, digits: number, isBlank: boolean): string {
  const rounded = (one: number) => significant(one, digits);
  const result = signed(rounded(value ?? NaN), MATHML);
  const parts = [mathmlName(name)];
  if (formula) {
    parts.push(write(formula, MATHML));
    const numbers = write(formula, MATHML, rounded);
    if (!isBlank && numbers !== parts.at(-1) && numbers !== result) parts.push(numbers);
  }
  if (!formula || !isBlank) parts.push(result);
  // Each side is an element of its own, so that a long equation is broken between them.
  const equation = parts
    .map((part, i) => `<math displaystyle="true"><mrow>${i ? "<mo>=</mo>" : ""}${part}</mrow></math>`)
    .join(" ");
  const answer = formula && isBlank ? ` = <span class="gap"></span>` : "";
  const said = formula ? "" : ` <small>${escaped(inWords(about))}</small>`;
  return `<tr><td>${gap ? `(${gap})` : ""}</td><td>${equation}${answer}${said}</td></tr>`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
