// Long equations on several lines: browsers do not break MathML by themselves.

const SIGNS = new Set(["+", "−", "-"]);

/**
 * Cut an equation into lines, in front of its equals signs, the first one excepted, and each line into
 * pieces, in front of the signs of its sums: between pieces a browser can break the line.
 */
export function broken(mathml: string): string[][] {
  const parsed = new DOMParser().parseFromString(mathml, "text/html").querySelector("math");
  if (!parsed) return [];
  let row: Element = parsed;
  while (row.children.length === 1 && row.firstElementChild?.localName === "mrow") {
    row = row.firstElementChild;
  }
  const lines: Element[][][] = [[[]]];
  let equals = 0;
  for (const part of [...row.children]) {
    if (is(part, (sign) => sign === "=") && ++equals > 1) lines.push([[]]);
    const line = lines.at(-1)!;
    if (part.localName !== "mrow") line.at(-1)!.push(part);
    else
      [...part.children].forEach((one, i) => {
        // A sign at the beginning belongs to the first number.
        if (i > 0 && is(one, (sign) => SIGNS.has(sign))) {
          one.setAttribute("form", "infix");
          line.push([]);
        }
        line.at(-1)!.push(one);
      });
  }
  return lines.map((line) =>
    line.map((parts) => {
      const math = parsed.cloneNode(false) as Element;
      math.append(...parts);
      return math.outerHTML;
    }),
  );
}

function is(part: Element, wanted: (sign: string) => boolean): boolean {
  return part.localName === "mo" && wanted(part.textContent?.trim() ?? "");
}
