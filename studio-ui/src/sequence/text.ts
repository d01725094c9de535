// The text that the network reads: its first characters, and what is appended to it.

/** The characters of a text as the vocabulary counts them: a sign outside of the first plane is one. */
export const characters = (text: string): string[] => [...text];

const USUAL = 40;

const LONG_WORD = 14;

/** The first whole words of an example, which may begin and end inside a word. */
export function firstText(text: string, level: string): string {
  if (level !== "character") return text.split(/\s+/).slice(0, 12).join(" ");
  const first = text.search(/\s/);
  const kept = text.slice(first > 0 && first <= LONG_WORD && text.length > USUAL ? first : 0).replace(/^\s+/, "");
  const every = characters(kept);
  if (every.length <= USUAL) return kept || text;
  const cut = every.slice(0, USUAL).join("");
  const space = cut.search(/\s\S*$/);
  return space > USUAL / 2 ? cut.slice(0, space) : cut;
}

/** A text with another piece behind it: characters follow each other, words have a space between them. */
export function continued(text: string, piece: string, level: string): string {
  return level === "character" || text === "" ? text + piece : `${text} ${piece}`;
}
