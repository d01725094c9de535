// What a tab keeps when its page is loaded again, of what no address can hold. Without storage, as in
// some private windows, nothing is kept.

const HEAD = "clearprop.";

/** What is kept under a name, as it was given; null where there is nothing. */
export function kept(name: string): unknown {
  try {
    return JSON.parse(sessionStorage.getItem(HEAD + name) ?? "null");
  } catch {
    return null;
  }
}

/** Keep plain data under a name; null takes them away. */
export function keep(name: string, value: unknown): void {
  try {
    if (value === null) sessionStorage.removeItem(HEAD + name);
    else sessionStorage.setItem(HEAD + name, JSON.stringify(value));
  } catch {
    // There is no room for it: the page works without.
  }
}
