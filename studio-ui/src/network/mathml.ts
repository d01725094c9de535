// Long equations on several lines: browsers do not break MathML by themselves.

/** Cut an equation in front of its equals signs, the first one excepted. */
export function atEquals(mathml: string): string[] {
  const parsed = new DOMParser().parseFromString(mathml, "text/html").querySelector("math");
  if (!parsed) return [];
  let row: Element = parsed;
  while (row.children.length === 1 && row.firstElementChild?.localName === "mrow") {
    row = row.firstElementChild;
  }
  const lines: Element[][] = [[]];
  let equals = 0;
  for (const part of [...row.children]) {
    if (part.localName === "mo" && part.textContent?.trim() === "=" && ++equals > 1) lines.push([]);
    lines.at(-1)?.push(part);
  }
  if (lines.length === 1) return [mathml];
  return lines.map((parts) => {
    const math = parsed.cloneNode(false) as Element;
    math.append(...parts);
    return math.outerHTML;
  });
}
